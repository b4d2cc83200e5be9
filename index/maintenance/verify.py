"""Whether index, catalogue and files of a collection agree. Reads everything, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import FilesUnreachable, SourceError, VectorsUnreachable
from core.domain.ports import VectorIndex
from core.domain.types import Picture
from index.catalogue.catalogue import Catalogue
from index.catalogue.contents import BLOCK
from index.catalogue.records import IndexedPicture, IndexState, Suspects, text_hash
from index.catalogue.schema import uploads
from index.catalogue.word_rows import damaged_words
from index.indexing.scan import SourcePicture, scan_folder
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.library.overlay_reads import kept_uploads
from index.library.retention import Retention
from index.maintenance.differences import REPAIR, Difference, Fault
from index.maintenance.vector_checks import vector_differences
from index.snapshots.delta import Generation
from index.snapshots.overlay import upload_path
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.store import SnapshotStore
from index.vectors.durable import checksum
from index.vectors.manifest import DamagedGenerationError, Manifest
from index.vectors.tuning import ALWAYS_EXACT

_REINDEX = "run: tangerine reindex"
_NOTHING = Suspects()
_RESTORE = "restore it from a backup, or remove the picture in chat"


def verify_collection(
    catalogue: Catalogue, store: SnapshotStore, overlays: Overlays, spec: CollectionSpec
) -> list[Difference]:
    """One for each difference, with its remedy; empty where all agree. Blocking.

    Reads the catalogue and every picture file whole, to compare its hash: those of the
    folder and the uploads of every community. Raises CatalogueError, also where the
    catalogue itself is damaged.
    """
    catalogue.database.check()
    return [
        *_files(catalogue, spec),
        *verify_index(store, spec.name),
        *_uploads(overlays, spec.name),
        *_words(overlays, spec.name),
    ]


def _files(catalogue: Catalogue, spec: CollectionSpec) -> Iterator[Difference]:
    known = catalogue.known(spec.name)
    try:
        scan = scan_folder(spec.folder, rules=spec.rules)
    except SourceError as error:
        yield Difference(spec.name, Fault.FOLDER, error.message.rstrip("."), error.remedy)
        return
    indexed = {picture.path: picture for picture in known.pictures}
    for found in scan.pictures:
        yield from _file(spec, known, found, indexed.pop(found.path, None))
    unknown = tuple(scan.unreadable)
    for path in indexed:
        if not (unknown and path.startswith(unknown)):
            message = f"{path} is indexed but not in the folder"
            yield Difference(spec.name, Fault.GONE, message, _REINDEX, path=path)


def _file(
    spec: CollectionSpec, known: IndexState, found: SourcePicture, picture: IndexedPicture | None
) -> Iterator[Difference]:
    path = found.path
    try:
        digest, _ = checksum(spec.folder / path)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})"
        yield Difference(spec.name, Fault.UNREADABLE, message, "check its permissions", path=path)
        return
    if picture is None:
        fault, words = Fault.NEW, "is not indexed"
        if digest in known.bad:
            return
    elif picture.sha256 != digest:
        fault, words = Fault.CHANGED, "has changed since it was indexed"
    elif picture.captions != found.captions:
        fault, words = Fault.CAPTIONS, "has other captions than when it was indexed"
    else:
        return
    stamp = known.stamps.get(path)
    alike = stamp is not None and (stamp.size, stamp.mtime_ns) == (found.size, found.mtime_ns)
    # Where size and time are those of before, a reindex would take the bytes for the same.
    hidden = alike and stamp is not None and stamp.sha256 != digest
    suspects = Suspects(paths=frozenset({path})) if hidden else _NOTHING
    remedy = REPAIR if hidden else _REINDEX
    yield Difference(spec.name, fault, f"{path} {words}", remedy, path, suspects)


def _uploads(overlays: Overlays, collection: str) -> Iterator[Difference]:
    with overlays.read() as connection:
        kept = kept_uploads(connection, uploads.c.collection == collection)
        hashes = {
            row.id: row.text_hash
            for row in connection.execute(
                uploads.select().where(uploads.c.collection == collection)
            )
        }
    for each in kept:
        picture = each.picture
        path = picture.path
        if hashes[picture.id] != (text_hash(picture.caption) if picture.caption else ""):
            message = f"{path} has a damaged caption"
            yield Difference(collection, Fault.UPLOAD_ROW, message, _RESTORE, path=path)
        try:
            wrong = _wrong_file(overlays.files.find(collection, picture.id), picture.sha256)
        except FilesUnreachable:
            continue  # told below, once for all
        if wrong:
            message = f"{path} {wrong}"
            yield Difference(collection, Fault.UPLOAD_FILE, message, _RESTORE, path=path)
    yield from _left_over(overlays, collection)


def _words(overlays: Overlays, collection: str) -> Iterator[Difference]:
    with overlays.read() as connection:
        count = sum(1 for _ in damaged_words(connection, collection))
    if count:
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        message = f"the words that were read in {pictures} are damaged, or not searched"
        yield Difference(collection, Fault.WORDS, message, REPAIR)


def _left_over(overlays: Overlays, collection: str) -> Iterator[Difference]:
    """What a killed process left between files and rows of uploads."""
    try:
        found = Retention(overlays).differences()
    except FilesUnreachable as error:
        yield Difference(collection, Fault.UPLOAD_FILE, error.strerror, error.remedy)
        return
    stray = "is a file that belongs to no picture"
    lost = f"{stray} (the catalogue lacks the latest changes; a repair keeps such files for a week)"
    if overlays.files.is_remote:
        lost = f"{stray} (nor has the catalogue deleted it; a repair keeps such files for a week)"
    for files, fault, words in (
        ([each for each in found.strays if each not in found.lost], Fault.UPLOAD_STRAY, stray),
        ([each for each in found.strays if each in found.lost], Fault.UPLOAD_STRAY, lost),
        (found.astray, Fault.UPLOAD_PLACE, "is in the wrong place"),
    ):
        for file in files:
            if file.collection == collection:
                path = upload_path(file.picture_id)
                yield Difference(collection, fault, f"{path} {words}", REPAIR, path=path)
    for name, revision in found.unannounced:
        if name == collection:
            message = f"the mark of the latest change is not that of revision {revision}"
            yield Difference(collection, Fault.UPLOAD_MARK, message, REPAIR)


def _wrong_file(file: Path, sha256: str) -> str:
    try:
        digest, _ = checksum(file)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if digest == sha256 else "is damaged"


def verify_index(store: SnapshotStore, collection: str) -> list[Difference]:
    """One for each way in which index and vectors differ from the catalogue. Blocking."""
    found = _verify_snapshot(store, collection)
    if not found and store.copies is not None and store.sampled(collection):
        try:
            found = [
                Difference(
                    collection, Fault.COPIES, f"in {store.copies.engine.name}: {each}", REPAIR
                )
                for each in store.copies.differences(collection)
            ]
        except VectorsUnreachable as error:
            message = error.message.rstrip(".")
            found = [Difference(collection, Fault.COPIES, message, error.remedy)]
    return found


def _verify_snapshot(store: SnapshotStore, collection: str) -> list[Difference]:
    with store.contents(collection) as contents:
        model = contents.identity
        if not (model and contents.generation) and contents.pictures:
            message = "the catalogue does not say which model its pictures were encoded with"
            return [Difference(collection, Fault.MODEL, message, REPAIR)]
        faulty = vector_differences(contents.connection, collection, model) if model else ()
        if differences := list(faulty):
            return differences  # an index made of them would be of no use to compare with
        expected = IndexSnapshot.of(contents, rules=ALWAYS_EXACT)
    try:
        found = _index_fault(store, store.manifest(collection), collection, expected)
    except DamagedGenerationError as error:
        found = f"the index is damaged ({error})", _NOTHING
    if found is None:
        return []
    message, suspects = found
    return [Difference(collection, Fault.INDEX, message, REPAIR, suspects=suspects)]


def _index_fault(
    store: SnapshotStore,
    manifest: Manifest | None,
    collection: str,
    expected: IndexSnapshot | None,
) -> tuple[str, Suspects] | None:
    if expected is None:
        return None if manifest is None else ("there is an index without a catalogue", _NOTHING)
    if manifest is None:
        return "the index is missing", _NOTHING
    if manifest.generation != expected.generation:
        generations = f"generation {manifest.generation}, the catalogue of {expected.generation}"
        return f"the index is of {generations}", _NOTHING
    stored, whole = _listed(store.read(collection, manifest)), _listed(expected)
    if (stored.pictures, stored.captions) != (whole.pictures, whole.captions):
        return "the index holds other pictures than the catalogue", _NOTHING
    suspects = _other_vectors(stored, whole)
    return ("the index holds other vectors than the catalogue", suspects) if suspects else None


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """A snapshot with its rows by path, in whatever order changes have put them."""

    snapshot: Generation
    rows: NDArray[np.int64]
    caption_rows: NDArray[np.int64]

    @property
    def pictures(self) -> list[Picture]:
        return [self.snapshot.pictures[row] for row in self.rows]

    @property
    def captions(self) -> list[tuple[str, str]]:
        found = (self.snapshot.captions[row] for row in self.caption_rows)
        return [(text, self.snapshot.pictures[row].id) for text, row in found]


def _listed(snapshot: Generation) -> _Listed:
    paths = [picture.path for picture in snapshot.pictures]
    rows = sorted(range(len(paths)), key=paths.__getitem__)
    # Sorting is stable: the captions of one picture stay in their order.
    owners = snapshot.owners.tolist()
    captions = sorted(range(len(owners)), key=lambda row: paths[owners[row]])
    return _Listed(snapshot, np.array(rows, np.int64), np.array(captions, np.int64))


def _other_vectors(stored: _Listed, expected: _Listed) -> Suspects:
    """The contents and texts whose vectors differ.

    The index is known to be as it was written: the catalogue's vectors were changed since.
    """
    mine, theirs = stored.snapshot, expected.snapshot
    pictures = _other_rows(mine.picture_index, stored.rows, theirs.picture_index, expected.rows)
    texts = _other_rows(
        mine.caption_index, stored.caption_rows, theirs.caption_index, expected.caption_rows
    )
    pictures += _other_frames(stored, expected)
    return Suspects(
        pictures=frozenset(theirs.pictures[row].sha256 for row in pictures),
        texts=frozenset(text_hash(theirs.captions[row][0]) for row in texts),
    )


def _other_frames(stored: _Listed, expected: _Listed) -> list[int]:
    """The rows whose pictures move otherwise in the index than in the catalogue."""
    moving = [each.snapshot.frames for each in (stored, expected)]
    found: list[int] = []
    if moving == [None, None]:
        return found
    for row, other in zip(stored.rows.tolist(), expected.rows.tolist(), strict=True):
        one, two = (
            None if frames is None else frames.of_row(at)
            for frames, at in zip(moving, (row, other), strict=True)
        )
        if (one is None) != (two is None) or (
            one is not None
            and two is not None
            and not (
                np.array_equal(one.at_s, two.at_s) and np.array_equal(one.vectors, two.vectors)
            )
        ):
            found.append(other)
    return found


def _other_rows(
    one: VectorIndex, rows: NDArray[np.int64], other: VectorIndex, others: NDArray[np.int64]
) -> list[int]:
    """Those of ``others`` whose vectors are not those of ``rows``, in blocks that fit memory."""
    found: list[int] = []
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        same = one.reconstruct(rows[block]) == other.reconstruct(others[block])
        found.extend(others[block][~same.all(axis=1)].tolist())
    return found
