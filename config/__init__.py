"""The settings of Tangerine."""

__all__ = ["addresses", "files", "settings"]
