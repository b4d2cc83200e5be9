"""Hand-written fakes of collections: vector index, snapshot, library and reindexing."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.domain.errors import (
    BeingEncodedAnew,
    CommunityUnknown,
    EmptyCollection,
    NotFound,
    TangerineError,
)
from core.domain.types import (
    ByDate,
    CollectionStatus,
    Look,
    Origin,
    Picture,
    Progress,
    ReindexReport,
    Vectors,
)
from core.domain.viewer import Viewer
from core.search.frames import FrameRows
from core.search.lexical import CaptionWords
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
    frames: FrameRows | None = None

    @property
    def uploads_from(self) -> int:
        return 0

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        return np.array([row for _, row in self.captions], dtype=np.int64)

    @cached_property
    def caption_words(self) -> CaptionWords:
        return CaptionWords.of(text for text, _ in self.captions)

    @property
    def settled(self) -> FakeSnapshot:
        return self

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


def without(snapshot: FakeSnapshot, hidden: frozenset[str]) -> FakeSnapshot:
    """The snapshot without these pictures; itself where it has none of them."""
    left = [row for row, each in enumerate(snapshot.pictures) if each.id not in hidden]
    if len(left) == len(snapshot.pictures):
        return snapshot
    rows = {old: new for new, old in enumerate(left)}
    words = [n for n, (_, owner) in enumerate(snapshot.captions) if owner in rows]
    return replace(
        snapshot,
        pictures=tuple(snapshot.pictures[row] for row in left),
        captions=tuple((snapshot.captions[n][0], rows[snapshot.captions[n][1]]) for n in words),
        picture_index=FakeVectorIndex(snapshot.picture_index.vectors[left]),
        caption_index=FakeVectorIndex(snapshot.caption_index.vectors[words]),
    )


@dataclass
class FakeLibrary:
    """Snapshots by name and, for each name, the communities that may search it.

    A collection that ``communities`` says nothing of is searched by everybody, each as one of
    those who share it; where it says ``*``, whoever it does not name is a stranger.
    ``files`` maps a picture's id to its file, for routes that serve pictures. ``held`` are the
    ids that a community's moderation holds, ``for_adults`` those of them that it shows to adults.
    ``gone`` are the ids whose files are not there; ``expecting``: how many pictures there are to
    be once all are indexed; ``refusal``: why none can be opened.
    """

    snapshots: dict[str, FakeSnapshot]
    communities: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=dict)
    for_adults: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    expecting: int | None = None
    refusal: TangerineError | None = None

    def has_file(self, picture: Picture) -> bool:
        return picture.id not in self.gone

    def file_of(self, picture: Picture) -> Path | None:
        return self.files.get(picture.id)

    def expected(self, collection: str) -> int | None:
        del collection
        return self.expecting

    def visible(self, viewer: Viewer | str) -> Sequence[str]:
        community = Viewer.of(viewer).community
        return tuple(
            name
            for name in self.snapshots
            if {"*", community} & self.communities.get(name, frozenset({"*"}))
            or community == "local"
        )

    @property
    def names(self) -> Sequence[str]:
        return tuple(self.snapshots)

    def shares(self, collection: str, community: Viewer | str) -> bool:
        named = self.communities.get(collection)
        mine = Viewer.of(community).community
        return named is None or mine in named | {"web", "local"}

    async def open(
        self, collection: str | None, community: Viewer | str, *, of_any_model: bool = False
    ) -> FakeSnapshot:
        if self.refusal is not None and not (
            of_any_model and isinstance(self.refusal, BeingEncodedAnew)
        ):
            raise self.refusal
        names = self.visible(community)
        if not names:
            raise CommunityUnknown(community=Viewer.of(community).community)
        name = collection if collection is not None else next(iter(names), None)
        if name is None or name not in names:
            raise NotFound("There is no such collection here.")
        if not self.snapshots[name].pictures:
            raise EmptyCollection(collection=name)
        shown = without(self.snapshots[name], self.hidden(community))
        if not shown.pictures:
            raise EmptyCollection("There are no pictures.", remedy="Run: tangerine reindex")
        return shown

    def hidden(self, viewer: Viewer | str) -> frozenset[str]:
        """The ids that this viewer does not see."""
        viewer = Viewer.of(viewer)
        held = self.held.get(viewer.community, set())
        return frozenset(held - self.for_adults if viewer.adults else held)

    async def picture_file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path]:
        for name in self.visible(community) if picture_id not in self.hidden(community) else ():
            row = self.snapshots[name].row_of(picture_id)
            if row is not None and picture_id in self.files:
                return self.snapshots[name].pictures[row], self.files[picture_id]
        raise NotFound("There is no such picture here.", remedy="Search again.")

    async def status(self, community: Viewer | str) -> Sequence[CollectionStatus]:
        return tuple(
            CollectionStatus(
                name=name,
                pictures=len(
                    [p for p in self.snapshots[name].pictures if p.id not in self.hidden(community)]
                ),
                captions=len(self.snapshots[name].captions),
                index="exact",
                generation=self.snapshots[name].generation,
                expected=self.expecting,
            )
            for name in self.visible(community)
        )


class FakeLooks:
    """Looks of the pictures of a library: dates by id, and one placeholder for all that have one.

    Of all others the higher id is the newer one, and ``undated`` have no date at all.
    """

    def __init__(self, library: FakeLibrary) -> None:
        self._library = library
        self.dates: dict[str, float] = {}
        self.undated: set[str] = set()
        self.placeholder = b"RIFF a tiny picture"
        self.revision = 0
        self.asked = 0

    def of(self, shown: Sequence[Picture]) -> Sequence[Look]:
        return [Look(self.placeholder, self._date(each)) for each in shown]

    def by_date(self, collection: str) -> ByDate:
        self.asked += 1
        rows = sorted(
            ((self._date(each), each.id) for each in self._library.snapshots[collection].pictures),
            key=lambda row: (row[0] is None, -(row[0] or 0.0), row[1]),
        )
        return ByDate(
            np.array([key.encode() for _, key in rows], dtype="S8"),
            np.array([-np.inf if date is None else date for date, _ in rows]),
        )

    def _date(self, picture: Picture) -> float | None:
        if picture.id in self.undated:
            return None
        return self.dates.get(picture.id, 1_000_000.0 + int(picture.id[1:]))


@dataclass
class FakeGrants:
    """Lets communities into the collections of a fake library.

    ``error`` is raised by a grant while it is set.
    """

    library: FakeLibrary
    error: Exception | None = None
    granted: dict[str, dict[str, Origin]] = field(default_factory=dict)

    def of(self, collection: str) -> Mapping[str, Origin]:
        return self.granted.get(collection, {})

    async def grant(self, collection: str, community: str, origin: Origin) -> bool:
        if self.error is not None:
            raise self.error
        new = community not in self.of(collection)
        self.granted.setdefault(collection, {}).setdefault(community, origin)
        self.library.communities[collection] |= {community}
        return new

    async def revoke(self, collection: str, community: str) -> bool:
        if self.granted.get(collection, {}).pop(community, None) is None:
            return False
        self.library.communities[collection] -= {community}
        return True


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
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        del confirm_removals, paths
        self.calls.append((collection, full))
        if isinstance(self.report, TangerineError):
            raise self.report
        if on_progress is not None:
            for done in range(3):
                on_progress(Progress(stage="encode", done=done, total=2))
        return self.report

    def running(self) -> Mapping[str, Progress]:
        return dict(self.progress)
