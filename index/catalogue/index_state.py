"""What the catalogue knows of a collection before a reindex: of all of it, or at some paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, and_, select, true

from core.domain.types import Failure
from index.catalogue.contents import identity_of
from index.catalogue.records import BadFile, IndexedPicture, IndexState, Stamp
from index.catalogue.rows import captions_of, chunks, count
from index.catalogue.schema import captions, failures, files, pictures


@dataclass(frozen=True, slots=True)
class KnownPart:
    """What is known at some paths.

    ``total``: how many pictures the collection has in all; ``failures`` of all of it.
    """

    known: IndexState
    total: int
    failures: tuple[BadFile, ...]


def known_of(connection: Connection, collection: str) -> IndexState:
    """Everything that a reindex compares the whole folder with."""
    everywhere = (true(),)
    return IndexState(
        identity=identity_of(connection, collection),
        pictures=_pictures(connection, collection, everywhere, captions_of(connection, collection)),
        stamps=_stamps(connection, collection, everywhere),
        bad=_bad(_failures(connection, collection)),
    )


def known_at(
    connection: Connection, collection: str, paths: Iterable[str], prefixes: Iterable[str]
) -> KnownPart:
    """The same at these paths, and at all that begin with these, which end in ``/`` or a dot.

    Takes as long as these are many.
    """
    exact, beginnings = sorted(paths), sorted(prefixes)
    of_pictures = tuple(_at(pictures.c.path, exact, beginnings))
    ids = [
        key
        for where in of_pictures
        for key in connection.execute(
            select(pictures.c.id).where(pictures.c.collection == collection, where)
        ).scalars()
    ]
    failed = _failures(connection, collection)
    return KnownPart(
        known=IndexState(
            identity=identity_of(connection, collection),
            pictures=_pictures(connection, collection, of_pictures, _texts(connection, ids)),
            stamps=_stamps(connection, collection, tuple(_at(files.c.path, exact, beginnings))),
            bad=_bad(failed),
        ),
        total=count(connection, pictures, pictures.c.collection == collection),
        failures=failed,
    )


def _at(
    column: Column[Any], paths: Sequence[str], prefixes: Sequence[str]
) -> Iterator[ColumnElement[bool]]:
    for chunk in chunks(paths):
        yield column.in_(chunk)
    for prefix in prefixes:
        # The next letter after the last one: "/" follows the dot, "0" the slash.
        yield and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _pictures(
    connection: Connection,
    collection: str,
    places: Sequence[ColumnElement[bool]],
    texts: Mapping[str, Sequence[str]],
) -> tuple[IndexedPicture, ...]:
    table = pictures.c
    # Unpacked: looking up columns by name takes half of the time of many rows; and all at
    # once, as fetching each by itself takes as long again.
    found = {
        path: IndexedPicture(
            id=key,
            path=path,
            sha256=sha256,
            width=width,
            height=height,
            captions=tuple(texts.get(key, ())),
        )
        for where in places
        for key, path, sha256, width, height in connection.execute(
            select(table.id, table.path, table.sha256, table.width, table.height)
            .where(table.collection == collection, where)
            .order_by(table.path)
        ).all()
    }
    return tuple(found.values())


def _texts(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for chunk in chunks(ids):
        for picture_id, text in connection.execute(
            select(captions.c.picture_id, captions.c.text)
            .where(captions.c.picture_id.in_(chunk))
            .order_by(captions.c.picture_id, captions.c.position)
        ):
            found.setdefault(picture_id, []).append(text)
    return found


def _stamps(
    connection: Connection, collection: str, places: Sequence[ColumnElement[bool]]
) -> dict[str, Stamp]:
    read = files.c
    return {
        path: Stamp(path, size, mtime_ns, sha256)
        for where in places
        for path, size, mtime_ns, sha256 in connection.execute(
            select(read.path, read.size, read.mtime_ns, read.sha256).where(
                read.collection == collection, where
            )
        ).all()
    }


def _failures(connection: Connection, collection: str) -> tuple[BadFile, ...]:
    rows: Iterable[Row[Any]] = connection.execute(
        select(failures).where(failures.c.collection == collection).order_by(failures.c.id)
    )
    return tuple(
        BadFile(
            Failure(row.path, row.code, row.reason),
            *(row.sha256, row.size, row.mtime_ns),
            *(row.tried_under, row.tried_at, row.tries),
        )
        for row in rows
    )


def _bad(failed: Iterable[BadFile]) -> dict[str, BadFile]:
    return {each.sha256: each for each in failed if each.sha256}
