"""Reading the words that stand in pictures, where nobody has read them yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sqlalchemy import and_, exists, func, literal, select, union_all

from core.domain.errors import BadPicture, DecodingFailed, PictureTooLarge, TooManyPixels
from core.domain.ports import WordReader
from core.domain.threads import finished_in_thread
from core.domain.types import UPLOADED, Picture, WordLine
from index.catalogue.contents import generation_of
from index.catalogue.schema import files, looks, pictures, uploads, words
from index.catalogue.word_rows import put_words
from index.library.library import FolderLibrary
from index.library.overlay import Overlays
from index.library.overlay_revisions import last_revision
from index.library.word_meanings import WordMeanings
from index.library.worded import judged_anew

_WAITING: Final = 512
_NEWER_EVERY_S: Final = 60.0
"""After so many pictures, or so long, it is looked anew which of those that wait is the newest."""

_NS: Final = 1e9

_AGAIN_AFTER_S: Final = 1800.0
"""The machine may have been too busy."""


class WordReading:
    """Reads the words of all pictures of some collections, the newest first, each content once.

    What is read is kept at once, so that a run which is ended goes on where it was.
    """

    def __init__(
        self,
        overlays: Overlays,
        library: FolderLibrary,
        reader: WordReader,
        collections: Collection[str],
        *,
        at_once: int = 1,
        meanings: WordMeanings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``at_once``: pictures that are read side by side; ``meanings``: encodes what was read."""
        self._meanings = meanings
        self._at_once = at_once
        self._overlays = overlays
        self._library = library
        self._reader = reader
        self._collections = tuple(collections)
        self._clock = clock
        self._failed: dict[str, float] = {}  # until when each is left out
        self._one = asyncio.Lock()

    @property
    def collections(self) -> Sequence[str]:
        """Those that are read."""
        return self._collections

    @property
    def reader(self) -> WordReader:
        return self._reader

    @property
    def version(self) -> str:
        """What reads (:attr:`core.domain.ports.WordReader.version`)."""
        return self._reader.version

    def state(self) -> Sequence[tuple[int, int]]:
        """What nothing is to be read anew for, as long as it stays equal. Blocking.

        Raises CatalogueError.
        """
        with self._overlays.read() as connection:
            return [
                (generation_of(connection, name), last_revision(connection, name))
                for name in self._collections
            ]

    def due(self) -> bool:
        """Whether what could not be read is to be tried again."""
        return any(until <= self._clock() for until in self._failed.values())

    async def fill(
        self,
        on_read: Callable[[float, bool], object] = lambda *_: None,
        *,
        may_go_on: Callable[[], bool] = lambda: True,
        only: str | None = None,
    ) -> int:
        """Read what is missing, as long as it may go on; how many contents that were.

        ``only``: of one collection. ``on_read`` is told the seconds of each and whether there
        were words. A file that cannot be read, or not within the bounds, is left out for half an
        hour. Raises CatalogueError, ShuttingDown, and TangerineError where no process reads.
        """
        count = 0
        async with self._one:
            now = self._clock()
            self._failed = {each: until for each, until in self._failed.items() if until > now}
            await self._encode()  # what was read by an older version, or comes from an import
            while may_go_on() and (waiting := await finished_in_thread(self._missing, only)):
                left, until = iter(waiting), self._clock() + _NEWER_EVERY_S

                async def work() -> int:
                    done = 0
                    while may_go_on() and self._clock() < until:  # noqa: B023 - awaited here
                        picture = next(left, None)  # noqa: B023
                        if picture is None:
                            break
                        begun = self._clock()
                        lines = await self._lines(picture)
                        if lines is None:
                            self._failed[picture.sha256] = self._clock() + _AGAIN_AFTER_S
                            continue
                        await finished_in_thread(self._keep, picture.sha256, lines)
                        on_read(self._clock() - begun, bool(lines))
                        done += 1
                    return done

                try:
                    async with asyncio.TaskGroup() as tasks:
                        working = [tasks.create_task(work()) for _ in range(self._at_once)]
                except BaseExceptionGroup as failures:
                    raise failures.exceptions[0] from None
                count += sum(task.result() for task in working)
                await self._encode()
        return count

    async def _encode(self) -> None:
        if self._meanings is not None:
            await self._meanings.fill()

    async def _lines(self, picture: Picture) -> Sequence[WordLine] | None:
        file = await asyncio.to_thread(self._library.file_of, picture)
        if file is None:
            return None
        try:
            return await self._reader.read(file)
        except (DecodingFailed, PictureTooLarge, TooManyPixels, OSError):
            return None  # the machine's load or a setting may be to blame
        except BadPicture:
            return ()

    def _missing(self, only: str | None) -> list[Picture]:
        """Some pictures whose words nobody has read, the newest first."""
        version = self._reader.version
        path = (literal(UPLOADED) + uploads.c.id + literal(".jpg")).label("path")
        stamp = and_(files.c.collection == pictures.c.collection, files.c.path == pictures.c.path)
        written = func.coalesce(looks.c.date, files.c.mtime_ns / literal(_NS)).label("date")
        added = func.coalesce(looks.c.date, uploads.c.added_at).label("date")
        both = union_all(
            *(
                select(*(of.id, of.collection, place, of.sha256, of.width, of.height, date))
                .select_from(source)
                .join(looks, looks.c.sha256 == of.sha256, isouter=True)
                .where(
                    of.collection.in_(self._collections if only is None else (only,)),
                    ~exists().where(words.c.sha256 == of.sha256, words.c.reader == version),
                    *conditions,
                )
                for of, source, place, date, conditions in (
                    (
                        pictures.c,
                        pictures.join(files, stamp, isouter=True),
                        pictures.c.path,
                        written,
                        (),
                    ),
                    (uploads.c, uploads, path, added, (uploads.c.removed_at.is_(None),)),
                )
            )
        ).subquery()
        query = select(both).order_by(both.c.date.is_(None), both.c.date.desc(), both.c.id)
        found: dict[str, Picture] = {}
        with self._overlays.read() as connection:
            for row in connection.execute(query.limit(_WAITING + len(self._failed))):
                if row.sha256 not in self._failed:
                    found.setdefault(
                        row.sha256,
                        Picture(
                            *(row.id, row.collection, row.path, ""),
                            *(row.sha256, row.width, row.height),
                        ),
                    )
        return list(found.values())

    def _keep(self, sha256: str, lines: Sequence[WordLine]) -> None:
        told = [(line.text, line.confidence) for line in lines]
        with self._overlays.change() as change:
            put_words(change.connection, {sha256: told}, self._reader.version)
            judged_anew(change, [line.text for line in lines])
