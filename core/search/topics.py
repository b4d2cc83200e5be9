"""What a collection is about, in words that somebody would type, each of which finds something."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from core.domain.choices import MAX_GROUPS
from core.domain.errors import TangerineError
from core.domain.plain_text import folded
from core.domain.ports import Library, Snapshot
from core.domain.single_flight import OncePerSnapshot
from core.domain.types import Band, SearchResult
from core.domain.viewer import Viewer
from core.search.clusters import group
from core.search.everyday import EVERYDAY, language_of
from core.search.map import vectors_of
from core.search.ports import Labels
from core.search.service import Search
from core.search.zero_shot import BACKGROUND

MAX_TOPICS = 8
"""Topics of one collection: as many as fit below a search bar."""

_ENOUGH = 4
"""Topics that captions give; where they give fewer, everyday words are tried too."""

_LOOKED_AT = 24
"""Hits by which words are compared."""

_SAID = 2
"""Captions among them that have the word: where it is in none, as "forward" is in none of those of
the traffic signs that it finds, it is a guess of the model."""


class Topics:
    """Topics of what a community sees. Of one state of a collection they are found once.

    The captions' own words where there are captions: pictures are grouped, and each group has the
    word that its captions have in common and that lies most in its pictures' direction
    (:mod:`core.search.clusters`), the largest group first. Else the collection's labels, else
    everyday words, by how many pictures they find.

    Whoever asks in another language than that of the captions gets everyday words of their own,
    as far as these find something: what nobody finds, or can read, is no idea for a question.
    """

    def __init__(self, library: Library, search: Search, labels: Labels | None = None) -> None:
        self._library = library
        self._search = search
        self._labels = labels
        self._found: OncePerSnapshot[tuple[str, ...]] = OncePerSnapshot()
        self._spoken: OncePerSnapshot[str | None] = OncePerSnapshot()

    async def of(
        self, *, community: Viewer | str, collection: str | None = None, language: str = "en"
    ) -> tuple[str, ...]:
        """Up to eight, maybe none. Raises what ``Library.open`` and ``Search.find`` raise.

        ``language``: that of whoever asks, ISO 639-1.
        """
        snapshot = await self._library.open(collection, community)
        return await self._translated(snapshot, community, language) or await self._found.get(
            snapshot, community, lambda: self._find(snapshot, community)
        )

    async def translated(self, language: str, *, community: Viewer | str) -> tuple[str, ...]:
        """Those in the asker's language, of the default collection; none where captions speak it.

        Raises what :meth:`of` raises.
        """
        snapshot = await self._library.open(None, community)
        return await self._translated(snapshot, community, language)

    async def _translated(
        self, snapshot: Snapshot, community: Viewer | str, language: str
    ) -> tuple[str, ...]:
        if (
            language not in EVERYDAY
            or await self._spoken.get(
                snapshot, community, lambda: asyncio.to_thread(_spoken, snapshot)
            )
            == language
        ):
            return ()
        return await self._found.get(
            snapshot,
            (community, language),
            lambda: self._of_words(EVERYDAY[language], snapshot, community),
        )

    async def _of_words(
        self, words: Iterable[str], snapshot: Snapshot, community: Viewer | str
    ) -> tuple[str, ...]:
        """Words by how many pictures they find; of several for one picture, the first."""
        found = await self._results(words, snapshot, community)
        found.sort(key=lambda each: (-each[1].strong, -each[1].fair))
        topics: dict[str, str] = {}
        for word, result in found:
            topics.setdefault(result.hits[0].picture.id, word)
        return tuple(topics.values())[:MAX_TOPICS]

    async def _find(self, snapshot: Snapshot, community: Viewer | str) -> tuple[str, ...]:
        said = await self._results(await self._said(snapshot), snapshot, community)
        topics = [word for word, result in said if _is_said(word, result)]
        if len(topics) < _ENOUGH:
            known = None
            if self._labels is not None:
                known = await asyncio.to_thread(self._labels.of, snapshot.collection)
            words = BACKGROUND if known is None else known.labels[: len(BACKGROUND)]
            topics += await self._of_words(words, snapshot, community)
        kept: dict[str, str] = {}
        for topic in topics:
            kept.setdefault(folded(topic), topic)
        return tuple(kept.values())[:MAX_TOPICS]

    async def _said(self, snapshot: Snapshot) -> list[str]:
        """A word of each group's captions, the largest group first."""
        if not len(snapshot.captions):
            return []
        index = snapshot.picture_index
        unnamed = await asyncio.to_thread(
            group, lambda: vectors_of(index), snapshot.captions, MAX_GROUPS
        )
        vectors = await asyncio.gather(*map(self._search.text_vector, unnamed.words))
        names = unnamed.named(vectors).names
        firsts = (name.partition(", ")[0] for name in names)
        # A group without such a word is named by a caption of its own, which nobody would type.
        return [
            word for word, words in zip(firsts, unnamed.candidates, strict=True) if word in words
        ]

    async def _results(
        self, words: Iterable[str], snapshot: Snapshot, community: Viewer | str
    ) -> list[tuple[str, SearchResult]]:
        """Those of these words that find something, with what they find."""
        found = []
        # One after the other: people who ask meanwhile go between.
        for word in words:
            try:
                result = await self._search.find(
                    word, community=community, collection=snapshot.collection, k=_LOOKED_AT
                )
            except TangerineError:
                continue  # the others may do
            if result.close_match:
                found.append((word, result))
        return found


def _spoken(snapshot: Snapshot) -> str | None:
    return language_of(text for text, _ in snapshot.captions)


def _is_said(word: str, result: SearchResult) -> bool:
    sure = (folded(hit.picture.caption) for hit in result.hits if hit.band is not Band.WEAK)
    return sum(folded(word) in caption for caption in sure) >= _SAID
