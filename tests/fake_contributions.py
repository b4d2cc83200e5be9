"""Hand-written fakes of what people add and choose: contributions and community settings."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.domain.errors import (
    CollectionFull,
    DuplicatePicture,
    ExpiredButton,
    NotAPicture,
    NotFound,
    TangerineError,
)
from core.domain.types import CommunitySettings, PersonalData, Picture, Upload, Vectors
from core.domain.viewer import Viewer
from tests.fake_collections import FakeLibrary, FakeSnapshot, FakeVectorIndex
from tests.fakes import FakeEncoder

RESTORABLE_S = 300.0


@dataclass
class _Removed:
    """A picture that was taken out, with all that brings it back."""

    picture: Picture
    vector: Vectors
    file: Path | None
    community: str
    remover: str
    at: float


@dataclass
class FakeContributions:
    """Adds to and removes from a fake library's snapshots; every collection is shared.

    ``most`` uploads for each collection. ``departed`` keeps who left, ``names`` who moved,
    ``kept`` are communities with settings. ``failure``: why a departure cannot be noted.
    """

    library: FakeLibrary
    encoder: FakeEncoder
    folder: Path
    now: Callable[[], float]
    most: int = 1000
    uploads: dict[str, Upload] = field(default_factory=dict)
    removed: dict[str, _Removed] = field(default_factory=dict)
    departed: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    sweeps: int = 0
    failure: TangerineError | None = None

    async def add(
        self,
        picture: bytes,
        caption: str,
        *,
        community: str,
        uploader: str,
        collection: str | None = None,
        anyway: bool = False,
    ) -> Picture:
        name = collection or next(iter(self.library.visible(community)), "")
        if name not in self.library.visible(community):
            raise NotFound("There is no such collection here.", remedy="Leave out its name.")
        if sum(u.picture.collection == name for u in self.uploads.values()) >= self.most:
            raise CollectionFull("That is full.", remedy="Remove some first.")
        pixels, size = self._decoded(picture)
        sha256 = hashlib.sha256(picture).hexdigest()
        vector = self.encoder.encode_images(pixels[None])[0]
        snapshot = self.library.snapshots[name]
        for row, other in enumerate(snapshot.pictures):
            score = float(snapshot.picture_index.vectors[row] @ vector)
            if other.sha256 == sha256 or (score >= 0.97 and not anyway):
                raise DuplicatePicture(
                    "It is there already.",
                    picture=other,
                    score=score,
                    exact=other.sha256 == sha256,
                )
        added = Picture(
            id=f"v{len(self.uploads) + len(self.removed):07d}",
            collection=name,
            path="",
            caption=" ".join(caption.split()),
            sha256=sha256,
            width=size[0],
            height=size[1],
        )
        added = replace(added, path=f".uploads/{added.id}.jpg")
        file = self.folder / f"{added.id}.png"
        file.write_bytes(picture)
        self.uploads[added.id] = Upload(added, community, uploader, self.now(), file)
        self._put(added, vector, file)
        return added

    async def remove(self, picture_id: str, *, community: Viewer | str, remover: str) -> Picture:
        community = Viewer.of(community).community
        for name in self.library.visible(community):
            snapshot = self.library.snapshots[name]
            row = snapshot.row_of(picture_id)
            if row is None:
                continue
            picture = snapshot.pictures[row]
            vector = snapshot.picture_index.vectors[row]
            file = self.library.files.pop(picture_id, None)
            self.removed[picture_id] = _Removed(
                picture, vector, file, community, remover, self.now()
            )
            kept = [other for other in range(len(snapshot.pictures)) if other != row]
            self._hold(
                snapshot,
                [snapshot.pictures[other] for other in kept],
                snapshot.picture_index.vectors[kept],
            )
            return picture
        raise NotFound("There is no such picture here.", remedy="Search again.")

    async def restore(self, picture_id: str, *, community: Viewer | str) -> Picture:
        community = Viewer.of(community).community
        gone = self.removed.get(picture_id)
        fresh = gone is not None and self.now() - gone.at <= RESTORABLE_S
        if gone is None or not fresh or gone.community != community:
            raise ExpiredButton("That was too long ago.", remedy="Add the picture again.")
        del self.removed[picture_id]
        self._put(gone.picture, gone.vector, gone.file)
        return gone.picture

    async def personal(self, requester: str) -> PersonalData:
        uploads = tuple(u for u in self.uploads.values() if u.uploader == requester)
        removals = sum(gone.remover == requester for gone in self.removed.values())
        return PersonalData(requester, uploads, removals)

    async def forget(self, requester: str) -> PersonalData:
        data = await self.personal(requester)
        for upload in data.uploads:
            del self.uploads[upload.picture.id]
            if upload.picture.id not in self.removed:
                await self.remove(upload.picture.id, community=upload.community, remover="")
            self.removed.pop(upload.picture.id, None)
            upload.file.unlink()
        for gone in self.removed.values():
            gone.remover = "" if gone.remover == requester else gone.remover
        return data

    async def left(self, community: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.departed.append(community)

    async def joined(self, community: str) -> None:
        self.departed = [other for other in self.departed if other != community]

    async def communities(self) -> frozenset[str]:
        return frozenset({*self.kept, *(each.community for each in self.uploads.values())})

    async def moved(self, old: str, new: str) -> None:
        self.names[old] = new

    async def sweep(self) -> None:
        self.sweeps += 1

    def _decoded(self, picture: bytes) -> tuple[np.ndarray, tuple[int, int]]:
        spec = self.encoder.pixel_spec
        try:
            with Image.open(io.BytesIO(picture)) as image:
                resized = image.convert("RGB").resize((spec.width, spec.height), spec.resample)
                return np.asarray(resized, dtype=np.uint8), image.size
        except UnidentifiedImageError:
            raise NotAPicture("This is no picture.", remedy="Send a JPEG or PNG.") from None

    def _put(self, picture: Picture, vector: Vectors, file: Path | None) -> None:
        snapshot = self.library.snapshots[picture.collection]
        vectors = np.vstack([snapshot.picture_index.vectors, vector[None]])
        self._hold(snapshot, [*snapshot.pictures, picture], vectors)
        if file is not None:
            self.library.files[picture.id] = file

    def _hold(self, snapshot: FakeSnapshot, pictures: list[Picture], vectors: Vectors) -> None:
        captions = [(p.caption, row) for row, p in enumerate(pictures) if p.caption]
        texts = [text for text, _ in captions]
        none = np.empty((0, self.encoder.identity.dimension), dtype=np.float32)
        self.library.snapshots[snapshot.collection] = replace(
            snapshot,
            pictures=tuple(pictures),
            captions=tuple(captions),
            picture_index=FakeVectorIndex(vectors),
            caption_index=FakeVectorIndex(self.encoder.encode_texts(texts) if texts else none),
        )


@dataclass
class FakeCommunitySettings:
    """Settings in memory; ``error`` is raised by a save while it is set."""

    kept: dict[str, CommunitySettings] = field(default_factory=dict)
    error: Exception | None = None

    def of(self, community: str) -> CommunitySettings:
        return self.kept.get(community, CommunitySettings())

    async def save(self, community: str, settings: CommunitySettings) -> None:
        if self.error is not None:
            raise self.error
        self.kept[community] = settings


@dataclass
class FakeMemory:
    """A personal memory that holds what it is given."""

    kept: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    name: str = "fake"
    kept_days: int = 30

    async def describe(self, requester: str) -> list[dict[str, object]]:
        return self.kept.get(requester, [])

    async def forget(self, requester: str) -> int:
        return len(self.kept.pop(requester, []))
