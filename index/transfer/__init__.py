"""``export`` and ``import``: a collection as a folder of open formats."""

__all__ = ["databases", "export", "format", "import_", "sample", "telegram_export"]
