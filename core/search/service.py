"""The use cases: find, similar, more like this, describe, classify."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from core.domain.errors import (
    BadCount,
    BadLabels,
    Busy,
    EmptyQuery,
    NotFound,
    QueryTooLong,
    Unavailable,
)
from core.domain.ports import Embedder, Library, PictureDecoder, Snapshot
from core.domain.types import (
    Classification,
    DescribeResult,
    Hit,
    SearchResult,
    SoFar,
    Vectors,
)
from core.search.calibration import Calibration, calibrate, refer
from core.search.captions import lookup, told
from core.search.coalescing import BatchedQuery, QueryCoalescer
from core.search.crop_matching import Posted, Recogniser
from core.search.label_filter import Tagger, listed
from core.search.labels import parse
from core.search.look_alikes import Comparison, LookAlikes
from core.search.mixed_query import mix, wish
from core.search.ports import Labels
from core.search.query_views import ViewKind, ViewTransform, closest_view, views, ways
from core.search.ranking import (
    NearestPictures,
    captioned_hits,
    describe_page,
    page_lookup,
    rank_page,
    without,
)
from core.search.references import REFERENCES
from core.search.scoring import Ranking
from core.search.zero_shot import classify_vectors, prompts_of

_ROUNDS = 3
"""Where near-duplicates turn out to be two, others come into sight: so often it is looked again."""
_REFERENCES_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class SearchRules:
    """The bounds of a search.

    ``max_query``: characters of a text; ``max_k``: hits of one page; ``max_offset``: how
    deep paging goes; ``timeout_s``: seconds after which a search is given up;
    ``duplicate_cosine``: two hits at least this alike are shown as one; ``text_weight``:
    share of the text when it is mixed with a picture, in [0, 1]; ``sure_cosine``: a posted
    picture that finds nothing so close is looked at in further views too, and by its pixels
    (-1: never).
    """

    max_query: int = 200
    max_k: int = 100
    max_offset: int = 5000
    timeout_s: float = 15.0
    duplicate_cosine: float = 0.97
    text_weight: float = 0.5
    sure_cosine: float = 0.85


class Search:
    """Answers from the current snapshot of a collection that the community may search.

    A picture whose file is gone is no answer: the next one takes its place.

    Every method raises NotFound for a collection that does not exist or is not for this
    community, EmptyCollection, BeingIndexed, SourceError, ModelMismatch, Busy, EncodingFailed,
    Unavailable (after ``timeout_s``) and ShuttingDown; those that take a picture raise
    BadPicture and its kin.
    """

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        decoder: PictureDecoder,
        *,
        logit_scale: float = 100.0,
        rules: SearchRules | None = None,
        labels: Labels | None = None,
    ) -> None:
        self._library = library
        self._embedder = embedder
        self._decoder = decoder
        self._logit_scale = logit_scale
        self._rules = rules or SearchRules()
        self._tagger = Tagger(labels)
        self._recogniser = Recogniser(library.picture_file, decoder.decode)
        self._look_alikes = LookAlikes(library.picture_file, decoder.decode)
        self._searches = QueryCoalescer()
        self._references: Vectors | None = None
        # By snapshot, as communities may see a collection differently; gone with it.
        self._calibrations: WeakKeyDictionary[Snapshot, asyncio.Future[Calibration]] = (
            WeakKeyDictionary()
        )

    def change_rules(self, rules: SearchRules) -> None:
        """Let other rules hold from the next question on."""
        self._rules = rules

    async def find(
        self,
        text: str,
        *,
        community: str,
        collection: str | None = None,
        k: int = 5,
        offset: int = 0,
        exclude: str | None = None,
    ) -> SearchResult:
        """Pictures that a sentence describes, by themselves or by their captions, best first.

        ``exclude`` is subtracted from the query, and what matches it stands below the rest.
        ``label:shoe`` within the text leaves the pictures alone that are tagged so; without
        further words all of them come, those that the label fits best first.
        Raises EmptyQuery, QueryTooLong, BadCount, UnknownLabel.
        """
        text = self._clean(text)
        asked = parse(text)
        unwanted = self._clean(exclude) if exclude and exclude.strip() else None
        self._check_page(k, offset)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            chosen = await self._tagger.choose(snapshot, asked.labels)
            vectors = await self._embed_texts([t for t in (asked.text, unwanted) if t])
            query = vectors[0] if chosen is None or asked.text else chosen.direction
            calibration = await self._calibrate(snapshot)

            # What most ask is looked up together; what else an index is asked, each by itself.
            plain = chosen is None and unwanted is None
            lookups: list[BatchedQuery[Any]] = []
            if asked.text:
                lookups.append(lookup(snapshot, calibration.captions, query))
            if plain:
                page = page_lookup(snapshot, calibration, query, k=k, offset=offset, in_words=True)
                lookups.append(page)

            def rank(comparison: Comparison, found: Sequence[Any]) -> SearchResult:
                ranking = Ranking(query, calibration.text, self._rules.duplicate_cosine)
                if asked.text:
                    said = told(snapshot, calibration.captions, query, asked.text, found[0])
                    ranking = replace(ranking, told=said)
                if chosen is not None:
                    ranking = replace(ranking, among=chosen.rows)
                if unwanted is not None:
                    said = told(snapshot, calibration.captions, vectors[-1], unwanted)
                    ranking = without(ranking, vectors[-1], said, calibration)
                seen = found[-1] if plain else None
                page = self._page(
                    snapshot,
                    calibration,
                    ranking,
                    comparison,
                    text=text,
                    k=k,
                    offset=offset,
                    seen=seen,
                )
                return page if asked.text else listed(page)

            return await self._answer(snapshot, lookups, rank, community)

    async def captioned(
        self, text: str, *, community: str, collection: str | None = None, k: int = 5
    ) -> tuple[Hit, ...]:
        """Pictures whose shown caption holds this text, in any case, the newest first.

        Raises EmptyQuery, QueryTooLong, BadCount.
        """
        text = self._clean(text)
        self._check_page(k, 0)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            query = await self._embedder.embed_text(text)
            calibration = await self._calibrate(snapshot)
            there = self._library.has_file
            return await asyncio.to_thread(
                captioned_hits, snapshot, calibration, query, text, k=k, there=there
            )

    async def similar(
        self,
        picture: bytes | Path,
        *,
        community: str,
        collection: str | None = None,
        k: int = 5,
        offset: int = 0,
        text: str | None = None,
    ) -> SearchResult:
        """Pictures that look like this one, or like this one changed by a text.

        Where nothing comes close, the picture may have been turned, framed or cropped on its
        way: the views that would undo it are tried too, and the search goes with the closest;
        one of the nearest whose pixels show the picture, or a part of it, comes first. With a
        text, captions count as in :meth:`find`, words that only lead in to it ("but") do not, and
        the picture itself is no answer.

        Raises QueryTooLong, BadCount, and BadPicture and its kin.
        """
        words = self._clean(text) if text and text.strip() else None
        self._check_page(k, offset)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            seen, sure = await self._embed_query(picture, snapshot)
            known = None
            if words is None and not sure:
                known = await self._recogniser.recognise(seen, snapshot, community)
            query = (seen[-1] if known is None else known.posted).vector
            asked = None if words is None else wish(words)
            wanted = None if asked is None else await self._embedder.embed_text(asked)
            calibration = await self._calibrate(snapshot)

            lookups = (
                [page_lookup(snapshot, calibration, query, k=k, offset=offset, in_words=False)]
                if words is None
                else []
            )

            def rank(comparison: Comparison, found: Sequence[Any]) -> SearchResult:
                ranking = Ranking(query, calibration.image, self._rules.duplicate_cosine)
                if known is not None:
                    ranking = replace(ranking, recognised=known.row, agreement=known.agreement)
                if wanted is not None and asked is not None:
                    ranking = self._refined(ranking, snapshot, calibration, wanted, asked)
                seen = found[0] if found else None
                return self._page(
                    snapshot,
                    calibration,
                    ranking,
                    comparison,
                    text=words,
                    k=k,
                    offset=offset,
                    seen=seen,
                )

            return await self._answer(snapshot, lookups, rank, community)

    async def more_like(
        self,
        picture_id: str,
        *,
        community: str,
        k: int = 5,
        offset: int = 0,
        text: str | None = None,
    ) -> SearchResult:
        """Pictures that look like one of the collection, which itself is left out.

        A text changes it as in :meth:`similar`. Nothing of the picture is encoded anew. Raises
        NotFound where the picture is gone or not for this community, QueryTooLong, BadCount.
        """
        words = self._clean(text) if text and text.strip() else None
        self._check_page(k, offset)
        async with self._in_time():
            picture, _ = await self._library.picture_file(picture_id, community)
            snapshot = await self._library.open(picture.collection, community)
            row = snapshot.row_of(picture_id)
            if row is None:
                raise NotFound("There is no such picture here.")
            asked = None if words is None else wish(words)
            wanted = None if asked is None else await self._embedder.embed_text(asked)
            calibration = await self._calibrate(snapshot)

            def rank(comparison: Comparison, _: Sequence[Any]) -> SearchResult:
                ranking = Ranking(
                    snapshot.picture_index.reconstruct(np.array([row]))[0],
                    calibration.image,
                    self._rules.duplicate_cosine,
                    hidden=frozenset({picture.sha256}),
                )
                if wanted is not None and asked is not None:
                    ranking = self._refined(ranking, snapshot, calibration, wanted, asked)
                return self._page(
                    snapshot, calibration, ranking, comparison, text=words, k=k, offset=offset
                )

            return await self._answer(snapshot, (), rank, community)

    async def describe(
        self,
        picture: bytes | Path,
        *,
        community: str,
        collection: str | None = None,
        k: int = 5,
    ) -> DescribeResult:
        """Stored captions that match a picture: found, not generated.

        Raises BadCount, and BadPicture and its kin.
        """
        self._check_page(k, 0)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            query = await self._embed_picture(picture)
            there = self._library.has_file
            found = await asyncio.to_thread(describe_page, snapshot, query, k, there)
            return replace(found, so_far=self._so_far(snapshot))

    async def classify(self, picture: bytes | Path, labels: Sequence[str]) -> Classification:
        """Which of these labels fits a picture, without training (zero-shot).

        Raises BadLabels unless there are 2 to 20 different ones, and BadPicture and its kin.
        """
        names = list(dict.fromkeys(" ".join(label.split()) for label in labels))
        if not 2 <= len(names) <= 20 or "" in names:  # noqa: PLR2004 - the docstring's bounds
            raise BadLabels(
                "{count} different labels were given.",
                remedy="Give 2 to 20, such as: cat, dog, horse.",
                count=len(names),
            )
        for name in names:
            self._clean(name)
        prompts = prompts_of(names)
        async with self._in_time():
            query = await self._embed_picture(picture)
            vectors = await asyncio.gather(*(self._embedder.embed_text(p) for p in prompts))
            return classify_vectors(query, names, vectors, self._logit_scale)

    async def labels(self, *, community: str, collection: str | None = None) -> tuple[str, ...]:
        """The labels that the pictures of a collection are tagged with; empty for none."""
        return await self._tagger.labels(await self._library.open(collection, community))

    async def text_vector(self, text: str) -> Vectors:
        """The vector of a text, float32 [d]. Raises EmptyQuery, QueryTooLong."""
        text = self._clean(text)
        async with self._in_time():
            return await self._embedder.embed_text(text)

    async def picture_vector(self, picture: bytes | Path) -> Vectors:
        """The vector of a picture, float32 [d]. Raises BadPicture and its kin."""
        async with self._in_time():
            return await self._embed_picture(picture)

    def _refined(
        self,
        ranking: Ranking,
        snapshot: Snapshot,
        calibration: Calibration,
        wanted: Vectors,
        words: str,
    ) -> Ranking:
        """A picture's ranking changed by a text, whose vector is ``wanted``."""
        mixture = mix(ranking.vector, wanted, self._rules.text_weight, calibration)
        said = told(snapshot, calibration.captions, wanted, words)
        return replace(ranking, vector=mixture.vector, mixture=mixture, told=said)

    async def _answer(
        self,
        snapshot: Snapshot,
        lookups: Sequence[BatchedQuery[Any]],
        rank: Callable[[Comparison, Sequence[Any]], SearchResult],
        community: str,
    ) -> SearchResult:
        """What ``rank`` makes of the lookups; near-duplicates that are two are shown as two."""
        comparison = self._look_alikes.comparison()
        for _ in range(_ROUNDS):
            page = await self._searches.answer(
                *self._tagger.tagged(snapshot, lookups, partial(rank, comparison))
            )
            if not await comparison.look(community):
                break
        return page

    def _page(
        self,
        snapshot: Snapshot,
        calibration: Calibration,
        ranking: Ranking,
        comparison: Comparison,
        *,
        text: str | None,
        k: int,
        offset: int,
        seen: NearestPictures | None = None,
    ) -> SearchResult:
        page = rank_page(
            snapshot,
            calibration,
            ranking,
            text,
            k=k,
            offset=offset,
            seen=seen,
            there=self._library.has_file,
            same=comparison.taken_for_one,
        )
        so_far = self._so_far(snapshot)
        return page if so_far is None else replace(page, so_far=so_far)

    def _so_far(self, snapshot: Snapshot) -> SoFar | None:
        expected, searched = self._library.expected(snapshot.collection), len(snapshot.pictures)
        return None if expected is None or expected <= searched else SoFar(searched, expected)

    async def _embed_query(
        self, picture: bytes | Path, snapshot: Snapshot
    ) -> tuple[tuple[Posted, ...], bool]:
        """A picture as it is, and the view of it that finds something much closer, if one does.

        And whether it found something so close that there is nothing to doubt.
        """
        decoded = await self._decoder.decode(picture, self._embedder.pixel_spec)
        plain = await self._embedder.embed_pixels(decoded.pixels)
        posted = Posted(picture, ViewTransform(), plain)
        index = snapshot.picture_index
        scores, _ = await asyncio.to_thread(index.search, plain[None], 1)
        if scores.size == 0 or scores[0, 0] >= self._rules.sure_cosine:
            return (posted,), True
        further = (await asyncio.to_thread(views, decoded.pixels, tuple(ViewKind)))[1:]
        try:
            vectors = await asyncio.gather(*(self._embedder.embed_pixels(v) for v in further))
        except Busy:
            return (posted,), False  # an answer without them is better than none
        seen = np.stack([plain, *vectors])
        chosen = await asyncio.to_thread(closest_view, index, seen)
        if chosen == 0:
            return (posted,), False
        height, width = decoded.pixels.shape[:2]
        way = ways(tuple(ViewKind), square=height == width)[chosen]
        return (posted, Posted(picture, way, seen[chosen])), False

    async def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        if len(texts) == 1:
            return (await self._embedder.embed_text(texts[0]),)  # a task would cost as much again
        return await asyncio.gather(*map(self._embedder.embed_text, texts))

    async def _embed_picture(self, picture: bytes | Path) -> Vectors:
        decoded = await self._decoder.decode(picture, self._embedder.pixel_spec)
        return await self._embedder.embed_pixels(decoded.pixels)

    async def _calibrate(self, snapshot: Snapshot) -> Calibration:
        known = self._calibrations.get(snapshot)
        if known is None or _failed(known):
            # One calibration a snapshot, however many searches arrive together.
            known = asyncio.ensure_future(self._calibrated(snapshot))
            self._calibrations[snapshot] = known
        return known.result() if known.done() else await asyncio.shield(known)

    async def _calibrated(self, snapshot: Snapshot) -> Calibration:
        calibration = await asyncio.to_thread(calibrate, snapshot)
        if calibration.learnt:
            return calibration
        if self._references is None:
            rows: list[Vectors] = []
            # Some at a time: questions that come meanwhile go between.
            for start in range(0, len(REFERENCES), _REFERENCES_AT_ONCE):
                some = REFERENCES[start : start + _REFERENCES_AT_ONCE]
                rows += await self._embed_texts(some)
            self._references = np.stack(rows)
        return await asyncio.to_thread(refer, snapshot, calibration, self._references)

    def _clean(self, text: str) -> str:
        cleaned = " ".join(text.replace("\0", " ").split())
        if not cleaned:
            raise EmptyQuery
        if len(cleaned) > self._rules.max_query:
            raise QueryTooLong(length=len(cleaned), limit=self._rules.max_query)
        return cleaned

    def _check_page(self, k: int, offset: int) -> None:
        if not 1 <= k <= self._rules.max_k:
            raise BadCount(number=k, low=1, high=self._rules.max_k)
        if not 0 <= offset <= self._rules.max_offset:
            raise BadCount(
                "There is no page that starts at result {offset}.",
                remedy="Page from 0 to {limit}.",
                offset=offset,
                limit=self._rules.max_offset,
            )

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._rules.timeout_s):
                yield
        except TimeoutError:
            raise Unavailable(
                "That took longer than {seconds} s.", retry_after=5, seconds=self._rules.timeout_s
            ) from None


def _failed(future: asyncio.Future[Calibration]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)
