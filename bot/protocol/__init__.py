"""What every platform speaks with the chat: commands, requests, replies and ports, as values."""

__all__ = ["definitions", "json_views", "ports", "replies", "requests"]
