"""What each command of the terminal does; imported when it is called."""

__all__ = ["access", "collections", "learning", "operations", "registry", "run"]
