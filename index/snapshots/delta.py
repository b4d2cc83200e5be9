"""A generation that lies over another one: what has changed since, in a folder of its own.

Writing it takes as long as there are changes, however many pictures there are: the base stays
where it is. Once there are many of them, the next whole generation takes them in
(:meth:`index.snapshots.store.SnapshotStore.merge`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Picture, Vectors
from core.search.frames import FrameRows
from index.catalogue.contents import Contents, EncodedPictures
from index.catalogue.records import Changes
from index.snapshots.additions import Added
from index.snapshots.overlaid import ComposedSnapshot
from index.snapshots.snapshot import (
    CAPTIONS,
    FRAMES,
    PICTURES,
    IndexSnapshot,
    read_frames,
    sealed,
    write_frames,
    write_json,
)
from index.vectors.choose import KnownIndex, build_index
from index.vectors.filtered import ComposedIndex
from index.vectors.flat import FlatIndex
from index.vectors.manifest import BaseGeneration, DamagedGenerationError, Manifest

_ROWS = "rows.json"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Delta(EncodedPictures):
    """What has changed since a base: the new pictures, and those that changed.

    ``removed``: rows of the base's pictures that are gone or not as they were, int64 [r],
    ascending. ``silent``: how many captions of a picture could not be encoded, by its id, also
    for pictures of the base.
    """

    removed: NDArray[np.int64]
    silent: Mapping[str, int]

    @classmethod
    def none(cls, base: IndexSnapshot) -> Delta:
        empty = np.empty((0, base.identity.dimension), dtype=np.float32)
        return cls(
            pictures=(),
            picture_vectors=empty,
            captions=(),
            caption_vectors=empty,
            removed=np.empty(0, dtype=np.int64),
            silent=base.silent,
        )

    def __len__(self) -> int:
        return len(self.removed) + len(self.pictures)

    def changed(self, base: IndexSnapshot, contents: Contents, changes: Changes) -> Delta:
        """This and what a reindex has changed since, which the catalogue holds.

        Raises CatalogueError where it lacks a vector.
        """
        ids = {picture.id for picture in changes.changed} | {*changes.removed}
        # Texts that could not be encoded before may have been meanwhile.
        missing = contents.silent(self.silent)
        ids |= {each for each, count in self.silent.items() if missing.get(each, 0) != count}
        fresh = contents.only(ids, (picture.path for picture in changes.added))
        touched = ids | {picture.id for picture in fresh.pictures}
        rows = [row for each in touched if (row := base.row_of(each)) is not None]
        silent = {each: count for each, count in self.silent.items() if each not in touched}
        return replace(
            self.only(lambda picture: picture.id not in touched).then(fresh),
            removed=np.union1d(self.removed, np.array(rows, dtype=np.int64)),
            silent={**silent, **fresh.silent},
        )


class LayeredIndex(ComposedIndex):
    """A base without some rows, and exact rows behind; known as the base is."""

    def __init__(self, known: KnownIndex, composed: ComposedIndex) -> None:
        """``known``: the base of the ``composed`` one."""
        super().__init__(*composed.parts)
        self.kind = known.kind
        self.recall = known.recall


class LayeredSnapshot(ComposedSnapshot):
    """The Snapshot port over a whole generation and what has changed since; holds both."""

    picture_index: LayeredIndex
    caption_index: LayeredIndex

    def __init__(self, generation: int, base: IndexSnapshot, delta: Delta) -> None:
        super().__init__(base, Added(base.identity.dimension, delta), delta.removed)
        self.generation = generation
        self.base = base
        self.delta = delta
        self.silent = delta.silent
        self.picture_index = LayeredIndex(base.picture_index, self.picture_index)
        self.caption_index = LayeredIndex(base.caption_index, self.caption_index)

    def write(self, folder: Path, base: BaseGeneration) -> Manifest:
        """Write the changes to a folder, synced, and return the manifest over this base.

        Raises OSError.
        """
        delta, dimension = self.delta, self.identity.dimension
        folder.mkdir(parents=True)
        for name, vectors in (
            (PICTURES, delta.picture_vectors),
            (CAPTIONS, delta.caption_vectors),
        ):
            build_index(dimension, [vectors]).save(folder / name)
        write_frames(folder, FrameRows.of(delta.frames))
        rows = {
            "removed": delta.removed.tolist(),
            "pictures": [_entry(each) for each in delta.pictures],
            "captions": delta.captions,
            "silent": delta.silent,
        }
        write_json(folder / _ROWS, rows)
        return Manifest(
            collection=self.collection,
            generation=self.generation,
            pictures=len(self.pictures),
            captions=len(self.captions),
            kind=self.base.picture_index.kind,
            model=self.identity,
            files=sealed(folder),
            caption_kind=self.base.caption_index.kind,
            recall=self.base.picture_index.recall,
            folder=folder.name,
            base=base,
            changes=len(delta),
        )

    @classmethod
    def read(cls, home: Path, manifest: Manifest, base: IndexSnapshot) -> LayeredSnapshot:
        """What :meth:`write` wrote below ``home``, over its base.

        Raises DamagedGenerationError where a file is missing, torn or not what it says.
        """
        manifest.own.verify(home)
        folder, dimension = home / manifest.own.folder, manifest.model.dimension
        try:
            rows = json.loads((folder / _ROWS).read_bytes())
            frames = read_frames(folder, dimension) if FRAMES in manifest.own.files else None
            delta = Delta(
                frames={} if frames is None else frames.by_row(),
                removed=np.array(rows["removed"], dtype=np.int64),
                pictures=tuple(_picture(each, base.collection) for each in rows["pictures"]),
                picture_vectors=_vectors(folder / PICTURES, dimension),
                captions=tuple((text, place) for text, place in rows["captions"]),
                caption_vectors=_vectors(folder / CAPTIONS, dimension),
                silent=rows["silent"],
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DamagedGenerationError(f"generation {manifest.generation}: {error}") from error
        found = cls(manifest.generation, base, delta)
        if (len(found.pictures), len(found.captions)) != (manifest.pictures, manifest.captions):
            raise DamagedGenerationError(f"generation {manifest.generation}: other rows")
        return found


Generation = IndexSnapshot | LayeredSnapshot
"""What a store holds of a collection."""


def layers_of(generation: Generation) -> tuple[IndexSnapshot, Delta]:
    """The whole generation below, and what lies over it."""
    if isinstance(generation, LayeredSnapshot):
        return generation.base, generation.delta
    return generation, Delta.none(generation)


def _entry(picture: Picture) -> Sequence[str | int]:
    each = picture
    return each.id, each.path, each.caption, each.sha256, each.width, each.height


def _picture(entry: Sequence[Any], collection: str) -> Picture:
    picture_id, path, caption, sha256, width, height = entry
    return Picture(picture_id, collection, path, caption, sha256, width, height)


def _vectors(path: Path, dimension: int) -> Vectors:
    index = FlatIndex.load(path, dimension)
    return index.reconstruct(np.arange(len(index), dtype=np.int64))
