"""The truth about every collection, in one database."""

__all__ = [
    "catalogue",
    "contents",
    "database",
    "engine_rows",
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
    "sampled",
    "schema",
    "sqlite",
    "walk",
    "word_rows",
    "writes",
]
