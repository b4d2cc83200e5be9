"""The truth about every collection, in one SQLite database."""
