"""The values, errors and ports that every room knows. Imports no other room."""

__all__ = [
    "asker",
    "cache_file",
    "choices",
    "clock_time",
    "errors",
    "plain_text",
    "ports",
    "rate_limits",
    "reindex_jobs",
    "repeating",
    "single_flight",
    "threads",
    "types",
    "viewer",
]
