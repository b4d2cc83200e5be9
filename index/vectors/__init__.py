"""Vector indexes on FAISS, exact and compressed, in files that are mapped."""

__all__ = [
    "choose",
    "durable",
    "exact",
    "filtered",
    "flat",
    "manifest",
    "milvus",
    "selected",
    "tuning",
]
