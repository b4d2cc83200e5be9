"""Comparing mapped vectors with their checksums while they are searched already."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Sequence

from core.domain.errors import CatalogueError
from index.vectors.mapped import CheckedVectors

_AT_ONCE = 256
"""Blocks between two looks whether anybody still holds the vectors: 16 MiB, 10 ms."""


def compare_behind(
    vectors: Iterable[CheckedVectors], *, at_once: int = _AT_ONCE
) -> threading.Thread | None:
    """Compare every block in a thread of its own, None where all are known to be whole.

    What is damaged says so itself (:attr:`CheckedVectors.damaged`). The thread holds nothing:
    it ends where the vectors are dropped, or with the program. ``at_once``: blocks between two
    looks whether anybody still holds them.
    """
    doubted = [weakref.ref(each) for each in vectors if not each.known]
    if not doubted:
        return None
    thread = threading.Thread(
        target=_compare, args=(doubted, at_once), name="index-checksums", daemon=True
    )
    thread.start()
    return thread


def _compare(doubted: Sequence[weakref.ref[CheckedVectors]], at_once: int) -> None:
    for each in doubted:
        while _compare_some(each, at_once):
            pass


def _compare_some(reference: weakref.ref[CheckedVectors], at_once: int) -> bool:
    vectors = reference()
    if vectors is None:
        return False
    try:
        return vectors.compare_next(at_once)
    except CatalogueError:
        return False  # it is marked, and made anew when it is asked for
