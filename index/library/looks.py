"""Placeholders and dates of pictures: kept by content, made good where they are missing."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal,
    select,
    union_all,
)

from core.domain.errors import BadPicture, DecodingFailed, PictureTooLarge, TooManyPixels
from core.domain.ports import PictureDecoder
from core.domain.threads import finished_in_thread
from core.domain.types import UPLOADED, ByDate, Look, Picture, PixelSpec
from index.catalogue.contents import BLOCK
from index.catalogue.rows import chunks, put_looks
from index.catalogue.schema import files, looks, pictures, uploads
from index.library.library import LOCAL, FolderLibrary
from index.library.overlay import Overlays

_TOGETHER = 64
"""Looks that are kept in one transaction."""

_SMALL = PixelSpec(height=32, width=32, fit="stretch", resample=2)
"""What is decoded for a look alone: a JPEG at an eighth of its size."""

_NS = 1e9

_IDS = "ids"


class StoredLooks:
    """The Looks port over the catalogue.

    A reindex and uploads keep the looks of what they decode; :meth:`fill` makes those of pictures
    that were indexed before there were any, or imported.
    """

    def __init__(self, overlays: Overlays, library: FolderLibrary, decoder: PictureDecoder) -> None:
        self._overlays = overlays
        self._library = library
        self._decoder = decoder
        self.revision = 0

    def of(self, shown: Sequence[Picture]) -> Sequence[Look]:
        posted = {each.id for each in shown if each.path.startswith(UPLOADED)}
        of_folders = {each.id for each in shown} - posted
        found: dict[str, Look] = {}
        with self._overlays.read() as connection:
            for ids, query in ((of_folders, _shown_of_folders()), (posted, _shown_of_chats())):
                for chunk in chunks(ids):
                    for picture_id, placeholder, date in connection.execute(query, {_IDS: chunk}):
                        found[picture_id] = Look(placeholder or b"", date)
        return [found.get(picture.id, Look()) for picture in shown]

    def by_date(self, collection: str) -> ByDate:
        mine = pictures.c.collection == collection
        sample = self._library.sample(collection)
        if sample is not None:
            mine = pictures.c.id.in_([picture.id for picture in sample.pictures])
        both = union_all(
            _of_folders().where(mine),
            _of_chats().where(uploads.c.collection == collection),
        ).subquery()
        query = select(both.c.id, both.c.date).order_by(
            both.c.date.is_(None), both.c.date.desc(), both.c.path
        )
        ids, dates = [np.empty(0, dtype="S8")], [np.empty(0)]
        with self._overlays.read() as connection:
            # In blocks: others want to run in between.
            rows = connection.execute(query, execution_options={"yield_per": BLOCK})
            for block in rows.partitions():
                ids.append(np.array([key.encode() for key, _ in block], dtype="S8"))
                dates.append(np.array([-np.inf if at is None else at for _, at in block]))
        return ByDate(np.concatenate(ids), np.concatenate(dates))

    def unknown(self, contents: Iterable[str]) -> set[str]:
        """Those of these contents (SHA-256) that no picture of a folder has. Blocking.

        Raises CatalogueError.
        """
        left = set(contents)
        with self._overlays.read() as connection:
            for chunk in chunks(tuple(left)):
                query = select(pictures.c.sha256).where(pictures.c.sha256.in_(chunk))
                left.difference_update(connection.execute(query).scalars())
        return left

    async def fill(self) -> int:
        """Make the looks that are missing, one after the other; how many there were.

        Nothing is encoded. A file that is no picture has an empty one; of a file that cannot be
        read, or not within the bounds, there is none, until this is called again. Raises
        CatalogueError, ShuttingDown.
        """
        filled, after = 0, ""
        while waiting := await finished_in_thread(self._missing, after):
            found: dict[str, Look] = {}
            for picture, date in waiting:
                if picture.sha256 in found:
                    continue
                look = await self._made(picture, date)
                if look is not None:
                    found[picture.sha256] = look
            await finished_in_thread(self._keep, found)
            filled, after = filled + len(found), waiting[-1][0].sha256
        if filled:
            self.revision += 1
        return filled

    async def _made(self, picture: Picture, date: float | None) -> Look | None:
        file = await asyncio.to_thread(self._library.file_of, picture)
        if file is None:
            return None
        try:
            decoded = await self._decoder.decode(file, _SMALL)
        except (DecodingFailed, PictureTooLarge, TooManyPixels, OSError):
            return None  # the machine's load or a setting may be to blame
        except BadPicture:
            return Look(date=date)
        return Look(decoded.placeholder, date if decoded.taken is None else decoded.taken.here())

    def _missing(self, after: str) -> list[tuple[Picture, float | None]]:
        """Some pictures without a look, by content (SHA-256) from the one after this on."""
        mine = self._library.visible(LOCAL)
        both = union_all(
            *(
                query.where(
                    looks.c.sha256.is_(None), table.c.sha256 > after, table.c.collection.in_(mine)
                )
                for query, table in ((_of_folders(), pictures), (_of_chats(), uploads))
            )
        ).subquery()
        with self._overlays.read() as connection:
            rows = connection.execute(select(both).order_by(both.c.sha256).limit(_TOGETHER)).all()
        return [
            (
                Picture(row.id, row.collection, row.path, "", row.sha256, row.width, row.height),
                row.date,
            )
            for row in rows
        ]

    def _keep(self, found: dict[str, Look]) -> None:
        with self._overlays.change() as change:
            put_looks(change.connection, found)


# Each search asks for these: made once, since making a statement takes longer than running it.


@functools.cache
def _shown_of_folders() -> Select[Any]:
    return _shown(_of_folders(), pictures)


@functools.cache
def _shown_of_chats() -> Select[Any]:
    return _shown(_of_chats(), uploads)


def _shown(query: Select[Any], table: Table) -> Select[Any]:
    date = query.selected_columns["date"]
    few: Select[Any] = query.with_only_columns(table.c.id, looks.c.placeholder, date)
    return few.where(table.c.id.in_(bindparam(_IDS, expanding=True)))


def _of_folders() -> Select[Any]:
    date = func.coalesce(looks.c.date, files.c.mtime_ns / literal(_NS)).label("date")
    stamp = and_(files.c.collection == pictures.c.collection, files.c.path == pictures.c.path)
    return _with_looks(pictures, pictures.c.path, date).join(files, stamp, isouter=True)


def _of_chats() -> Select[Any]:
    path = (literal(UPLOADED) + uploads.c.id + literal(".jpg")).label("path")
    return _with_looks(uploads, path, func.coalesce(looks.c.date, uploads.c.added_at).label("date"))


def _with_looks(table: Table, path: ColumnElement[str], date: ColumnElement[float]) -> Select[Any]:
    of = table.c
    columns = of.id, of.collection, path, of.sha256, of.width, of.height, looks.c.placeholder, date
    return (
        select(*columns).select_from(table).join(looks, looks.c.sha256 == of.sha256, isouter=True)
    )
