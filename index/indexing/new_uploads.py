"""Pictures about to be kept, of an upload or a post: encoded, and compared with what is there."""

from __future__ import annotations

from functools import partial

import numpy as np

from core.domain.ports import Embedder, PictureDecoder, Snapshot
from core.domain.types import Lane, Picture, Vectors
from core.search.frames import frame_vectors, same_frames
from index.indexing.encode import checked
from index.snapshots.overlay import NewUpload

NEAREST = 8
"""Pictures that are compared with a new one: many pages of text are as close as each other."""


class UploadEncoder:
    """Makes vectors of what is kept of a picture, not of what was posted.

    A full reindex, which has only the kept file, then gives the same ones.
    """

    def __init__(self, decoder: PictureDecoder, embedder: Embedder) -> None:
        self._decoder = decoder
        self._embedder = embedder

    async def encode(
        self,
        jpeg: bytes,
        *,
        sha256: str,
        posted_sha256: str,
        caption: str,
        uploader: str = "",
        lane: Lane = Lane.CHAT,
    ) -> NewUpload:
        """Raises BadPicture and its subclasses, Busy, EncodingFailed."""
        decoded = await self._decoder.decode(jpeg, self._embedder.pixel_spec, frames=True)
        embed = partial(self._embedder.embed_pixels, lane=lane)
        vector = checked(await embed(decoded.pixels), self._embedder.identity.dimension)
        return NewUpload(
            jpeg=jpeg,
            sha256=sha256,
            posted_sha256=posted_sha256,
            width=decoded.width,
            height=decoded.height,
            caption=caption,
            vector=vector,
            caption_vector=await self.meaning(caption, lane),
            uploader=uploader,
            placeholder=decoded.placeholder,
            frames=await frame_vectors(decoded, vector, embed),
        )

    async def meaning(self, caption: str, lane: Lane) -> Vectors | None:
        """The vector of a caption, float32 [d]; None without one."""
        if not caption:
            return None
        vector = await self._embedder.embed_text(caption, lane=lane)
        return checked(vector, self._embedder.identity.dimension)


def nearest(view: Snapshot, new: NewUpload, at_least: float) -> dict[Picture, float]:
    """The pictures whose vectors are so close, the closest first, and how close they are.

    Of those that move, all frames must be.
    """
    count = min(NEAREST, len(view.pictures))
    scores, rows = view.picture_index.search(new.vector[None], count)
    near = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
    return {
        view.pictures[row]: score
        for row, score in near
        if score >= at_least and _like_row(view, row, new, at_least)
    }


def moves_alike(one: NewUpload, other: NewUpload, at_least: float) -> bool:
    """Whether each frame of the one has its like in the other; also where neither moves."""
    return same_frames(_vectors_of(one), _vectors_of(other), at_least)


def _like_row(view: Snapshot, row: int, new: NewUpload, at_least: float) -> bool:
    theirs = None if view.frames is None else view.frames.of_row(row)
    if theirs is None and new.frames is None:
        return True
    there = view.picture_index.reconstruct(np.array([row])) if theirs is None else theirs.vectors
    return same_frames(_vectors_of(new), there, at_least)


def _vectors_of(new: NewUpload) -> Vectors:
    return new.vector[None] if new.frames is None else new.frames.vectors
