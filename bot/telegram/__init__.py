"""The Telegram adapter, on python-telegram-bot."""

__all__ = ["adapter", "memory", "webhook"]
