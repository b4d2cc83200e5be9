"""Which engine holds a collection's vectors: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from core.domain.ports import VectorIndex
from core.domain.types import Vectors
from index.vectors.codes import can_be_coded
from index.vectors.flat import FlatIndex
from index.vectors.mapped import spilled
from index.vectors.pq import CompactIndex
from index.vectors.tuning import IndexRules, compact, seconds_of_a_query


class KnownIndex(VectorIndex, Protocol):
    @property
    def kind(self) -> str:
        """The name of the engine in manifests and in ``tangerine status``."""

    @property
    def recall(self) -> float | None:
        """The measured share of the true ten best that it finds; None: all, always."""


class StoredIndex(KnownIndex, Protocol):
    def save(self, path: Path) -> None:
        """Write the index to a file, and what else it needs beside it. Raises OSError."""


SMALL = FlatIndex.kind
"""The engine of what is searched without ever being written: a few uploads."""

_PAGE = 64
"""Hits that a search asks for at first, so that near-duplicates can be left out."""


_LOADERS: Mapping[str, Callable[[Path, int], StoredIndex]] = {
    FlatIndex.kind: FlatIndex.load,
    CompactIndex.kind: CompactIndex.load,
}


def build_index(dimension: int, blocks: Iterable[Vectors]) -> StoredIndex:
    """An exact index of these vectors, given in blocks of float32 [n, dimension]."""
    return FlatIndex.build(dimension, blocks)


def gather(
    dimension: int, blocks: Iterable[Vectors], scratch: Path | None, rules: IndexRules
) -> Vectors:
    """All blocks of float32 [n, dimension] as one read-only matrix.

    In memory as long as they are few; else in a nameless file in ``scratch`` that is mapped
    (:func:`index.vectors.mapped.spilled`). Raises OSError.
    """
    held: list[Vectors] = []
    size = 0
    remaining = iter(blocks)
    for block in remaining:
        held.append(block)
        size += block.nbytes
        if size > rules.always_exact:
            return spilled(dimension, chain(held, remaining), scratch)
    return np.concatenate([np.empty((0, dimension), dtype=np.float32), *held])


def choose_index(
    vectors: Vectors, others: Vectors, rules: IndexRules, before: VectorIndex | None = None
) -> StoredIndex:
    """The engine for these vectors: exact while it is fast enough, else one that finds enough.

    ``others`` are what is asked about them besides: the captions of pictures, float32 [m, d],
    or the pictures of captions; ``before`` the index of the generation before, from which a
    compact one takes over what it learnt. Blocking, for minutes where there are a million.
    """
    dimension = vectors.shape[1]
    if vectors.nbytes <= rules.always_exact or not can_be_coded(vectors):
        return FlatIndex.build(dimension, [vectors])
    flat = None
    if vectors.nbytes <= rules.never_timed:
        flat = FlatIndex.build(dimension, [vectors])
        if seconds_of_a_query(flat, vectors, _PAGE) <= rules.exact_s:
            return flat
    known = before if isinstance(before, CompactIndex) and _mostly(before, vectors) else None
    found = compact(vectors, others, rules, known)
    return found or flat or FlatIndex.build(dimension, [vectors])


def _mostly(before: CompactIndex, vectors: Vectors) -> bool:
    """Whether at least half of these vectors may have been learnt from."""
    return before.dimension == vectors.shape[1] and 2 * len(before) >= len(vectors)


def load_index(kind: str, path: Path, dimension: int) -> StoredIndex:
    """The index that a file holds. Raises ValueError where it holds something else, OSError."""
    try:
        load = _LOADERS[kind]
    except KeyError:
        raise ValueError(f"no engine of the name {kind!r}") from None
    return load(path, dimension)
