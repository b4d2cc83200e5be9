"""What each command of the terminal does; imported when it is called."""

__all__ = [
    "access",
    "collections",
    "databases",
    "jobs",
    "learning",
    "operations",
    "registry",
    "run",
]
