"""When the pictures that are gone from a folder may be forgotten without asking.

A mount that vanished looks like a folder whose pictures were all deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import RemovalsUnconfirmed, SettingsError
from index.catalogue.file_names import NameRules
from index.catalogue.records import IndexState
from index.indexing.scan import Scan

SHARE = 0.5
"""The share of a folder's pictures that may go at once: tidying up rarely takes more."""

LEAST = 20
"""So many may always go: in a small folder, half of it is soon gone."""


@dataclass(frozen=True, slots=True)
class RemovalGuard:
    """How many pictures may vanish from a folder between two reindexes.

    ``share`` of those that are known, from 0 to 1 (1: never ask unless all are gone), and
    fewer than ``least``. ``confirmed`` where whoever runs the bot said that it is right.
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
                f"The folder {folder} holds no pictures, though {len(known.pictures)} of it are "
                "indexed. Nothing was changed.",
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
