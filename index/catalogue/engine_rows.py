"""Which vectors of a collection an engine beside the database has (Milvus), and under which number.

The tables belong to no version of the schema, and are derived: a program that does not know them
works beside one that does, and a copy of the database does without them. They are there where the
setting is set, and on PostgreSQL alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    Table,
    UniqueConstraint,
    and_,
    cast,
    delete,
    exists,
    func,
    inspect,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from core.domain.types import ModelIdentity, Vectors
from index.catalogue.contents import identity_of, unpack
from index.catalogue.rows import chunks
from index.catalogue.schema import (
    String,
    Text,
    caption_vectors,
    captions,
    picture_vectors,
    pictures,
)

Kind = Literal["picture", "caption"]
KINDS: Final[Sequence[Kind]] = ("picture", "caption")

engine_tables = MetaData()

_GONE: Final = "gone:"
"""What the keys of emptied rows begin with; no hash does."""

engine_collections = Table(
    "engine_collections",
    engine_tables,
    Column("collection", String(64), primary_key=True),
    # By which the engine knows it: no other installation on the same engine has the same.
    Column("name", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    # The collection's generation of which the engine has all vectors.
    Column("generation", Integer, nullable=False),
)

engine_vectors = Table(
    "engine_vectors",
    engine_tables,
    Column("number", BigInteger, primary_key=True, autoincrement=True),
    Column("collection", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    # The content (SHA-256) of a picture, or the hash of a caption's text; see blank().
    Column("key", String(64), nullable=False),
    # The run of the vector that the engine has; NULL until it has one.
    Column("run", Integer),
    # Of a caption: its words as they are compared (core.search.lexical).
    Column("words", ARRAY(Text)),
    UniqueConstraint("collection", "kind", "key", name="uq_engine_vectors_key"),
    Index("ix_engine_vectors_words", "words", postgresql_using="gin"),
)


@dataclass(frozen=True, slots=True)
class EngineState:
    """How a collection is called in the engine, and how far it is there."""

    name: str
    fingerprint: str
    generation: int

    def of(self, kind: Kind) -> str:
        """The name of a set of vectors."""
        return f"{self.name}_{kind}s"


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Vectors that the engine does not have: float32 [n, d]. ``runs`` are theirs.

    ``numbers``: where each had one already, else None. ``texts``: of captions.
    """

    keys: Sequence[str]
    runs: Sequence[int]
    numbers: Sequence[int | None]
    texts: Sequence[str]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Copied:
    """How many vectors of a collection the engine has, of how many."""

    done: int
    total: int


def copied(connection: Connection, collection: str) -> Copied:
    """As far as is written down; nothing where the tables are missing."""
    model = identity_of(connection, collection)
    if model is None or not inspect(connection).has_table(engine_vectors.name):
        return Copied(0, 0)
    done = sum(count_written(connection, collection, kind) for kind in KINDS)
    return Copied(done, done + sum(lost(connection, collection, kind, model) for kind in KINDS))


def state_of(connection: Connection, collection: str) -> EngineState | None:
    """None where nothing was ever begun."""
    mine = engine_collections.c.collection == collection
    row = connection.execute(select(engine_collections).where(mine)).first()
    return None if row is None else EngineState(row.name, row.fingerprint, row.generation)


def begin(connection: Connection, collection: str, model: ModelIdentity) -> EngineState:
    """Forget what the engine has of a collection: it is to have all under a new name."""
    forget(connection, collection)
    name = f"tangerine_{secrets.token_hex(6)}_{model.fingerprint[:12]}"
    row = {"collection": collection, "name": name, "fingerprint": model.fingerprint}
    connection.execute(insert(engine_collections).values(**row, generation=0))
    return EngineState(name, model.fingerprint, 0)


def forget(connection: Connection, collection: str) -> None:
    for table in (engine_vectors, engine_collections):
        connection.execute(delete(table).where(table.c.collection == collection))


def reached(connection: Connection, collection: str, generation: int) -> None:
    """Write down of which generation the engine has all vectors."""
    connection.execute(
        update(engine_collections)
        .where(engine_collections.c.collection == collection)
        .values(generation=generation)
    )


