"""Training and evaluation of projection heads on frozen towers."""

__all__ = [
    "base_model",
    "checkpoint",
    "evaluation",
    "feature_cache",
    "features",
    "loop",
    "options",
    "train",
    "verdict",
]
