"""The embedded default model: two frozen towers from PyPI packages, heads of our own."""

__all__ = ["assemble", "modeling", "pieces", "questions", "towers"]
