"""The words that stand in pictures: kept by content, read where they are missing, searched."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from cachetools import LRUCache
from sqlalchemy import (
    Connection,
    Row,
    and_,
    func,
    select,
    union_all,
)

from core.domain.ports import Snapshot
from core.domain.types import WordsProgress
from core.search.word_evidence import AskedMeaning, FoundWords, WordEvidence, by_meaning, passages
from core.search.words import ReadWords, asked_grams, phrase_grams
from index.catalogue.rows import chunks
from index.catalogue.schema import pictures, uploads, words
from index.catalogue.word_rows import in_collection, sharing
from index.library.overlay import Overlays
from index.library.word_meanings import WordMeanings

_CANDIDATES: Final = 256
"""Pictures that share most with a question, which are compared word by word."""

_WIDER: Final = 8
"""So many times more are looked at where a community may see few of them."""

_LEAST_SHARED: Final = 0.15
"""Of a question's grams, those that a picture has, to be looked at."""

_PARSED: Final = 4096

_SHOWN: Final = 100
"""Characters of a passage that is shown as the one that matched."""


class StoredWords:
    """The PictureWords port over the catalogue.

    ``collections``: those whose words are searched, and read.
    """

    def __init__(
        self,
        overlays: Overlays,
        collections: Collection[str],
        version: str = "",
        meanings: WordMeanings | None = None,
        sampled: Collection[str] = (),
    ) -> None:
        """``version``: of what reads here (``WordReader.version``), empty where nothing does.

        ``meanings``: what the words mean; None where they are searched by their letters alone.
        ``sampled``: collections whose snapshots hold some pictures alone.
        """
        self._overlays = overlays
        self._meanings = meanings
        self._version = version
        self._sampled = frozenset(sampled)
        self._collections = frozenset(collections)
        self._parsed: LRUCache[int, ReadWords] = LRUCache(_PARSED)

    def find(
        self, snapshot: Snapshot, question: str, meaning: AskedMeaning | None = None
    ) -> WordEvidence | None:
        if snapshot.collection not in self._collections:
            return None
        found = self._by_letters(snapshot, question)
        if meaning is not None and self._meanings is not None:
            found += self._by_meaning(self._meanings, snapshot, question, meaning)
        return WordEvidence.of(found)

    def _by_letters(self, snapshot: Snapshot, question: str) -> list[FoundWords]:
        wanted = asked_grams(question)
        if not wanted:
            return []
        least = max(1, round(_LEAST_SHARED * len(wanted)))
        limit = _CANDIDATES
        with self._overlays.read() as connection:
            while True:
                query = sharing(snapshot.collection, wanted, least).limit(limit)
                rows = connection.execute(query).all()
                seen = _rows_of(connection, snapshot, [row.sha256 for row in rows])
                # What others alone may see takes no place away.
                if len(rows) < limit or len(seen) >= min(limit, _CANDIDATES) // 2:
                    break
                limit *= _WIDER
        found = []
        for row in rows:
            if row.sha256 not in seen:
                continue
            read = self._read(row.id, row.lines)
            strength = read.strength(question)
            if strength:
                line = read.line(question)
                found += [FoundWords(place, strength, line) for place in seen[row.sha256]]
        return found

    def _by_meaning(
        self, meanings: WordMeanings, snapshot: Snapshot, question: str, meaning: AskedMeaning
    ) -> list[FoundWords]:
        limit = _CANDIDATES
        while True:
            near = meanings.near(meaning, limit)
            with self._overlays.read() as connection:
                rows = _words_with(connection, {each.words_id for each in near})
                seen = _rows_of(connection, snapshot, [row.sha256 for row in rows.values()])
            # As above.
            if len(near) < limit or len(seen) >= _CANDIDATES // 2:
                break
            limit *= _WIDER
        found = []
        for each in near:
            row = rows.get(each.words_id)
            if row is None or row.sha256 not in seen:
                continue
            texts = passages(self._read(row.id, row.lines).lines)
            if each.place < len(texts):
                line = _shown(texts[each.place])
                found += [
                    by_meaning(place, line, each.match, question) for place in seen[row.sha256]
                ]
        return found

    def holding(self, snapshot: Snapshot, phrases: Sequence[str]) -> WordEvidence | None:
        if snapshot.collection not in self._collections:
            return None
        with self._overlays.read() as connection:
            if not phrases:
                query = select(words.c.id, words.c.sha256, words.c.lines).where(
                    words.c.lines != "[]", in_collection(snapshot.collection)
                )
                if snapshot.collection in self._sampled:
                    contents = {picture.sha256 for picture in snapshot.pictures}
                    query = query.where(words.c.sha256.in_(contents))
                rows = connection.execute(query).all()
            else:
                wanted = tuple(phrase_grams(phrases))
                rows = connection.execute(
                    sharing(snapshot.collection, wanted, max(1, len(wanted) // 2))
                ).all()
            seen = _rows_of(connection, snapshot, [row.sha256 for row in rows])
        read = [(row.sha256, self._read(row.id, row.lines)) for row in rows if row.sha256 in seen]
        held = [each for each in read if all(each[1].holds(phrase) for phrase in phrases)]
        if not held:  # a letter may have been read wrongly
            held = [each for each in read if all(each[1].nearly(phrase) for phrase in phrases)]
        shown = " ".join(phrases)
        return WordEvidence.of(
            [
                FoundWords(place, 1.0, text.line(shown))
                for sha256, text in held
                for place in seen[sha256]
            ]
        )

    def contents(self, collection: str, question: str, phrases: Sequence[str]) -> Sequence[str]:
        if collection not in self._collections:
            return ()
        said, quoted = asked_grams(question), tuple(phrase_grams(phrases)) if phrases else ()
        queries = [
            sharing(collection, grams, least).limit(_CANDIDATES)
            for grams, least in (
                (said, max(1, round(_LEAST_SHARED * len(said)))),
                (quoted, max(1, len(quoted) // 2)),
            )
            if grams
        ]
        with self._overlays.read() as connection:
            return [row.sha256 for each in queries for row in connection.execute(each)]

    def any_in(self, collection: str) -> bool:
        if collection not in self._collections:
            return False
        query = select(words.c.id).where(words.c.lines != "[]", in_collection(collection))
        with self._overlays.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def progress(self, collection: str) -> WordsProgress | None:
        if collection not in self._collections or not self._version:
            return None
        contents = union_all(
            select(pictures.c.sha256).where(pictures.c.collection == collection),
            select(uploads.c.sha256).where(
                uploads.c.collection == collection, uploads.c.removed_at.is_(None)
            ),
        ).subquery()
        mine = select(contents.c.sha256).distinct().subquery()
        done = and_(words.c.sha256 == mine.c.sha256, words.c.reader == self._version)
        query = select(
            func.count(mine.c.sha256),
            func.count(words.c.id),
            func.count(words.c.id).filter(words.c.lines != "[]"),
        ).select_from(mine.join(words, done, isouter=True))
        with self._overlays.read() as connection:
            total, read, some = connection.execute(query).one()
        return WordsProgress(read, total, some)

    def _read(self, number: int, lines: str) -> ReadWords:
        read = self._parsed.get(number)
        if read is None:
            read = ReadWords.of([text for text, _ in json.loads(lines)])
            self._parsed[number] = read
        return read


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rstrip() + "…"


def _words_with(connection: Connection, numbers: Collection[int]) -> dict[int, Row[Any, Any, Any]]:
    """The words with these numbers, those that are still there."""
    query = select(words.c.id, words.c.sha256, words.c.lines)
    return {
        row.id: row
        for chunk in chunks(sorted(numbers))
        for row in connection.execute(query.where(words.c.id.in_(chunk)))
    }


def _rows_of(
    connection: Connection, snapshot: Snapshot, contents: Sequence[str]
) -> dict[str, list[int]]:
    """The rows in the snapshot of each of these contents that has any: what its viewer may see."""
    rows: dict[str, list[int]] = {}
    for sha256, picture_id in _ids_of(connection, snapshot.collection, contents):
        row = snapshot.row_of(picture_id)
        if row is not None:
            rows.setdefault(sha256, []).append(row)
    return rows


def _ids_of(
    connection: Connection, collection: str, contents: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for chunk in chunks(contents):
        for table in (pictures, uploads):
            query = select(table.c.sha256, table.c.id).where(
                table.c.sha256.in_(chunk), table.c.collection == collection
            )
            yield from ((row.sha256, row.id) for row in connection.execute(query))
