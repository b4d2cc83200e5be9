"""What answers questions, put together from concrete classes for any command that needs it."""

__all__ = [
    "database",
    "embedding",
    "encoder",
    "engine",
    "exposure",
    "files",
    "instance",
    "jobs",
    "learning",
    "preflight",
    "reading",
    "reload",
    "settings_record",
    "specs",
    "stored",
    "telegram_memory",
    "telegram_store",
    "vectors",
    "words",
]
