"""Vector indexes on FAISS, exact and compressed, in files that are mapped."""

__all__ = [
    "background_check",
    "choose",
    "durable",
    "filtered",
    "flat",
    "manifest",
    "mapped",
    "tuning",
]
