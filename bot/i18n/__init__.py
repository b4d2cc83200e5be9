"""Every word that a user reads, in one language; translations lie in ``locales``."""

__all__ = ["direction", "discord", "formats", "messages", "page", "telegram"]
