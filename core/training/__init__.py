"""Training and evaluation of projection heads on frozen towers."""

__all__ = [
    "base_model",
    "evaluation",
    "feature_cache",
    "features",
    "loop",
    "record",
    "train",
    "trainer",
    "verdict",
]
