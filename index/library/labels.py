"""The labels of each collection: kept as one model understands them, read while they change."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from core.domain.ports import Embedder
from core.domain.threads import finished_in_thread
from core.domain.types import Lane, Vectors
from core.search.labels import LabelSet, label_set, prompts, tidy_labels
from index.catalogue.contents import pack, unpack
from index.catalogue.rows import insert_all
from index.catalogue.schema import labels as table
from index.library.overlay import Overlays

TAGS = ".labels"
"""Stands for a collection where changes of labels are counted and announced. No collection has
a name that begins with a dot."""

_TOGETHER = 64
"""Texts that wait for the encoder at once: more could fill its queue, as 1,000 labels are 4,064."""


class StoredLabels:
    """The Labels port over the catalogue, and what changes it.

    Kept are the labels with their vectors, and nothing of any picture: tags follow from the
    pictures' own vectors (:mod:`core.search.labels`), so that an upload or a reindex needs no
    further step, and what is deleted leaves nothing here.
    """

    def __init__(self, overlays: Overlays, embedder: Embedder) -> None:
        self._overlays = overlays
        self._embedder = embedder
        self._known: dict[str, tuple[int, LabelSet | None]] = {}
        self._reading = threading.Lock()

    async def prepare(self) -> None:
        """Encode the labels that this model does not know yet, as the model was changed.

        Raises CatalogueError, Busy, EncodingFailed.
        """
        for collection, texts in await finished_in_thread(self._unencoded):
            found = await self._encoded(texts)
            await finished_in_thread(self._keep, collection, found, replacing=False)

    def of(self, collection: str) -> LabelSet | None:
        """Costs one ``stat`` while nothing has changed."""
        # Read first: what changes in between is then looked at once more, never missed.
        revision = self._overlays.revisions.known(TAGS)
        with self._reading:
            known = self._known.get(collection)
            if known is None or known[0] != revision:
                known = self._known[collection] = revision, self._read(collection, known)
            return known[1]

    async def replace(self, collection: str, texts: Sequence[str]) -> LabelSet:
        """Tag a collection with these labels, and no others, from now on.

        Raises BadLabels, CatalogueError, Busy, EncodingFailed; then it stays as it was.
        """
        found = await self._encoded(tidy_labels(texts))
        await finished_in_thread(self._keep, collection, found, replacing=True)
        return found

    async def clear(self, collection: str) -> bool:
        """Forget a collection's labels; whether there were any. Raises CatalogueError."""
        return await finished_in_thread(self._clear, collection)

    async def _encoded(self, texts: tuple[str, ...]) -> LabelSet:
        vectors: list[Vectors] = []
        asked = prompts(texts)
        for start in range(0, len(asked), _TOGETHER):
            some = asked[start : start + _TOGETHER]
            vectors += await asyncio.gather(
                *(self._embedder.embed_text(text, lane=Lane.BULK) for text in some)
            )
        return label_set(texts, vectors)

    def _unencoded(self) -> list[tuple[str, tuple[str, ...]]]:
        fingerprint = self._embedder.identity.fingerprint
        with self._overlays.read() as connection:
            rows = connection.execute(
                select(table.c.collection, table.c.fingerprint, table.c.labels)
            ).all()
        known = {row.collection for row in rows if row.fingerprint == fingerprint}
        # Those of every other model are the same ones.
        left = {row.collection: row.labels for row in rows if row.collection not in known}
        return [(collection, tuple(json.loads(texts))) for collection, texts in left.items()]

    def _keep(self, collection: str, found: LabelSet, *, replacing: bool) -> None:
        fingerprint = self._embedder.identity.fingerprint
        texts = json.dumps(found.labels, ensure_ascii=False)
        row = {
            "collection": collection,
            "fingerprint": fingerprint,
            "labels": texts,
            "vectors": b"".join(pack(rows) for rows in (found.words, found.everyday)),
        }
        with self._overlays.change() as change:
            others = _rows(change.connection, collection)
            if not replacing and (
                all(other.labels != texts for other in others)
                or any(other.fingerprint == fingerprint for other in others)
            ):
                return  # somebody else was quicker, or has replaced them
            gone = delete(table).where(table.c.collection == collection)
            if replacing:
                change.connection.execute(gone)
            insert_all(change.connection, table, [row])
            change.touched.add((TAGS, collection))

    def _clear(self, collection: str) -> bool:
        with self._overlays.change() as change:
            found = bool(_rows(change.connection, collection))
            change.connection.execute(delete(table).where(table.c.collection == collection))
            change.touched.add((TAGS, collection))
        return found

    def _read(self, collection: str, before: tuple[int, LabelSet | None] | None) -> LabelSet | None:
        identity = self._embedder.identity
        with self._overlays.read() as connection:
            row = next(
                (
                    each
                    for each in _rows(connection, collection)
                    if each.fingerprint == identity.fingerprint
                ),
                None,
            )
        if row is None:
            return None
        texts = tuple(json.loads(row.labels))
        if before is not None and before[1] is not None and before[1].labels == texts:
            return before[1]  # another collection's have changed
        size = identity.dimension * 4
        blobs = [row.vectors[start : start + size] for start in range(0, len(row.vectors), size)]
        vectors = unpack(blobs, identity.dimension, collection)
        return LabelSet(texts, vectors[: len(texts)], vectors[len(texts) :])


def _rows(connection: Connection, collection: str) -> Sequence[Row[Any]]:
    return connection.execute(select(table).where(table.c.collection == collection)).all()
