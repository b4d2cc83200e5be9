"""From a handler's results to a neutral reply, in one language."""

__all__ = ["moderate", "search", "settings"]
