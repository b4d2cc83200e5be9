"""What a reindex writes: each function works inside the transaction that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from core.domain.types import ModelIdentity
from index.catalogue.contents import generation_of, identity_of, model_columns, pack
from index.catalogue.frames import pack_frames
from index.catalogue.ids import fresh_ids
from index.catalogue.records import Batch, Changes, text_hash
from index.catalogue.rows import (
    delete_where_in,
    drop_unused_vectors,
    drop_vectors_of,
    failure_row,
    insert_all,
    insert_pictures,
    is_reindexing,
    put_looks,
    replace,
    restricted,
    row_of,
)
from index.catalogue.schema import (
    caption_vectors,
    captions,
    collections,
    failures,
    files,
    picture_vectors,
    pictures,
    runs,
    tombstones,
)


def start_run(
    connection: Connection, collection: str, fingerprint: str, *, full: bool, now: float
) -> int:
    """The number of a new run, or that of a killed full run of this model to go on with."""
    mine = (runs.c.collection == collection) & runs.c.finished_at.is_(None)
    unfinished: int | None = None
    if full:
        unfinished = connection.execute(
            select(func.max(runs.c.id)).where(
                mine, runs.c.full.is_(True), runs.c.fingerprint == fingerprint
            )
        ).scalar()
    connection.execute(delete(runs).where(mine, runs.c.id != (unfinished or 0)))
    if unfinished is not None:
        return int(unfinished)
    result = connection.execute(
        insert(runs).values(
            collection=collection,
            fingerprint=fingerprint,
            full=full,
            started_at=now,
            done=0,
            total=0,
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def save_batch(
    connection: Connection, run: int, collection: str, fingerprint: str, batch: Batch
) -> None:
    """Store stamps, vectors and failures in place of what was known of the same keys."""
    of_model = {"fingerprint": fingerprint, "run": run}
    replace(
        connection,
        files,
        ("collection", "path"),
        [row_of(files, stamp, collection=collection) for stamp in batch.stamps],
    )
    replace(
        connection,
        picture_vectors,
        ("sha256", "fingerprint"),
        [
            row_of(picture_vectors, entry, **of_model)
            | {"vector": pack(entry.vector), "frames": pack_frames(entry.frames)}
            for entry in batch.pictures
        ],
    )
    put_looks(connection, {entry.sha256: entry.look for entry in batch.pictures})
    replace(
        connection,
        caption_vectors,
        ("text_hash", "fingerprint"),
        [
            {"text_hash": text_hash(each.text), "vector": pack(each.vector), **of_model}
            for each in batch.captions
        ],
    )
    replace(
        connection,
        failures,
        ("collection", "path"),
        [failure_row(collection, bad) for bad in batch.failures],
    )


def put_generation(
    connection: Connection, collection: str, generation: int, identity: ModelIdentity
) -> None:
    """Let a collection be at this generation, searched by this model; made where it is new."""
    state = {"generation": generation, **model_columns(identity)}
    mine = collections.c.name == collection
    if not connection.execute(update(collections).where(mine).values(**state)).rowcount:
        connection.execute(insert(collections).values(name=collection, **state))


def apply_changes(
    connection: Connection,
    run: int,
    collection: str,
    identity: ModelIdentity,
    changes: Changes,
    *,
    now: float,
) -> int:
    """Pictures, failures, stamps, model and generation become those of the next state."""
    before = generation_of(connection, collection)
    other_model = identity_of(connection, collection) != identity
    full = connection.execute(select(runs.c.full).where(runs.c.id == run)).scalar_one()
    first = not before  # also where the model of uploads is known already
    generation = before + bool(changes.searchable or other_model or full or first)

    # All go before any comes: two pictures may have swapped their paths.
    touched = [*changes.removed, *(picture.id for picture in changes.changed)]
    before_it = _vector_keys(connection, touched)
    delete_where_in(connection, captions.c.picture_id, touched)
    delete_where_in(connection, pictures.c.id, touched)
    insert_all(
        connection,
        tombstones,
        [{"id": picture_id, "removed_at": now} for picture_id in changes.removed],
    )
    ids = fresh_ids(connection, len(changes.added))
    added = [new.known_as(picture_id) for picture_id, new in zip(ids, changes.added, strict=True)]
    insert_pictures(connection, collection, [*changes.changed, *added])

    connection.execute(delete(failures).where(failures.c.collection == collection))
    insert_all(connection, failures, [failure_row(collection, bad) for bad in changes.failures])
    gone: Iterable[str] | None = changes.vanished
    if gone is None:
        known = connection.execute(select(files.c.path).where(files.c.collection == collection))
        gone = [path for path in known.scalars() if path not in changes.paths]
    delete_where_in(connection, files.c.path, gone, files.c.collection == collection)

    put_generation(connection, collection, generation, identity)
    connection.execute(update(runs).where(runs.c.id == run).values(finished_at=now))
    if full or other_model or (changes.sweeping and (touched or not changes.added)):
        # New pictures alone leave nothing behind. What killed runs left waits for the next run.
        drop_unused_vectors(connection)
    elif touched and not is_reindexing(connection):
        drop_vectors_of(connection, *before_it)
    return generation


def _vector_keys(connection: Connection, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    contents, texts = (
        [
            key
            for query in restricted(select(key), of, ids)
            for key in connection.execute(query).scalars()
        ]
        for key, of in (
            (pictures.c.sha256, pictures.c.id),
            (captions.c.text_hash, captions.c.picture_id),
        )
    )
    return contents, texts
