"""What each family of commands does."""

__all__ = ["access", "contribute", "map", "moderate", "posts", "privacy", "reindex", "search"]
