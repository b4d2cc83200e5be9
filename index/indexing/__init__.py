"""A folder becomes a collection: scan, plan, encode, commit, watch."""

__all__ = ["caption_texts", "contributions", "patience", "posts", "reindexer", "scan", "watch"]
