"""Hand-written fakes of collections: vector index, snapshot, library and reindexing."""

# ruff: noqa: D102 - the ports in core/ports.py document these methods

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import EmptyCollection, NotFound, TangerineError
from core.types import CollectionStatus, Picture, Progress, ReindexReport, Vectors
from tests.fakes import FakeEncoder, picture_bytes


class FakeVectorIndex:
    """The vector index in plain numpy: the reference that the contract suite measures by."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        k = max(0, min(k, len(self)))
        if not len(self):
            empty = (len(queries), 0)
            return np.empty(empty, dtype=np.float32), np.empty(empty, dtype=np.int64)
        # float64: the order in which BLAS sums would tell equal vectors apart.
        exact = queries.astype(np.float64) @ self.vectors.astype(np.float64).T
        scores = np.clip(exact, -1.0, 1.0).astype(np.float32)
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int64)
        return np.take_along_axis(scores, rows, axis=1), rows

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        return self.vectors[np.asarray(rows, dtype=np.int64)]


@dataclass(frozen=True, eq=False)
class FakeSnapshot:
    """A snapshot whose content is given; ``of`` builds one with the fake encoder."""

    collection: str
    generation: int
    pictures: Sequence[Picture]
    captions: Sequence[tuple[str, int]]
    picture_index: FakeVectorIndex
    caption_index: FakeVectorIndex

    def row_of(self, picture_id: str) -> int | None:
        for row, picture in enumerate(self.pictures):
            if picture.id == picture_id:
                return row
        return None

    @classmethod
    def of(
        cls,
        captioned: Sequence[tuple[str, str]],
        *,
        collection: str = "gallery",
        generation: int = 1,
        encoder: FakeEncoder | None = None,
    ) -> FakeSnapshot:
        """A snapshot of flat pictures: each a pair of colour and caption (may be empty)."""
        encoder = encoder or FakeEncoder()
        edge = encoder.pixel_spec.height
        pictures: list[Picture] = []
        pixels: list[NDArray[np.uint8]] = []
        for number, (colour, caption) in enumerate(captioned):
            data = picture_bytes(colour, seed=number, edge=edge)
            with Image.open(io.BytesIO(data)) as image:
                pixels.append(np.asarray(image.convert("RGB")))
            pictures.append(
                Picture(
                    id=f"p{number:07d}",
                    collection=collection,
                    path=f"{colour}-{number}.png",
                    caption=caption,
                    sha256=hashlib.sha256(data).hexdigest(),
                    width=edge,
                    height=edge,
                )
            )
        captions = [(caption, row) for row, (_, caption) in enumerate(captioned) if caption]
        none = np.empty((0, encoder.identity.dimension), dtype=np.float32)
        texts = [text for text, _ in captions]
        return cls(
            collection=collection,
            generation=generation,
            pictures=tuple(pictures),
            captions=tuple(captions),
            picture_index=FakeVectorIndex(
                encoder.encode_images(np.stack(pixels)) if pixels else none
            ),
            caption_index=FakeVectorIndex(encoder.encode_texts(texts) if texts else none),
        )


@dataclass
class FakeLibrary:
    """Snapshots by name and, for each name, the communities that may search it.

    ``files`` maps a picture's id to its file, for routes that serve pictures.
    """

    snapshots: dict[str, FakeSnapshot]
    communities: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def visible(self, community: str) -> Sequence[str]:
        return tuple(
            name
            for name in self.snapshots
            if {"*", community} & self.communities.get(name, frozenset({"*"}))
            or community == "local"
        )

    async def open(self, collection: str | None, community: str) -> FakeSnapshot:
        names = self.visible(community)
        name = collection if collection is not None else next(iter(names), None)
        if name is None or name not in names:
            raise NotFound("There is no such collection here.", remedy="Leave out its name.")
        if not self.snapshots[name].pictures:
            raise EmptyCollection("Nothing is indexed yet.", remedy="Run: tangerine reindex")
        return self.snapshots[name]

    async def picture_file(self, picture_id: str, community: str) -> tuple[Picture, Path]:
        for name in self.visible(community):
            row = self.snapshots[name].row_of(picture_id)
            if row is not None and picture_id in self.files:
                return self.snapshots[name].pictures[row], self.files[picture_id]
        raise NotFound("There is no such picture here.", remedy="Search again.")

    async def status(self, community: str) -> Sequence[CollectionStatus]:
        return tuple(
            CollectionStatus(
                name=name,
                pictures=len(self.snapshots[name].pictures),
                captions=len(self.snapshots[name].captions),
                index="exact",
                generation=self.snapshots[name].generation,
            )
            for name in self.visible(community)
        )


class FakeReindexing:
    """Reports what it was told to; ``calls`` keeps the collections it was asked for."""

    def __init__(self, report: ReindexReport | TangerineError) -> None:
        self.report = report
        self.calls: list[tuple[str, bool]] = []
        self.progress: dict[str, Progress] = {}

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        self.calls.append((collection, full))
        if isinstance(self.report, TangerineError):
            raise self.report
        if on_progress is not None:
            for done in range(3):
                on_progress(Progress(stage="encode", done=done, total=2))
        return self.report

    def running(self) -> Mapping[str, Progress]:
        return dict(self.progress)
