"""``verify`` and ``repair``: whether catalogue, index and files agree."""

__all__ = ["differences", "repair", "verify"]
