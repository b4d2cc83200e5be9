"""Frames of pictures that move, beside the vectors of the pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, select

from core.domain.types import FrameVectors
from index.catalogue.rows import chunks
from index.catalogue.schema import picture_vectors

_STORED = np.dtype("<f4")


def pack_frames(frames: FrameVectors | None) -> bytes | None:
    """Frames as the catalogue stores them: of each its second and its vector, little-endian.

    None where there are none, as for pictures that do not move.
    """
    if frames is None:
        return None
    return np.column_stack([frames.at_s, frames.vectors]).astype(_STORED).tobytes()


def unpack_frames(stored: bytes, dimension: int) -> FrameVectors:
    """Raises ValueError for what are no frames of this dimension."""
    rows = np.frombuffer(stored, dtype=_STORED).reshape(-1, 1 + dimension).astype(np.float32)
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError("these are no frames")
    return FrameVectors(rows[:, 0].copy(), rows[:, 1:].copy())


def moving_contents(connection: Connection, fingerprint: str) -> set[str]:
    """The contents (SHA-256) that move, of all that a model has encoded; from an index alone."""
    table = picture_vectors
    query = select(table.c.sha256).where(
        table.c.frames.is_not(None), table.c.fingerprint == fingerprint
    )
    return set(connection.execute(query).scalars())


def frames_of(
    connection: Connection, fingerprint: str, dimension: int, contents: Collection[str]
) -> dict[str, FrameVectors]:
    """The frames of those of these contents that move, by their SHA-256.

    Those that are damaged are left out: verification tells.
    """
    table, found = picture_vectors, {}
    for chunk in chunks(contents):
        query = select(table.c.sha256, table.c.frames).where(
            table.c.frames.is_not(None),
            table.c.fingerprint == fingerprint,
            table.c.sha256.in_(chunk),
        )
        for sha256, stored in connection.execute(query):
            try:
                found[sha256] = unpack_frames(stored, dimension)
            except ValueError:
                continue
    return found


def by_place(contents: Sequence[str], found: Mapping[str, FrameVectors]) -> dict[int, FrameVectors]:
    """What was found of these contents, by their places."""
    if not found:
        return {}
    return {place: found[each] for place, each in enumerate(contents) if each in found}