def waiting(
    connection: Connection,
    collection: str,
    kind: Kind,
    model: ModelIdentity,
    *,
    after: str,
    limit: int,
) -> Waiting:
    """The next vectors that the engine does not have, by their keys, of those behind ``after``.

    Raises CatalogueError.
    """
    rows_of, key, vectors, said = _lacking(collection, kind, model)
    query = (
        rows_of.add_columns(
            key.label("key"), vectors.c.run, vectors.c.vector, engine_vectors.c.number, said
        )
        .where(key > after)
        .order_by(key)
        .limit(limit)
    )
    rows: dict[str, Row[Any]] = {row.key: row for row in connection.execute(query)}
    return Waiting(
        [*rows],
        [row.run for row in rows.values()],
        [row.number for row in rows.values()],
        [row.text for row in rows.values()] if kind == "caption" else [],
        unpack([row.vector for row in rows.values()], model.dimension, collection),
    )


def numbered(
    connection: Connection,
    collection: str,
    kind: Kind,
    found: Waiting,
    words: Sequence[Sequence[str]],
) -> NDArray[np.int64]:
    """Give a number to each that has none; those of all: int64 [n]. ``words``: of captions."""
    new = [n for n, number in enumerate(found.numbers) if number is None]
    if new:
        of_words: dict[int, Sequence[str]] = dict(enumerate(words))
        rows = [
            {
                "collection": collection,
                "kind": kind,
                "key": found.keys[n],
                "words": list(of_words[n]) if n in of_words else None,
            }
            for n in new
        ]
        # Another process may be at the same.
        connection.execute(insert(engine_vectors).on_conflict_do_nothing(), rows)
    numbers = {
        row.key: row.number
        for chunk in chunks(found.keys)
        for row in connection.execute(
            select(engine_vectors.c.key, engine_vectors.c.number).where(
                _mine(collection, kind), engine_vectors.c.key.in_(chunk)
            )
        )
    }
    return np.array([numbers[key] for key in found.keys], dtype=np.int64)


def written(connection: Connection, numbers: NDArray[np.int64], runs: Sequence[int | None]) -> None:
    """Write down that the engine has these vectors, of these runs; None: it has them no more."""
    by_run: dict[int | None, list[int]] = {}
    for number, run in zip(numbers.tolist(), runs, strict=True):
        by_run.setdefault(run, []).append(number)
    for run, mine in by_run.items():
        for chunk in chunks(mine):
            connection.execute(
                update(engine_vectors).where(engine_vectors.c.number.in_(chunk)).values(run=run)
            )


def blank(connection: Connection, collection: str) -> int:
    """Empty the rows of what is not in the collection any more, of whose rows there are how many.

    Neither its words stay nor a hash by which they could be guessed, however long the engine is
    away, which is to be told by number. What comes back is new.
    """
    count = 0
    for kind in KINDS:
        left = and_(_is_left_over(collection, kind), ~engine_vectors.c.key.startswith(_GONE))
        key = literal(_GONE).concat(cast(engine_vectors.c.number, String(64)))
        emptied = update(engine_vectors).where(left).values(key=key, words=None)
        count += connection.execute(emptied).rowcount
    return count


def left_over(connection: Connection, collection: str, kind: Kind, limit: int) -> list[int]:
    """Numbers of what is not in the collection any more."""
    query = select(engine_vectors.c.number).where(_is_left_over(collection, kind))
    return list(connection.execute(query.limit(limit)).scalars())


def drop_numbers(connection: Connection, numbers: Sequence[int]) -> None:
    for chunk in chunks(numbers):
        connection.execute(delete(engine_vectors).where(engine_vectors.c.number.in_(chunk)))


def count_written(connection: Connection, collection: str, kind: Kind) -> int:
    """How many vectors the engine has, as far as is written down."""
    query = select(func.count()).where(_mine(collection, kind), engine_vectors.c.run.is_not(None))
    return int(connection.execute(query).scalar() or 0)


def lost(connection: Connection, collection: str, kind: Kind, model: ModelIdentity) -> int:
    """How many vectors the engine lacks."""
    rows_of, key, _, _ = _lacking(collection, kind, model)
    return int(connection.execute(rows_of.add_columns(func.count(key.distinct()))).scalar() or 0)


