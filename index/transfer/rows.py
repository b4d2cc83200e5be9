"""A whole collection out of the catalogue, and into it; each in the transactions it is given."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from sqlalchemy import Column, Connection, Table, delete, exists, or_, select, update

from core.domain.types import ModelIdentity, Vectors
from index.catalogue.contents import generation_of, identity_of, pack
from index.catalogue.ids import fresh_ids
from index.catalogue.records import IndexedPicture, Stamp, text_hash
from index.catalogue.rows import captions_of, chunks, insert_all, insert_pictures, row_of
from index.catalogue.schema import (
    files,
    labels,
    pictures,
    removals,
    runs,
    tombstones,
    uploads,
    words,
)
from index.catalogue.word_rows import in_collection, put_words
from index.catalogue.writes import put_generation
from index.snapshots.overlay import SHARED
from index.transfer.format import PictureEntry, RemovalEntry, UploadEntry, WordsEntry

_IMPORTED = "imported"

UPLOAD_COLUMNS = [name for name in UploadEntry.model_fields if name != "captions"]


class Block(NamedTuple):
    """Up to CHUNK vectors, float32 [n, d], and the rows of the table that they belong to."""

    table: Table
    key: Column[str]
    rows: Sequence[Mapping[str, object]]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Held:
    """Everything of a collection but its vectors and files.

    ``labels``: what it is tagged with, empty where it is not; ``words``: what was read in those
    of its pictures in which words stand.
    """

    model: ModelIdentity
    pictures: tuple[PictureEntry, ...]
    uploads: tuple[UploadEntry, ...]
    removals: tuple[RemovalEntry, ...]
    labels: tuple[str, ...] = ()
    words: tuple[WordsEntry, ...] = ()

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.pictures] + [each.id for each in self.uploads]


def held(connection: Connection, collection: str) -> Held | None:
    """What the catalogue holds of a collection, None where it was never indexed.

    Pictures and uploads that were removed for everybody are not part of it, nor is what people
    posted in their chats.
    """
    model = identity_of(connection, collection)
    if model is None:
        return None
    hidden = tuple(
        RemovalEntry(**row)
        for row in connection.execute(
            select(*(removals.c[name] for name in RemovalEntry.model_fields))
            .where(removals.c.collection == collection)
            .order_by(removals.c.scope, removals.c.sha256)
        ).mappings()
    )
    gone = {each.sha256 for each in hidden if each.scope == SHARED}
    texts = captions_of(connection, collection)
    rows = connection.execute(
        select(*(pictures.c[name] for name in PictureEntry.model_fields if name != "captions"))
        .where(pictures.c.collection == collection)
        .order_by(pictures.c.path)
    ).mappings()
    added = connection.execute(
        select(uploads)
        .where(
            uploads.c.collection == collection,
            uploads.c.removed_at.is_(None),
            uploads.c.posted.is_(False),
        )
        .order_by(uploads.c.added_at, uploads.c.id)
    )
    what = Held(
        model=model,
        pictures=tuple(
            # As the program wrote them: a check of each would cost minutes for millions.
            PictureEntry.model_construct(**row, captions=tuple(texts.get(row["id"], ())))
            for row in rows
            if row["sha256"] not in gone
        ),
        uploads=tuple(
            UploadEntry.model_construct(
                captions=(row.caption,) if row.caption else (),
                **{name: getattr(row, name) for name in UPLOAD_COLUMNS},
            )
            for row in added
        ),
        removals=hidden,
        labels=_labels_of(connection, collection),
    )
    shown = {each.sha256 for each in what.pictures} | {each.sha256 for each in what.uploads}
    return replace(what, words=tuple(_words_of(connection, collection, shown)))


def _words_of(
    connection: Connection, collection: str, shown: Collection[str]
) -> Iterator[WordsEntry]:
    query = select(words.c.sha256, words.c.lines).where(
        words.c.lines != "[]", in_collection(collection)
    )
    for sha256, lines in connection.execute(query.order_by(words.c.id)):
        if sha256 in shown:
            told = tuple((text, sure) for text, sure in json.loads(lines))
            yield WordsEntry.model_construct(sha256=sha256, lines=told)


def _labels_of(connection: Connection, collection: str) -> tuple[str, ...]:
    # The labels do not depend on the model that encoded them.
    mine = select(labels.c.labels).where(labels.c.collection == collection)
    found = connection.execute(mine).scalars().first()
    return () if found is None else tuple(json.loads(found))


def vectors_by(
    connection: Connection, key: Column[str], keys: Sequence[str], model: ModelIdentity
) -> Vectors:
    """The stored vectors of up to CHUNK keys, float32 [n, d]; zeros where there is none.

    Those of pictures that move count as none: who imports them makes those of all their frames.
    """
    table = key.table
    still = [table.c.frames.is_(None)] if "frames" in table.c else []
    stored = {
        row[0]: row[1]
        for row in connection.execute(
            select(key, table.c.vector).where(
                key.in_(set(keys)), table.c.fingerprint == model.fingerprint, *still
            )
        )
    }
    found = np.zeros((len(keys), model.dimension), dtype="<f4")
    for row, each in enumerate(keys):
        vector = stored.get(each, b"")
        if len(vector) == found.itemsize * model.dimension:
            found[row] = np.frombuffer(vector, dtype=found.dtype)
    return found.astype(np.float32, copy=False)


def keep_vectors(
    connection: Connection,
    block: Block,
    fingerprint: str,
    run: int,
    *,
    collection: str,
    checked: Collection[str],
) -> None:
    """Insert vectors where this model has none of their content yet; zeros are none.

    What the catalogue has already is what its own encoder said, and stays. Those whose keys were
    ``checked`` are as good as that; the others hold for this ``collection`` alone.
    """
    table, key = block.table, block.key
    rows: dict[str, dict[str, object]] = {}
    for row, vector in zip(block.rows, block.vectors, strict=True):
        name = str(row[key.name])
        if vector.any() and name not in rows:
            imported_by = "" if name in checked else collection
            rows[name] = {
                **row,
                "fingerprint": fingerprint,
                "run": run,
                "vector": pack(vector),
                "imported_by": imported_by,
            }
    known = connection.execute(
        select(key).where(key.in_(rows), table.c.fingerprint == fingerprint)
    ).scalars()
    for each in known:
        del rows[each]
    insert_all(connection, table, list(rows.values()))


def is_empty(connection: Connection, collection: str) -> bool:
    return not any(
        connection.execute(
            select(table.c.id).where(table.c.collection == collection).limit(1)
        ).first()
        for table in (pictures, uploads)
    )


def taken(connection: Connection, ids: Sequence[str]) -> tuple[set[str], set[str]]:
    """Which of these ids pictures have here, and which were those of pictures now deleted."""
    used: set[str] = set()
    deleted: set[str] = set()
    for chunk in chunks(ids):
        for table, found in ((pictures, used), (uploads, used), (tombstones, deleted)):
            found.update(
                connection.execute(select(table.c.id).where(table.c.id.in_(chunk))).scalars()
            )
    return used, deleted


def take_in(
    connection: Connection,
    collection: str,
    what: Held,
    stamps: Sequence[Stamp],
    *,
    run: int,
    now: float,
) -> dict[str, str]:
    """Make a collection without pictures the one that is held here; its uploads' new ids.

    An id stays where nothing here has it or had it. An upload that was deleted here since is left
    out. Labels wait for :meth:`index.library.labels.StoredLabels.prepare`; where none are held,
    those that are here stay. Raises nothing of its own.
    """
    wanted = what.ids
    used, deleted = taken(connection, wanted)
    uploaded = [each for each in what.uploads if each.id not in deleted]
    moving = [each for each in wanted if each in used or each in deleted]
    ids = dict(zip(moving, fresh_ids(connection, len(moving)), strict=True))

    insert_pictures(
        connection,
        collection,
        [
            IndexedPicture(**{**dict(each), "id": ids.get(each.id, each.id)})
            for each in what.pictures
        ],
    )
    connection.execute(delete(files).where(files.c.collection == collection))
    insert_all(connection, files, [row_of(files, each, collection=collection) for each in stamps])
    insert_all(connection, uploads, [_upload_row(collection, each, ids) for each in uploaded])
    connection.execute(delete(removals).where(removals.c.collection == collection))
    insert_all(
        connection,
        removals,
        [
            row_of(removals, each, collection=collection)
            | {"picture_id": ids.get(each.picture_id, each.picture_id)}
            for each in what.removals
        ],
    )
    if what.labels:
        _put_labels(connection, collection, what.labels)
    _put_words(connection, collection, what.words)
    put_generation(connection, collection, generation_of(connection, collection) + 1, what.model)
    connection.execute(update(runs).where(runs.c.id == run).values(finished_at=now))
    return {each.id: ids.get(each.id, each.id) for each in uploaded}


def _put_words(connection: Connection, collection: str, told: Sequence[WordsEntry]) -> None:
    """Keep words of pictures that no other collection has: nobody has compared them.

    As of another reader, so that whatever reads here reads them again.
    """
    for each in told:
        elsewhere = or_(
            *(
                exists().where(table.c.sha256 == each.sha256, table.c.collection != collection)
                for table in (pictures, uploads)
            )
        )
        known = exists().where(words.c.sha256 == each.sha256)
        if not connection.execute(select(or_(elsewhere, known))).scalar():
            put_words(connection, {each.sha256: each.lines}, _IMPORTED)


def _put_labels(connection: Connection, collection: str, texts: Sequence[str]) -> None:
    connection.execute(delete(labels).where(labels.c.collection == collection))
    # As of another model, so that this one encodes them.
    row = {"collection": collection, "fingerprint": "", "vectors": b""}
    insert_all(connection, labels, [{**row, "labels": json.dumps(texts, ensure_ascii=False)}])


def _upload_row(collection: str, each: UploadEntry, ids: Mapping[str, str]) -> dict[str, object]:
    caption = next(iter(each.captions), "")
    return row_of(uploads, each, collection=collection, caption=caption) | {
        "id": ids.get(each.id, each.id),
        "text_hash": text_hash(caption) if caption else "",
    }
