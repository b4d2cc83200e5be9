"""A folder becomes a collection: scan, plan, encode, commit, watch."""

__all__ = [
    "caption_texts",
    "channel_posts",
    "contributions",
    "patience",
    "posts",
    "reindexer",
    "scan",
    "watch",
]
