"""Reading and writing many rows at once, in SQL that every database understands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.types import Look
from index.catalogue.records import BadFile, IndexedPicture, text_hash
from index.catalogue.schema import (
    caption_vectors,
    captions,
    collections,
    failures,
    looks,
    picture_vectors,
    pictures,
    runs,
    uploads,
    word_grams,
    word_vectors,
    words,
)

_Value = TypeVar("_Value", str, int)

CHUNK = 500
"""Values in one IN list: SQLite allowed 999 variables for most of its history."""


def insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), [dict(row) for row in rows])


def row_of(table: Table, value: Any, **more: Any) -> dict[str, Any]:
    """The fields of a dataclass or model that are columns of a table, and ``more``, as a row."""
    kind: Any = type(value)
    return {name: getattr(value, name) for name in _shared(table, kind)} | more


@cache
def _shared(table: Table, kind: Any) -> tuple[str, ...]:
    fields = getattr(kind, "__dataclass_fields__", None) or kind.model_fields
    return tuple(name for name in fields if name in table.c)


def replace(
    connection: Connection, table: Table, keys: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Insert these rows in place of those with the same keys; the last of two wins."""
    latest = {tuple(row[key] for key in keys): dict(row) for row in rows}
    if not latest:
        return
    matches = and_(*(table.c[key] == bindparam(f"old_{key}") for key in keys))
    connection.execute(
        delete(table).where(matches),
        [{f"old_{key}": row[key] for key in keys} for row in latest.values()],
    )
    insert_all(connection, table, list(latest.values()))


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert these rows, each in place of that with its primary key.

    Unlike :func:`replace` it needs nobody to be alone with the table.
    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(table)
    others = {each.name: new.excluded[each.name] for each in table.c if not each.primary_key}
    statement = new.on_conflict_do_update(index_elements=table.primary_key.columns, set_=others)
    connection.execute(statement, [dict(row) for row in rows])


def count(connection: Connection, table: FromClause, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(table).where(*conditions)
    return int(connection.execute(query).scalar_one())


def chunks(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    """The values in lists that fit into an IN; none where there are none."""
    pending = iter(values)
    while chunk := list(islice(pending, CHUNK)):
        yield chunk


def restricted(
    query: Select[Any], column: Column[Any], values: Iterable[str] | None
) -> Iterator[Select[Any]]:
    """The query for rows whose column holds one of these values, in parts; None: for all."""
    if values is None:
        yield query
    else:
        yield from (query.where(column.in_(chunk)) for chunk in chunks(values))


def delete_where_in(
    connection: Connection,
    column: Column[Any],
    values: Iterable[str],
    *conditions: ColumnElement[bool],
) -> None:
    for chunk in chunks(values):
        connection.execute(delete(column.table).where(column.in_(chunk), *conditions))


def captions_of(connection: Connection, collection: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for picture_id, text in connection.execute(
        select(captions.c.picture_id, captions.c.text)
        .join(pictures, captions.c.picture_id == pictures.c.id)
        .where(pictures.c.collection == collection)
        .order_by(captions.c.picture_id, captions.c.position)
    ).all():
        texts.setdefault(picture_id, []).append(text)
    return texts


def insert_pictures(
    connection: Connection, collection: str, rows: Sequence[IndexedPicture]
) -> None:
    insert_all(
        connection,
        pictures,
        [row_of(pictures, row, collection=collection) for row in rows],
    )
    insert_all(
        connection,
        captions,
        [
            {"picture_id": row.id, "position": place, "text": text, "text_hash": text_hash(text)}
            for row in rows
            for place, text in enumerate(row.captions)
        ],
    )


def put_looks(connection: Connection, found: Mapping[str, Look]) -> None:
    rows = (row_of(looks, look, sha256=sha256) for sha256, look in found.items())
    replace(connection, looks, ("sha256",), rows)


def failure_row(collection: str, bad: BadFile) -> dict[str, Any]:
    return row_of(failures, bad, collection=collection) | row_of(failures, bad.failure)


def is_reindexing(connection: Connection) -> bool:
    """Whether a reindex is unfinished anywhere, which may count on vectors not in use yet."""
    unfinished = select(runs.c.id).where(runs.c.finished_at.is_(None))
    return connection.execute(unfinished).first() is not None


def drop_unused_vectors(connection: Connection) -> None:
    """Forget the vectors that no picture, upload, caption and model of a collection needs.

    Does nothing while a reindex is unfinished anywhere: its vectors are not in use yet.
    """
    if is_reindexing(connection):
        return
    models = select(collections.c.model_fingerprint).where(
        collections.c.model_fingerprint.is_not(None)
    )
    for table, key, used in _VECTORS:
        # Keys first: they lie together in an index, the vectors in a hundred times as much.
        unused = connection.execute(
            select(key, table.c.fingerprint).where(or_(~used, table.c.fingerprint.not_in(models)))
        ).all()
        if unused:
            connection.execute(
                delete(table).where(
                    key == bindparam("unused"), table.c.fingerprint == bindparam("model")
                ),
                [{"unused": name, "model": model} for name, model in unused],
            )
    _drop_seen(connection, None)


def drop_vectors_of(connection: Connection, contents: Sequence[str], texts: Sequence[str]) -> None:
    """Forget the vectors of these contents (SHA-256) and text hashes that nothing uses any more.

    Also while a reindex is unfinished: what is to be forgotten is not kept for it. A run
    that counted on one of them encodes it again.
    """
    for (_, key, used), values in zip(_VECTORS, (contents, texts), strict=True):
        delete_where_in(connection, key, values, ~used)
    _drop_seen(connection, contents)


def _drop_seen(connection: Connection, contents: Sequence[str] | None) -> None:
    """Forget looks and words of pictures that nothing has any more; ``contents`` None: of all."""
    unused = ~_used(words.c.sha256, pictures.c.sha256, uploads.c.sha256)
    for query in restricted(select(words.c.id).where(unused), words.c.sha256, contents):
        gone = connection.execute(query).scalars().all()
        for start in range(0, len(gone), CHUNK):
            some = gone[start : start + CHUNK]
            for table in (word_grams, word_vectors):
                connection.execute(delete(table).where(table.c.words_id.in_(some)))
            connection.execute(delete(words).where(words.c.id.in_(some)))
    unused = ~_used(looks.c.sha256, pictures.c.sha256, uploads.c.sha256)
    if contents is None:
        connection.execute(delete(looks).where(unused))
    else:
        delete_where_in(connection, looks.c.sha256, contents, unused)


def _used(key: Column[Any], *users: Column[Any]) -> ColumnElement[bool]:
    return or_(*(exists().where(user == key) for user in users))


_VECTORS: Sequence[tuple[Table, Column[Any], ColumnElement[bool]]] = (
    (
        picture_vectors,
        picture_vectors.c.sha256,
        _used(picture_vectors.c.sha256, pictures.c.sha256, uploads.c.sha256),
    ),
    (
        caption_vectors,
        caption_vectors.c.text_hash,
        _used(caption_vectors.c.text_hash, captions.c.text_hash, uploads.c.text_hash),
    ),
)
