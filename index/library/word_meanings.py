"""What the words in pictures mean to the model that runs: encoded behind the reading, searched."""

from __future__ import annotations

import asyncio
import threading
from typing import Final, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from core.domain.errors import Busy, EncodingFailed
from core.domain.ports import Embedder
from core.domain.threads import finished_in_thread
from core.domain.types import Lane, Vectors
from core.search.word_evidence import MEANS_LEAST, AskedMeaning
from index.catalogue.word_rows import (
    count_meanings,
    meanings_after,
    put_meaning,
    without_meaning,
)
from index.library.overlay import Overlays
from index.library.overlay_revisions import last_revision
from index.snapshots.overlay import SHARED

MEANINGS: Final = ".meanings"
"""By what name the revision of the vectors is counted, which each that is added advances."""

_AT_ONCE: Final = 32
"""Pictures whose words are encoded, and kept, at once."""

_SAMPLE: Final = 256
"""Passages that tell how near an average one is to a question, as many as of captions."""


_DOUBTED: Final = 64
"""Passages of which what they tell of an average one is half believed."""


class NearPassage(NamedTuple):
    """A passage by the number of its words and its place among theirs, and its match in (0, 1]."""

    words_id: int
    place: int
    match: float


class WordMeanings:
    """The vectors of what was read in pictures, of all collections: exact, in memory, halved.

    Some 1.2 KB a picture with words. Whose pictures they are is for the caller to check. What is
    gone from the catalogue may be found until the next :meth:`fill`.
    """

    def __init__(self, overlays: Overlays, embedder: Embedder) -> None:
        self._overlays = overlays
        self._embedder = embedder
        self._dimension = embedder.identity.dimension
        self._forget()
        self._failed: set[int] = set()
        self._changing = threading.Lock()

    async def fill(self) -> int:
        """Encode what this model has not yet, in the bulk lane; how many pictures that were.

        What fails is left out until another of these is made. What is gone from the catalogue
        is gone from memory, too. Raises CatalogueError, ShuttingDown.
        """
        count = 0
        while waiting := await finished_in_thread(self._missing):
            done = await asyncio.gather(
                *(self._embedded(number, texts) for number, texts in waiting.items())
            )
            kept = {number: vectors for number, vectors in done if vectors}
            await finished_in_thread(self._keep, kept)
            self._failed |= waiting.keys() - kept.keys()
            count += len(kept)
        await finished_in_thread(self._ready)  # so that no question waits for all of it
        return count

    def near(self, question: AskedMeaning, k: int) -> list[NearPassage]:
        """The at most ``k`` passages nearest to a question that say anything of it.

        Blocking, thread-safe. Raises CatalogueError.
        """
        with self._changing:
            self._catch_up()
            if not self._known:
                return []
            count = len(self._sample)
            here = float(np.median(self._sample @ question.vector))
            scores, places = self._index.search(question.vector[None], min(k, len(self._known)))
        # Of a few passages, one of which may be what is asked for, none is an average one.
        average = (count * here + _DOUBTED * question.average) / (count + _DOUBTED)
        matches: NDArray[np.float32] = (scores[0] - average) / max(1 - average, 1e-3)
        return [
            NearPassage(self._known[number][0], self._known[number][1], match)
            for number, match in zip(places[0].tolist(), matches.tolist(), strict=True)
            if match > MEANS_LEAST
        ]

    def _forget(self) -> None:
        # Two bytes a number: what that rounds is far below what tells two sentences apart.
        self._index = faiss.IndexScalarQuantizer(
            self._dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._known: list[tuple[int, int]] = []
        self._sample = np.empty((0, self._dimension), dtype=np.float32)
        self._last = self._rows = 0
        self._revision = -1

    def _ready(self) -> None:
        fingerprint = self._embedder.identity.fingerprint
        with self._changing:
            with self._overlays.read() as connection:
                there = count_meanings(connection, fingerprint, self._last)
            if there != self._rows:
                self._forget()
            self._catch_up()

    def _catch_up(self) -> None:
        if self._overlays.revisions.revision(MEANINGS) == self._revision:
            return
        fingerprint = self._embedder.identity.fingerprint
        with self._overlays.read() as connection:
            # Of the rows, which may be behind what is announced.
            self._revision = last_revision(connection, MEANINGS)
            found = meanings_after(connection, fingerprint, self._last, self._dimension)
        if not found.rows:
            return
        self._index.add(found.vectors)
        self._known += found.passages
        self._sample = np.concatenate([self._sample, found.vectors])[:_SAMPLE]
        self._last, self._rows = found.last, self._rows + found.rows

    def _missing(self) -> dict[int, list[str]]:
        fingerprint, limit = self._embedder.identity.fingerprint, _AT_ONCE + len(self._failed)
        with self._overlays.read() as connection:
            found = without_meaning(connection, fingerprint, limit)
        return {
            number: list(texts) for number, texts in found.items() if number not in self._failed
        }

    async def _embedded(self, number: int, texts: list[str]) -> tuple[int, list[Vectors]]:
        try:
            return number, [await self._embedder.embed_text(text, lane=Lane.BULK) for text in texts]
        except (Busy, EncodingFailed):
            return number, []

    def _keep(self, vectors: dict[int, list[Vectors]]) -> None:
        with self._overlays.change() as change:
            put_meaning(change.connection, self._embedder.identity.fingerprint, vectors)
            change.touched.add((MEANINGS, SHARED))
