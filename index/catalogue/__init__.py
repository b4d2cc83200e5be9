"""The truth about every collection, in one database."""

__all__ = [
    "catalogue",
    "contents",
    "database",
    "file_types",
    "folders",
    "hashing",
    "ids",
    "records",
    "rows",
    "schema",
    "walk",
    "word_rows",
    "writes",
]
