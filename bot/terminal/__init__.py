"""What is written to a terminal: tables, progress, errors, and other people's text."""

__all__ = ["console", "invocation", "numbers", "printable"]
