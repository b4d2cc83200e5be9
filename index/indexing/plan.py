"""What has to change so that the catalogue says what the folder holds, and what needs a yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from core.domain.errors import RemovalsUnconfirmed, SettingsError
from core.domain.types import Failure
from index.catalogue.file_types import NameRules
from index.catalogue.records import BadFile, IndexedPicture, IndexState, NewPicture
from index.indexing.encode import FileWorker
from index.indexing.scan import Scan


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference; ``removed`` are ids, ``unchanged`` is a number."""

    added: tuple[NewPicture, ...]
    changed: tuple[IndexedPicture, ...]
    removed: tuple[str, ...]
    unchanged: int


def outcome(
    scan: Scan, worker: FileWorker, others: Sequence[BadFile]
) -> tuple[list[NewPicture], tuple[BadFile, ...]]:
    """The pictures that have a vector, and everything that failed, by path."""
    present: list[NewPicture] = []
    failures = [*(BadFile(failure) for failure in scan.failures), *others]
    failures.extend(BadFile(failure) for failure in worker.failed.values())
    for picture in scan.pictures:
        sha256 = worker.contents.get(picture.path)
        if sha256 is None:
            continue
        if sha256 in worker.encoded:
            width, height = worker.encoded[sha256]
            present.append(NewPicture(picture.path, sha256, width, height, picture.captions))
        elif sha256 in worker.bad:
            bad = worker.bad[sha256]
            told = Failure(picture.path, bad.failure.code, bad.failure.reason)
            failures.append(replace(bad, failure=told))
    return present, tuple(sorted(failures, key=lambda bad: bad.failure.path))


def plan(
    known: Sequence[IndexedPicture],
    present: Sequence[NewPicture],
    unreadable: Sequence[str] = (),
) -> Plan:
    """Match what is known with what is there, so that ids stay with their pictures.

    In this order: the same path with the same bytes; the same bytes under another path (a
    rename, also when two files swapped names); the same path with other bytes (an edited
    picture). What is left is new, or gone. Pictures below an ``unreadable`` folder (its
    path ends in ``/``) stay as they are: nobody knows whether they are gone.
    """
    prefixes = tuple(unreadable)
    kept = [old for old in known if prefixes and old.path.startswith(prefixes)]
    free = {old.path: old for old in known if not (prefixes and old.path.startswith(prefixes))}
    matches: list[tuple[IndexedPicture, NewPicture]] = []

    waiting: list[NewPicture] = []
    for new in present:
        old = free.get(new.path)
        if old is not None and old.sha256 == new.sha256:
            matches.append((free.pop(new.path), new))
        else:
            waiting.append(new)

    by_content: dict[str, list[IndexedPicture]] = {}
    for old in free.values():
        by_content.setdefault(old.sha256, []).append(old)
    unmatched: list[NewPicture] = []
    for new in waiting:
        candidates = by_content.get(new.sha256)
        if candidates:
            # Of several copies, the one that only moved to another folder.
            same_name = [old for old in candidates if _name(old.path) == _name(new.path)]
            chosen = (same_name or candidates)[0]
            candidates.remove(chosen)
            matches.append((free.pop(chosen.path), new))
        else:
            unmatched.append(new)

    added: list[NewPicture] = []
    for new in unmatched:
        old = free.pop(new.path, None)
        if old is None:
            added.append(new)
        else:
            matches.append((old, new))

    changed = tuple(new.known_as(old.id) for old, new in matches if not _same(old, new))
    return Plan(
        added=tuple(added),
        changed=changed,
        removed=tuple(old.id for old in free.values()),
        unchanged=len(kept) + len(matches) - len(changed),
    )


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _same(old: IndexedPicture, new: NewPicture) -> bool:
    # Compared before anything is made: as a rule nearly all are.
    return (
        old.path == new.path
        and old.sha256 == new.sha256
        and old.captions == new.captions
        and (old.width, old.height) == (new.width, new.height)
    )


SHARE = 0.5
"""The share of a folder's pictures that may go at once: tidying up rarely takes more."""

LEAST = 20
"""So many may always go: in a small folder, half of it is soon gone."""


@dataclass(frozen=True, slots=True)
class RemovalGuard:
    """How many pictures may vanish from a folder between two reindexes.

    ``share`` of those that are known, from 0 to 1 (1: never ask unless all are gone), and
    fewer than ``least``. ``confirmed`` where the operator has confirmed it.
    Raises SettingsError where ``share`` is no share.
    """

    share: float = SHARE
    least: int = LEAST
    confirmed: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise SettingsError(
                f"A share of removed pictures cannot be {self.share}.", remedy="Use 0 to 1."
            )

    def check_scan(
        self, folder: Path, collection: str, known: IndexState, scan: Scan, rules: NameRules
    ) -> None:
        """Refuse before any work where the names alone tell that too many are gone.

        Each new name may be a picture that was only renamed; what the rules leave out now is
        still there. Raises RemovalsUnconfirmed.
        """
        if known.pictures and not scan.pictures and not self.confirmed:
            raise RemovalsUnconfirmed(
                f"The folder {folder} holds no pictures, though {len(known.pictures)} of it "
                f"{'is' if len(known.pictures) == 1 else 'are'} indexed. Nothing was changed.",
                remedy=_remedy(collection),
            )
        before = {picture.path for picture in known.pictures}
        now = {picture.path for picture in scan.pictures}
        hidden = tuple(scan.unreadable)
        gone = [
            path
            for path in before - now
            if not (hidden and path.startswith(hidden)) and not rules.leaves_out_path(path)
        ]
        self.check(folder, collection, removed=len(gone) - len(now - before), known=len(before))

    def check(self, folder: Path, collection: str, *, removed: int, known: int) -> None:
        """Refuse where more than the share would be forgotten. Raises RemovalsUnconfirmed."""
        if self.confirmed or removed < self.least or removed <= self.share * known:
            return
        raise RemovalsUnconfirmed(
            f"{removed} of the {known} pictures that are indexed are gone from the folder "
            f"{folder}. Nothing was changed.",
            remedy=_remedy(collection),
        )


def _remedy(collection: str) -> str:
    return (
        "Check that it is mounted and that it is the right folder. If the pictures were removed "
        f"on purpose, run: tangerine reindex --confirm-removals --collection {collection}"
    )
