"""Whether index, catalogue and files of a collection agree. Reads everything, changes nothing."""

from __future__ import annotations

import numpy as np

from core.errors import SourceError
from index.catalogue import Catalogue
from index.contents import identity_of
from index.durable import checksum
from index.library import CollectionSpec
from index.manifest import DamagedGenerationError
from index.overlay_reads import encoded_uploads, kept_uploads
from index.overlays import Overlays
from index.schema import uploads
from index.snapshot import IndexSnapshot
from index.sources import scan_folder
from index.store import SnapshotStore
from index.upkeep import Upkeep
from index.uploads import upload_path

_REINDEX = "run: tangerine reindex"
_RESTORE = "restore it from a backup, or remove the picture in chat"
_SWEPT = "it is deleted within a minute while the bot runs"
_REBUILT = "the next search rebuilds it"


def verify_collection(
    catalogue: Catalogue, store: SnapshotStore, overlays: Overlays, spec: CollectionSpec
) -> list[str]:
    """One line for each difference, with its remedy; empty where all agree. Blocking.

    Reads every picture file whole, to compare its hash: those of the folder and the uploads
    of every community. Raises CatalogueError.
    """
    lines = [
        *_files(catalogue, spec),
        *verify_index(catalogue, store, spec.name),
        *_uploads(overlays, spec.name),
    ]
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


def _uploads(overlays: Overlays, collection: str) -> list[str]:
    with overlays.read() as connection:
        kept = kept_uploads(connection, uploads.c.collection == collection)
        model = identity_of(connection, collection)
        encoded = encoded_uploads(connection, collection, model.fingerprint) if model else set()
    lines = []
    for each in kept:
        picture = each.picture
        if picture.id not in encoded:
            lines.append(f"{picture.path} has no vector of the model; {_REINDEX}")
        try:
            digest, _ = checksum(overlays.files.find(collection, picture.id))
        except OSError as error:
            lines.append(f"{picture.path} cannot be read ({error.strerror}); {_RESTORE}")
            continue
        if digest != picture.sha256:
            lines.append(f"{picture.path} is damaged; {_RESTORE}")
    lines += [
        f"{upload_path(stray.picture_id)} is a file that belongs to no picture; {_SWEPT}"
        for stray in Upkeep(overlays).strays()
        if stray.collection == collection
    ]
    return lines


def verify_index(catalogue: Catalogue, store: SnapshotStore, collection: str) -> list[str]:
    """One line for each way in which the index differs from the catalogue. Blocking."""
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
