"""``export`` and ``import``: a collection as a folder of open formats."""

__all__ = ["export", "format", "import_", "sample", "telegram_export"]
