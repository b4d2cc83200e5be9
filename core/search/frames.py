"""Pictures that move: several vectors, of which the one nearest to a question counts.

Each such picture has one row like any other, with the vector of its first frame; what is here lies
beside those rows. Collections in which nothing moves have none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import FrameIndex, Snapshot, VectorIndex
from core.domain.types import DecodedPicture, FrameVectors, Pixels, Vectors

SAME_FRAME = 0.97
"""Cosine from which on two frames of a picture are one: as for two pictures."""


async def frame_vectors(
    decoded: DecodedPicture, first: Vectors, embed: Callable[[Pixels], Awaitable[Vectors]]
) -> FrameVectors | None:
    """The frames of a decoded picture, of nearly equal ones the first; None where it is still.

    ``first``: the vector of its first frame, float32 [d], which is not embedded again.
    """
    if not decoded.frames:
        return None
    others = await asyncio.gather(*(embed(frame.pixels) for frame in decoded.frames[1:]))
    kept = [0]
    vectors = np.stack([first, *others]).astype(np.float32)
    for place in range(1, len(vectors)):
        if (vectors[kept] @ vectors[place]).max() < SAME_FRAME:
            kept.append(place)
    at_s = np.array([decoded.frames[place].at_s for place in kept], dtype=np.float32)
    return FrameVectors(at_s, vectors[kept])


class FrameBlock(NamedTuple):
    """Frames beside each other: of which row each is (-1: of none any more), and when.

    ``owners`` int64 [f], ``at_s`` float32 [f], ``vectors`` float32 [f, d].
    """

    owners: NDArray[np.int64]
    at_s: NDArray[np.float32]
    vectors: Vectors


class FrameRows:
    """The frames of a snapshot's pictures that move. Immutable; vectors are not copied."""

    def __init__(self, blocks: Sequence[FrameBlock]) -> None:
        self.blocks = tuple(blocks)
        owners = np.concatenate([each.owners for each in blocks])
        order = np.argsort(owners, kind="stable")
        self._order = order[np.searchsorted(owners[order], 0) :]
        self.rows, self._starts = np.unique(owners[self._order], return_index=True)
        """The rows of the pictures that move, rising: int64 [m]."""
        self._ends = np.append(self._starts[1:], len(self._order))
        self._first = np.cumsum([0, *(len(each.owners) for each in blocks)])

    @classmethod
    def of(cls, frames: Mapping[int, FrameVectors]) -> Self | None:
        """By the rows of their pictures; None where there are none."""
        if not frames:
            return None
        owners = np.repeat([*frames], [len(each.at_s) for each in frames.values()])
        return cls(
            [
                FrameBlock(
                    owners.astype(np.int64),
                    np.concatenate([each.at_s for each in frames.values()]),
                    np.concatenate([each.vectors for each in frames.values()]),
                )
            ]
        )

    def renumbered(self, new: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Self:
        """The same beside other rows; ``new`` gives them for these, -1 for those that are gone."""
        return type(self)(
            [each._replace(owners=_where_any(each.owners, new)) for each in self.blocks]
        )

    def only(self, rows: NDArray[np.int64]) -> Self:
        """Those of these rows alone, int64 [n] rising."""
        return self.renumbered(lambda owners: np.where(np.isin(owners, rows), owners, -1))

    def then(self, others: FrameRows) -> Self:
        return type(self)([*self.blocks, *others.blocks])

    def of_row(self, row: int) -> FrameVectors | None:
        """The frames of a picture in their order; None where it does not move."""
        places = self._places(row)
        if places is None:
            return None
        return FrameVectors(
            np.array([self._at(place)[0] for place in places], dtype=np.float32),
            np.stack([self._at(place)[1] for place in places]),
        )

    def by_row(self) -> dict[int, FrameVectors]:
        found = {int(row): self.of_row(int(row)) for row in self.rows}
        return {row: frames for row, frames in found.items() if frames is not None}

    def best(self, score: Callable[[Vectors], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The highest score among the frames of each of :attr:`rows`: float32 [m]."""
        if not len(self.rows):
            return np.empty(0, dtype=np.float32)
        scores = np.concatenate([score(each.vectors) for each in self.blocks])
        return np.maximum.reduceat(scores[self._order], self._starts).astype(np.float32)

    def raised(
        self, scores: NDArray[np.float32], score: Callable[[Vectors], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Scores of all rows [n], those of pictures that move by their best frame."""
        found = scores.copy()
        found[self.rows] = np.maximum(found[self.rows], self.best(score))
        return found

    def nearest(self, row: int, query: Vectors) -> tuple[float, Vectors] | None:
        """The second and the vector of the frame of a picture that is nearest to a query, [d].

        None where it does not move.
        """
        found = self.of_row(row)
        if found is None:
            return None
        place = int(np.argmax(found.vectors @ query))
        return float(found.at_s[place]), found.vectors[place]

    def _places(self, row: int) -> list[int] | None:
        place = int(np.searchsorted(self.rows, row))
        if place == len(self.rows) or self.rows[place] != row:
            return None
        found: list[int] = self._order[self._starts[place] : self._ends[place]].tolist()
        return found

    def _at(self, place: int) -> tuple[float, Vectors]:
        number = int(np.searchsorted(self._first, place, side="right")) - 1
        block, within = self.blocks[number], place - int(self._first[number])
        return float(block.at_s[within]), block.vectors[within]


def _where_any(
    owners: NDArray[np.int64], new: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> NDArray[np.int64]:
    found = np.full(len(owners), -1, dtype=np.int64)
    there = owners >= 0
    found[there] = new(owners[there])
    return found


class BestFrames:
    """The VectorIndex port over an index, where pictures that move are as near as a frame is.

    What is found is exact where the index is: a picture among the ``k`` nearest has its own vector
    among the ``k`` nearest of the index, or moves and is compared here.
    """

    def __init__(self, index: VectorIndex, frames: FrameIndex) -> None:
        self._index = index
        self._frames = frames

    def __len__(self) -> int:
        return len(self._index)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores, rows = self._index.search(queries, k)
        scores, rows = scores.copy(), rows.copy()
        for number, query in enumerate(queries):
            # One by one: a batch would round otherwise than a query alone.
            best = self._frames.best(lambda vectors, query=query: vectors @ query)  # type: ignore[misc]
            still = ~np.isin(rows[number], self._frames.rows)
            found = np.concatenate([scores[number][still], best])
            named = np.concatenate([rows[number][still], self._frames.rows])
            # The last key sorts first: by score, then by row.
            first = np.lexsort((named, -found))[: rows.shape[1]]
            scores[number], rows[number] = found[first], named[first]
        return scores, rows

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        return self._index.reconstruct(rows)


def nearest_vectors(snapshot: Snapshot, rows: NDArray[np.int64], query: Vectors) -> Vectors:
    """The vectors of these rows, float32 [n, d], of pictures that move the nearest frame's."""
    vectors = snapshot.picture_index.reconstruct(rows)
    frames = snapshot.frames
    if frames is None:
        return vectors
    moving = np.flatnonzero(np.isin(rows, frames.rows)).tolist()
    if moving:
        vectors = vectors.copy()
    for place in moving:
        found = frames.nearest(int(rows[place]), query)
        assert found is not None, "it moves"
        vectors[place] = found[1]
    return vectors


def same_frames(one: Vectors, other: Vectors, at_least: float) -> bool:
    """Whether each frame of the one, float32 [n, d], has its like in the other, [m, d], and back.

    What begins alike, as videos with one opening do, is not the same for that.
    """
    cosines = one @ other.T
    return bool(min(cosines.max(axis=0).min(), cosines.max(axis=1).min()) >= at_least)


def second_of(snapshot: Snapshot, row: int, query: Vectors) -> float | None:
    """The second of the frame of a picture that is nearest to a query; None where it is still."""
    found = None if snapshot.frames is None else snapshot.frames.nearest(row, query)
    return None if found is None else found[0]
