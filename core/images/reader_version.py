"""Which reader of words is installed, told without loading it."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

EDGE: Final = 960
"""Pixels of the longer edge of what is read: letters of ten pixels of a page of text still are."""

PACKAGES: Final = ("rapidocr", "onnxruntime")
"""What reading needs beside the program itself: its extra ``words``."""

_FORM: Final = 1
"""Counted up when the same pictures are read in another way."""


def missing_packages() -> tuple[str, ...]:
    """Those of :data:`PACKAGES` that are not installed. Imports nothing."""
    return tuple(name for name in PACKAGES if find_spec(name) is None)


def reader_version() -> str:
    """What reads, and at which size; empty where nothing is installed that does."""
    if missing_packages():
        return ""
    return f"{_FORM}-{PACKAGES[0]}-{version(PACKAGES[0])}-{EDGE}"
