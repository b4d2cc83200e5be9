"""Training and evaluation of projection heads on frozen towers."""
