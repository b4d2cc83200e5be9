"""The Discord adapter, on discord.py."""

__all__ = ["adapter"]
