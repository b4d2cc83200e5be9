"""The values, errors and ports that every room knows. Imports no other room."""

__all__ = [
    "asker",
    "choices",
    "errors",
    "once",
    "ports",
    "rate_limits",
    "reindex_jobs",
    "threads",
    "together",
    "types",
    "viewer",
]
