"""One whole generation of a collection: immutable in memory, a folder with checksums on disk.

The folder of a generation holds ``pictures.faiss``, ``captions.faiss``, what else their
engines need, the rows beside the vectors in columns (``*.rows``), and ``silent.json``;
``frames.rows`` where pictures move.
It is derived: if anything is wrong with it, :meth:`IndexSnapshot.of` rebuilds it from the
catalogue.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import CatalogueError
from core.domain.types import ModelIdentity
from core.search.frames import FrameBlock, FrameRows
from core.search.lexical import CaptionWords
from index.catalogue.contents import Contents
from index.snapshots.stored_rows import StoredCaptions, StoredPictures, map_arrays, write_arrays
from index.vectors.choose import StoredIndex, build_index, choose_index, gather, load_index
from index.vectors.durable import checksum, sync, write_durably
from index.vectors.manifest import DamagedGenerationError, FileSum, Manifest
from index.vectors.tuning import IndexRules

PICTURES = "pictures.faiss"
CAPTIONS = "captions.faiss"
PICTURE_ROWS = "pictures.rows"
CAPTION_ROWS = "captions.rows"
SILENT = "silent.json"
FRAMES = "frames.rows"


@dataclass(frozen=True, eq=False)
class IndexSnapshot:
    """The Snapshot port: rows and vectors of one generation, in memory or mapped.

    Holding it is enough to keep it: later generations and deleted files change nothing.
    """

    collection: str
    generation: int
    identity: ModelIdentity
    pictures: StoredPictures
    captions: StoredCaptions
    picture_index: StoredIndex
    caption_index: StoredIndex
    silent: Mapping[str, int] = field(default_factory=dict)
    """How many captions of a picture could not be encoded, by its id."""
    frames: FrameRows | None = None

    def __post_init__(self) -> None:
        if (len(self.pictures), len(self.captions)) != (
            len(self.picture_index),
            len(self.caption_index),
        ):
            raise ValueError("rows and vectors differ in number")

    @property
    def uploads_from(self) -> int:
        """See :meth:`core.domain.ports.Snapshot.uploads_from`: a folder holds no upload."""
        return len(self.pictures)

    @property
    def settled(self) -> IndexSnapshot:
        return self

    def row_of(self, picture_id: str) -> int | None:
        return self.pictures.row_of(picture_id)

    def rows_of(self, contents: Collection[str]) -> NDArray[np.int64]:
        return self.pictures.rows_of(contents)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The row of the picture of each caption, int64 [captions]."""
        return self.captions.owners

    @cached_property
    def caption_words(self) -> CaptionWords:
        """The captions by their words; made by the first search, some 10 µs a caption."""
        return CaptionWords.of(self.captions.texts)

    @classmethod
    def of(
        cls,
        contents: Contents,
        *,
        scratch: Path | None = None,
        rules: IndexRules = IndexRules(),  # noqa: B008 - frozen
        before: IndexSnapshot | None = None,
    ) -> IndexSnapshot | None:
        """The catalogue's present state, None before the first reindex.

        ``rules`` choose the engine by what is measured on these very vectors; many of them
        are kept in a nameless file in the folder ``scratch`` instead of in memory. ``before``
        is the generation before, from which the engines take over what they learnt. Raises
        CatalogueError where the catalogue lacks a vector, OSError where the disk is full.
        """
        identity = contents.identity
        if identity is None or not contents.generation:
            return None  # uploads may name the model before the folder was ever read
        size = identity.dimension
        known = before if before is not None and before.identity == identity else None
        pictures = gather(size, contents.picture_vectors(), scratch, rules)
        captions = gather(size, contents.caption_vectors(), scratch, rules)
        try:
            return cls(
                collection=contents.collection,
                generation=contents.generation,
                identity=identity,
                pictures=StoredPictures.of(contents.collection, contents.pictures),
                captions=StoredCaptions.of(contents.captions),
                silent=contents.silent(),
                frames=FrameRows.of(contents.frames()),
                picture_index=choose_index(
                    pictures, captions, rules, None if known is None else known.picture_index
                ),
                caption_index=choose_index(
                    captions, pictures, rules, None if known is None else known.caption_index
                ),
            )
        except ValueError as error:
            raise CatalogueError(
                f"The catalogue contradicts itself about {contents.collection!r} ({error}).",
                remedy=f"Run: tangerine reindex --full --collection {contents.collection}",
            ) from error

    @classmethod
    def empty(cls, collection: str, identity: ModelIdentity) -> IndexSnapshot:
        """What uploads are laid over where the folder was never indexed: generation 0."""
        return cls(
            collection=collection,
            generation=0,
            identity=identity,
            pictures=StoredPictures.of(collection, ()),
            captions=StoredCaptions.of(()),
            picture_index=build_index(identity.dimension, ()),
            caption_index=build_index(identity.dimension, ()),
        )

    def write(self, folder: Path) -> Manifest:
        """Write a generation's folder, synced, and return its manifest. Raises OSError."""
        folder.mkdir(parents=True)
        self.picture_index.save(folder / PICTURES)
        self.caption_index.save(folder / CAPTIONS)
        self.pictures.write(folder / PICTURE_ROWS)
        self.captions.write(folder / CAPTION_ROWS)
        write_json(folder / SILENT, self.silent)
        write_frames(folder, self.frames)
        files = sealed(folder)
        return Manifest(
            collection=self.collection,
            generation=self.generation,
            pictures=len(self.pictures),
            captions=len(self.captions),
            kind=self.picture_index.kind,
            model=self.identity,
            files=files,
            caption_kind=self.caption_index.kind,
            recall=self.picture_index.recall,
            folder=folder.name,
        )

    @classmethod
    def read(cls, home: Path, manifest: Manifest, at_once: int = sys.maxsize) -> IndexSnapshot:
        """The generation that :meth:`write` wrote below ``home``, or the base of this one.

        Of mapped vectors with more than ``at_once`` bytes, only the size is compared.
        Raises DamagedGenerationError where a file is missing, torn or not what it says.
        """
        whole = manifest.whole
        whole.verify(home, at_once)
        folder, dimension = home / whole.folder, manifest.model.dimension
        try:
            return cls(
                collection=manifest.collection,
                generation=whole.generation,
                identity=manifest.model,
                pictures=StoredPictures.read(folder / PICTURE_ROWS, manifest.collection),
                captions=StoredCaptions.read(folder / CAPTION_ROWS),
                silent=json.loads((folder / SILENT).read_bytes()),
                frames=read_frames(folder, dimension) if FRAMES in whole.files else None,
                picture_index=load_index(manifest.kind, folder / PICTURES, dimension),
                caption_index=load_index(manifest.caption_kind, folder / CAPTIONS, dimension),
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DamagedGenerationError(f"generation {whole.generation}: {error}") from error


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write what is small beside the vectors. Raises OSError."""
    write_durably(path, json.dumps(values, separators=(",", ":")).encode())


def write_frames(folder: Path, frames: FrameRows | None) -> None:
    """Write the frames of pictures that move, where there are any. Raises OSError."""
    if frames is not None:
        [block] = frames.blocks
        write_arrays(folder / FRAMES, block)


def read_frames(folder: Path, dimension: int) -> FrameRows:
    """What :func:`write_frames` wrote. Raises OSError, ValueError."""
    owners, at_s, vectors = map_arrays(folder / FRAMES)
    if vectors.shape != (len(owners), dimension) or at_s.shape != owners.shape:
        raise ValueError("the rows of frames differ in number")
    return FrameRows([FrameBlock(owners, at_s, vectors)])


def sealed(folder: Path) -> Mapping[str, FileSum]:
    """The checksums of all files of a new folder, which are on the disk then. Raises OSError."""
    files = sorted(folder.iterdir())
    for file in files:
        sync(file)
    sync(folder)
    sync(folder.parent)
    return {file.name: FileSum(*checksum(file)) for file in files}
