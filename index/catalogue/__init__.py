"""The truth about every collection, in one SQLite database."""

__all__ = [
    "catalogue",
    "contents",
    "database",
    "file_types",
    "folders",
    "frames",
    "hashing",
    "ids",
    "integrity",
    "migrations",
    "records",
    "rows",
    "schema",
    "walk",
    "word_rows",
    "writes",
]
