"""Whether index, catalogue and files of a collection agree. Reads everything, changes nothing."""

from __future__ import annotations

import numpy as np

from core.errors import SourceError
from index.catalogue import Catalogue
from index.durable import checksum
from index.library import CollectionSpec
from index.manifest import DamagedGenerationError
from index.snapshot import IndexSnapshot
from index.sources import scan_folder
from index.store import SnapshotStore

_REINDEX = "run: tangerine reindex"
_REBUILT = "the next search rebuilds it"


def verify_collection(
    catalogue: Catalogue, store: SnapshotStore, spec: CollectionSpec
) -> list[str]:
    """One line for each difference, with its remedy; empty where all agree. Blocking.

    Reads every picture file whole, to compare its hash. Raises CatalogueError.
    """
    lines = _files(catalogue, spec) + _index(catalogue, store, spec.name)
    return [f"{spec.name}: {line}" for line in lines]


def _files(catalogue: Catalogue, spec: CollectionSpec) -> list[str]:
    known = catalogue.known(spec.name)
    try:
        scan = scan_folder(spec.folder)
    except SourceError as error:
        return [str(error)]
    indexed = {picture.path: picture for picture in known.pictures}
    lines = []
    for found in scan.pictures:
        picture = indexed.pop(found.path, None)
        try:
            digest, _ = checksum(spec.folder / found.path)
        except OSError as error:
            lines.append(f"{found.path} cannot be read ({error.strerror}); check its permissions")
            continue
        if picture is None:
            if digest not in known.bad:
                lines.append(f"{found.path} is not indexed; {_REINDEX}")
        elif picture.sha256 != digest:
            lines.append(f"{found.path} has changed since it was indexed; {_REINDEX}")
        elif picture.captions != found.captions:
            lines.append(f"{found.path} has other captions than when it was indexed; {_REINDEX}")
    unknown = tuple(scan.unreadable)
    lines += [
        f"{path} is indexed but not in the folder; {_REINDEX}"
        for path in indexed
        if not (unknown and path.startswith(unknown))
    ]
    return lines


def _index(catalogue: Catalogue, store: SnapshotStore, collection: str) -> list[str]:
    with catalogue.contents(collection) as contents:
        expected = IndexSnapshot.of(contents)
    try:
        manifest = store.manifest(collection)
        if manifest is None:
            return [] if expected is None else [f"the index is missing; {_REBUILT}"]
        if expected is None:
            return ["there is an index without a catalogue; restore the catalogue or reindex"]
        if manifest.generation != expected.generation:
            found, wanted = manifest.generation, expected.generation
            return [f"the index is of generation {found}, the catalogue of {wanted}; {_REBUILT}"]
        stored = store.read(collection, manifest)
    except DamagedGenerationError as error:
        return [f"the index is damaged ({error}); {_REBUILT}"]
    if _same(stored, expected):
        return []
    return ["the index holds other pictures than the catalogue; run: tangerine reindex --full"]


def _same(one: IndexSnapshot, other: IndexSnapshot) -> bool:
    pairs = (
        (one.picture_index, other.picture_index),
        (one.caption_index, other.caption_index),
    )
    return (
        one.pictures == other.pictures
        and one.captions == other.captions
        and all(
            len(a) == len(b)
            and np.array_equal(a.reconstruct(np.arange(len(a))), b.reconstruct(np.arange(len(b))))
            for a, b in pairs
        )
    )
