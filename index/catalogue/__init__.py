"""The truth about every collection, in one database."""

__all__ = [
    "catalogue",
    "contents",
    "database",
    "file_types",
    "folders",
    "frames",
    "hashing",
    "ids",
    "job_rows",
    "migrations",
    "records",
    "remembered",
    "rows",
    "schema",
    "sqlite",
    "walk",
    "word_rows",
    "writes",
]
