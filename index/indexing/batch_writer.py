"""Finished work of a reindex on its way into the catalogue."""

from __future__ import annotations

import asyncio

from core.domain.ports import Clock
from core.domain.threads import finished_in_thread
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import BadFile, Batch, CaptionVector, PictureVector, Stamp

BATCH = 64
"""Files whose results are committed together."""

SECONDS = 2.0
"""A slow encoder's results are committed this often, so that a kill costs no more."""


class BatchWriter:
    """Collects results and commits them, 64 files or two seconds at a time."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, *, run: int, collection: str, fingerprint: str
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._run = run
        self._collection = collection
        self._fingerprint = fingerprint
        self._stamps: list[Stamp] = []
        self._pictures: list[PictureVector] = []
        self._captions: list[CaptionVector] = []
        self._failures: list[BadFile] = []
        self._files = 0
        self._saved_at = clock.monotonic()
        self._saving = asyncio.Lock()

    def stamp(self, stamp: Stamp) -> None:
        self._stamps.append(stamp)

    def picture(self, vector: PictureVector) -> None:
        self._pictures.append(vector)

    def caption(self, vector: CaptionVector) -> None:
        self._captions.append(vector)

    def failure(self, bad: BadFile) -> None:
        self._failures.append(bad)

    async def file_done(self, *, done: int, total: int) -> None:
        """A file is through: commit where enough has come together. Raises CatalogueError."""
        self._files += 1
        if self._files >= BATCH or self._clock.monotonic() - self._saved_at >= SECONDS:
            await self.flush(done=done, total=total)

    async def flush(self, *, done: int, total: int) -> None:
        """Commit everything there is. Raises CatalogueError."""
        async with self._saving:
            batch = Batch(
                stamps=tuple(self._stamps),
                pictures=tuple(self._pictures),
                captions=tuple(self._captions),
                failures=tuple(self._failures),
            )
            for pending in (self._stamps, self._pictures, self._captions, self._failures):
                pending.clear()
            self._files = 0
            self._saved_at = self._clock.monotonic()
            await finished_in_thread(
                self._catalogue.save,
                self._run,
                self._collection,
                self._fingerprint,
                batch,
                done=done,
                total=total,
            )
