"""Words in pictures as rows: what was read of a content, and the grams by which it is found."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, insert, or_, select

from core.domain.types import Vectors
from core.search.word_evidence import for_model, passages
from core.search.words import grams
from index.catalogue.rows import chunks
from index.catalogue.schema import pictures, uploads, word_grams, word_vectors, words

_ROUNDED = 1e-3
"""By how much the length of a unit vector of float32 may differ from 1."""

_STORED = np.dtype("<f4")

Lines = Sequence[tuple[str, float]]
"""Lines with how sure each is."""


def put_words(connection: Connection, found: Mapping[str, Lines], reader: str) -> None:
    """Keep what was read of these contents, in place of what was known; of what is there still."""
    for sha256, lines in found.items():
        drop_words(connection, words.c.sha256 == sha256)
        here = or_(*(exists().where(table.c.sha256 == sha256) for table in (pictures, uploads)))
        if not connection.execute(select(here)).scalar():
            continue  # deleted while it was read
        text = json.dumps(list(lines), ensure_ascii=False)
        row = {"sha256": sha256, "reader": reader, "lines": text}
        connection.execute(insert(words).values(row))
        number = connection.execute(select(words.c.id).where(words.c.sha256 == sha256)).scalar_one()
        put_grams(connection, number, [line for line, _ in lines])


def put_grams(connection: Connection, number: int, lines: Sequence[str]) -> None:
    """Let the words with this number be found by these lines."""
    known: set[str] = set().union(*map(grams, lines))
    if known:
        rows = [{"gram": gram, "words_id": number} for gram in sorted(known)]
        connection.execute(insert(word_grams), rows)


def without_meaning(
    connection: Connection, fingerprint: str, limit: int
) -> dict[int, Sequence[str]]:
    """Passages, as a model is given them, of some words that it has not encoded, by number."""
    done = exists().where(
        word_vectors.c.words_id == words.c.id, word_vectors.c.fingerprint == fingerprint
    )
    query = select(words.c.id, words.c.lines).where(words.c.lines != "[]", ~done)
    rows = connection.execute(query.order_by(words.c.id.desc()).limit(limit))
    return {
        row.id: [for_model(text) for text in passages([line for line, _ in json.loads(row.lines)])]
        for row in rows
    }


def put_meaning(
    connection: Connection, fingerprint: str, vectors: Mapping[int, Sequence[Vectors]]
) -> None:
    """Keep the vectors of the passages of words, by their numbers; of those that are there."""
    there = set(
        connection.execute(select(words.c.id).where(words.c.id.in_(list(vectors)))).scalars()
    )
    rows = [
        {
            "words_id": number,
            "fingerprint": fingerprint,
            "passage": place,
            "vector": vector.astype(_STORED).tobytes(),
        }
        for number in there
        for place, vector in enumerate(vectors[number])
    ]
    if rows:
        connection.execute(insert(word_vectors), rows)


class StoredMeanings(NamedTuple):
    """Vectors [n, dimension], of which words and passage each is; damaged ones are left out.

    ``rows`` counts those, too, and ``last`` is the highest number: verification tells of them.
    """

    rows: int
    last: int
    passages: list[tuple[int, int]]
    vectors: Vectors


def meanings_after(
    connection: Connection, fingerprint: str, last: int, dimension: int
) -> StoredMeanings:
    """The vectors behind a number."""
    table = word_vectors
    query = select(table.c.number, table.c.words_id, table.c.passage, table.c.vector).where(
        table.c.fingerprint == fingerprint, table.c.number > last
    )
    size = dimension * _STORED.itemsize
    rows = connection.execute(query.order_by(table.c.number)).all()
    whole = [row for row in rows if len(row.vector) == size]
    found = np.frombuffer(b"".join(row.vector for row in whole), dtype=_STORED)
    return StoredMeanings(
        len(rows),
        rows[-1].number if rows else last,
        [(row.words_id, row.passage) for row in whole],
        found.reshape(-1, dimension).astype(np.float32),
    )


def count_meanings(connection: Connection, fingerprint: str, last: int) -> int:
    """How many vectors there are up to a number."""
    table = word_vectors
    query = select(func.count()).where(table.c.fingerprint == fingerprint, table.c.number <= last)
    return int(connection.execute(query).scalar_one())


def drop_words(connection: Connection, which: ColumnElement[bool]) -> None:
    numbers = connection.execute(select(words.c.id).where(which)).scalars().all()
    for number in numbers:
        for table in (word_grams, word_vectors):
            connection.execute(delete(table).where(table.c.words_id == number))
    connection.execute(delete(words).where(which))


def lines_of(connection: Connection, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The lines in these uploads, by their ids, where there are any."""
    found = {}
    for chunk in chunks(ids):
        query = (
            select(uploads.c.id, words.c.lines)
            .join(words, words.c.sha256 == uploads.c.sha256)
            .where(uploads.c.id.in_(chunk), words.c.lines != "[]")
        )
        for picture_id, lines in connection.execute(query):
            found[picture_id] = tuple(text for text, _ in json.loads(lines))
    return found


def damaged_words(connection: Connection, collection: str) -> Iterator[str]:
    """Contents of a collection whose words are no lines, or are not found by them."""
    query = select(words.c.id, words.c.sha256, words.c.lines).where(in_collection(collection))
    for number, sha256, text in connection.execute(query).all():
        known = set(
            connection.execute(
                select(word_grams.c.gram).where(word_grams.c.words_id == number)
            ).scalars()
        )
        try:
            wanted: set[str] = set().union(*(grams(line) for line, _ in json.loads(text)))
        except (ValueError, TypeError, AttributeError):
            yield sha256
            continue
        vectors = connection.execute(
            select(word_vectors.c.vector).where(word_vectors.c.words_id == number)
        ).scalars()
        if known != wanted or not all(map(_is_vector, vectors)):
            yield sha256


def _is_vector(stored: bytes) -> bool:
    if len(stored) % _STORED.itemsize:
        return False
    length = float(np.linalg.norm(np.frombuffer(stored, dtype=_STORED)))
    return abs(length - 1) < _ROUNDED


def in_collection(collection: str) -> ColumnElement[bool]:
    """Whether a collection has a picture with these words, seen or not."""
    return or_(
        *(
            exists().where(table.c.sha256 == words.c.sha256, table.c.collection == collection)
            for table in (pictures, uploads)
        )
    )


def sharing(collection: str, wanted: Sequence[str], least: int) -> Select[Any]:
    """Contents of a collection with at least so many of the grams, those with most first."""
    shared = func.count().label("shared")
    hits = (
        select(word_grams.c.words_id, shared)
        .where(word_grams.c.gram.in_(wanted))
        .group_by(word_grams.c.words_id)
        .having(shared >= least)
        .subquery()
    )
    return (
        select(words.c.id, words.c.sha256, words.c.lines)
        .join(hits, hits.c.words_id == words.c.id)
        .where(in_collection(collection))
        .order_by(hits.c.shared.desc(), words.c.id.desc())
    )
