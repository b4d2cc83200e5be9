"""The part of a folder that was named, and what is known of it: what a small reindex compares."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from index.catalogue.catalogue import Catalogue
from index.catalogue.records import BadFile, IndexState
from index.indexing.changed_paths import NotAloneError, named_in
from index.indexing.scan import Scan
from index.library.library import CollectionSpec

Place = tuple[int, int]
"""Which folder it is that lies somewhere: its device and its number there."""


@dataclass(frozen=True, slots=True)
class ScanPart:
    """Some paths: what the folder has there, and what the catalogue.

    ``total``: the pictures of the whole collection; ``failures``: those of other paths.
    """

    scan: Scan
    known: IndexState
    total: int
    failures: tuple[BadFile, ...]


def place_of(folder: Path) -> Place | None:
    """Which folder lies there now, None where there is none. Blocking."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def scan_part(
    catalogue: Catalogue, spec: CollectionSpec, paths: Collection[str]
) -> ScanPart | None:
    """What lies at these paths below the folder, and what is known of them. Blocking.

    None where only a look at everything can tell: captions that may speak of any picture,
    links, what cannot be read, a folder that is gone, or in which nothing known would be left.
    Raises CatalogueError.
    """
    try:
        named = named_in(spec.folder, paths, spec.rules)
        found = catalogue.known_at(spec.name, named.paths, named.folders | named.stems)
        scan = named.scan([picture.path for picture in found.known.pictures])
    except (NotAloneError, OSError):
        return None
    known = found.known
    if known.identity is None or (known.pictures and len(known.pictures) == found.total):
        # All of it: whether that may be forgotten is for a whole reindex to say.
        return None
    folders = tuple(named.folders)
    looked_at = {picture.path for picture in known.pictures} | named.paths | named.texts
    looked_at |= {picture.path for picture in scan.pictures} | {*paths}
    return ScanPart(
        scan,
        known,
        found.total,
        tuple(
            bad
            for bad in found.failures
            if bad.failure.path not in looked_at and not bad.failure.path.startswith(folders)
        ),
    )