def pictures_of(
    connection: Connection, collection: str, kind: Kind, numbers: Iterable[int], limit: int
) -> dict[str, None]:
    """The ids of the pictures that these vectors belong to, as many as ``limit``, in their order.

    What is gone from the collection is left out. A text that many pictures have gives some of them.
    """
    wanted = list(dict.fromkeys(numbers))
    query = _belonging(collection, kind).limit(limit)
    found: dict[int, list[str]] = {}
    for chunk in chunks(wanted):
        for row in connection.execute(query.where(engine_vectors.c.number.in_(chunk))):
            found.setdefault(row.number, []).append(row.id)
    ids = (each for number in wanted for each in found.get(number, ()))
    return dict.fromkeys([each for each, _ in zip(ids, range(limit), strict=False)])


def pictures_saying(
    connection: Connection, collection: str, words: Collection[str], *, limit: int
) -> list[str]:
    """Ids of pictures with a caption that holds every one of these words."""
    if not words:
        return []
    wanted = cast(list(words), ARRAY(Text))
    holds = engine_vectors.c.words.contains(wanted)
    query = _belonging(collection, "caption").where(holds).limit(limit)
    return list(dict.fromkeys(row.id for row in connection.execute(query)))


def with_contents(connection: Connection, collection: str, contents: Collection[str]) -> list[str]:
    """Ids of the folder's pictures with these contents (SHA-256)."""
    return [
        row.id
        for chunk in chunks(contents)
        for row in connection.execute(
            select(pictures.c.id).where(
                pictures.c.collection == collection, pictures.c.sha256.in_(chunk)
            )
        )
    ]


def numbers_written(
    connection: Connection, collection: str, kind: Kind, block: int = 8192
) -> Iterator[NDArray[np.int64]]:
    """The numbers that the engine has, as far as is written down, rising, in blocks."""
    last = -1
    while True:
        query = (
            select(engine_vectors.c.number)
            .where(
                _mine(collection, kind),
                engine_vectors.c.run.is_not(None),
                engine_vectors.c.number > last,
            )
            .order_by(engine_vectors.c.number)
            .limit(block)
        )
        numbers = list(connection.execute(query).scalars())
        if not numbers:
            return
        yield np.array(numbers, dtype=np.int64)
        last = numbers[-1]


def _belonging(collection: str, kind: Kind) -> Select[tuple[int, str]]:
    """The number of a vector, and the id of a picture that it belongs to."""
    query = select(engine_vectors.c.number, pictures.c.id).where(
        _mine(collection, kind), pictures.c.collection == collection
    )
    if kind == "picture":
        return query.where(pictures.c.sha256 == engine_vectors.c.key)
    return query.where(
        captions.c.text_hash == engine_vectors.c.key, captions.c.picture_id == pictures.c.id
    )


def _is_left_over(collection: str, kind: Kind) -> ColumnElement[bool]:
    if kind == "picture":
        there = exists().where(
            pictures.c.sha256 == engine_vectors.c.key, pictures.c.collection == collection
        )
    else:
        there = exists().where(
            captions.c.text_hash == engine_vectors.c.key,
            captions.c.picture_id == pictures.c.id,
            pictures.c.collection == collection,
        )
    return and_(_mine(collection, kind), ~there)


def _mine(collection: str, kind: Kind) -> ColumnElement[bool]:
    return and_(engine_vectors.c.collection == collection, engine_vectors.c.kind == kind)


def _lacking(
    collection: str, kind: Kind, model: ModelIdentity
) -> tuple[Select[Any], Column[str], Table, ColumnElement[str]]:
    """The pictures whose vectors of a kind the engine lacks, without columns.

    With the key, the table of the vectors, and the text of a caption.
    """
    if kind == "picture":
        key, vectors, said = pictures.c.sha256, picture_vectors, literal("").label("text")
        source: FromClause = pictures.join(
            vectors, and_(vectors.c.sha256 == key, vectors.c.fingerprint == model.fingerprint)
        )
    else:
        key, vectors = captions.c.text_hash, caption_vectors
        said = captions.c.text.label("text")
        source = pictures.join(captions, captions.c.picture_id == pictures.c.id).join(
            vectors, and_(vectors.c.text_hash == key, vectors.c.fingerprint == model.fingerprint)
        )
    known = and_(_mine(collection, kind), engine_vectors.c.key == key)
    lacking = (
        select()
        .select_from(source.join(engine_vectors, known, isouter=True))
        .where(
            pictures.c.collection == collection,
            engine_vectors.c.run.is_distinct_from(vectors.c.run),
        )
    )
    return lacking, key, vectors, said
