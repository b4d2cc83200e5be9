"""The web adapter: the page, the HTTP API, health and metrics."""

__all__ = ["adapter", "waiting"]
