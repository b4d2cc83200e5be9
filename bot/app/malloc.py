"""What glibc's malloc is told."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8
"""malloc.h of glibc, as ``mallopt(3)`` describes it. Other C libraries know no arenas."""


def limit_malloc_arenas(count: int | None) -> bool:
    """Let all threads share ``count`` arenas; whether the C library does so.

    Memory that one thread has freed is then taken by the next. Counts for arenas that are not
    there yet: to be called before threads are started. None bounds nothing.
    """
    if count is None or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, count))
