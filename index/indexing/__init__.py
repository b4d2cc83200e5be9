"""A folder becomes a collection: scan, plan, encode, commit, watch."""

__all__ = [
    "caption_texts",
    "channel_posts",
    "contributions",
    "job_worker",
    "patience",
    "posts",
    "reindexer",
    "scan",
    "shared_jobs",
    "watch",
]
