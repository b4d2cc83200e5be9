"""Searches over the stamps under any captions, by vectors that are computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Lane, Picture, Vectors
from core.search.service import Search
from tests.evaluation.conftest import Stamps
from tests.evaluation.texts import Texts
from tests.fake_collections import FakeLibrary, FakeSnapshot, FakeVectorIndex
from tests.fakes import FakeDecoder, FakeEmbedder


class KnownVectors(FakeEmbedder):
    """The embedder port over texts that are encoded once, and over one ``picture``."""

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts
        self.picture: Vectors | None = None

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """The vector of the text, float32 [576]."""
        del lane
        vector: Vectors = self._texts.of([text])[0]
        return vector

    async def embed_pixels(self, pixels: NDArray[np.uint8], *, lane: Lane = Lane.CHAT) -> Vectors:
        """The vector of the picture, whatever the pixels."""
        del pixels, lane
        assert self.picture is not None
        return self.picture


def gallery(
    stamps: Stamps,
    embedder: KnownVectors,
    texts: Texts,
    rows: Sequence[int],
    captions: Sequence[str],
) -> Search:
    """A search over these stamps under these captions, empty ones being none."""
    told = [(caption, row) for row, caption in enumerate(captions) if caption]
    none = np.empty((0, stamps.vectors.shape[1]), dtype=np.float32)
    pictures = [
        Picture(f"p{row}", "gallery", stamps.paths[row], caption, f"{row:064x}", 100, 100)
        for row, caption in zip(rows, captions, strict=True)
    ]
    snapshot = FakeSnapshot(
        collection="gallery",
        generation=1,
        pictures=pictures,
        captions=told,
        picture_index=FakeVectorIndex(stamps.vectors[list(rows)]),
        caption_index=FakeVectorIndex(texts.of([text for text, _ in told]) if told else none),
    )
    return Search(FakeLibrary({"gallery": snapshot}), embedder, FakeDecoder())
