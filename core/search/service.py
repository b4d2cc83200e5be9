"""The use cases: find, similar, more like this, describe, classify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BeingEncodedAnew, NotFound
from core.domain.ports import Embedder, Library, PictureDecoder, Snapshot, WordReader
from core.domain.types import Classification, DescribeResult, Hit, SearchResult, Vectors
from core.domain.viewer import Viewer
from core.search.by_letters import page_by_letters
from core.search.calibrations import Calibrations
from core.search.caption_pages import captioned_hits, describe_page
from core.search.captions import CaptionEvidence, lookup, told
from core.search.coalescing import QueryCoalescer, SharedRead
from core.search.label_filter import Tagger, listed
from core.search.mixed_query import mix, wish
from core.search.plan import PageRequest, SearchFindings, SearchPlan, SearchScope
from core.search.plan_runner import PlanRunner
from core.search.ports import Labels, PictureWords, ThumbnailSource
from core.search.query import SearchQuery
from core.search.query_picture import QueryPictures, vector_of_row
from core.search.ranking import page_lookup, without
from core.search.rules import SearchRules
from core.search.scoring import Ranking
from core.search.word_evidence import WordEvidence, with_words
from core.search.zero_shot import classify_vectors, different, prompts_of


class Search:
    """Answers from the current snapshot of a collection that the community may search.

    A picture whose file is gone is no answer: the next one takes its place.

    Every method raises NotFound for a collection that does not exist or is not for this
    community, EmptyCollection, BeingIndexed, SourceError, ModelMismatch, Busy, EncodingFailed,
    Unavailable (after ``timeout_s``) and ShuttingDown; those that take a picture raise
    BadPicture and its subclasses.
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
        thumbnails: ThumbnailSource | None = None,
        words: PictureWords | None = None,
        reader: WordReader | None = None,
    ) -> None:
        """``thumbnails``: thumbnails to reuse; None makes them for each question.

        ``words``: those that stand in pictures; None where none are read. ``reader``: reads those
        of posted pictures; None where nothing does.
        """
        searches = QueryCoalescer()
        self._library = library
        self._embedder = embedder
        self._logit_scale = logit_scale
        self._rules = rules or SearchRules()
        self._tagger = Tagger(labels)
        self._words = words
        self._calibrations = Calibrations(self._embed_texts)
        self._runner = PlanRunner(library, decoder, searches)
        self._query_pictures = QueryPictures(
            embedder,
            decoder,
            library,
            searches,
            self._calibrations,
            thumbnails=thumbnails,
            words=words,
            reader=reader,
        )

    def change_rules(self, rules: SearchRules) -> None:
        self._rules = rules

    async def find(
        self,
        query: SearchQuery | str,
        *,
        community: Viewer | str,
        collection: str | None = None,
        k: int = 5,
        offset: int = 0,
    ) -> SearchResult:
        """Pictures that a sentence describes, by themselves or by their captions, best first.

        A plain text is searched for as it is. What is excluded is subtracted from the text, and
        what matches it stands below the rest. Of labels without words all pictures come, those
        that the labels fit best first. While the collection is encoded anew for another model,
        words are looked up letter by letter. Raises EmptyQuery, QueryTooLong, BadCount,
        UnknownLabel.
        """
        asked = SearchQuery(query) if isinstance(query, str) else query
        shown = self._rules.clean(asked.shown)
        words = self._rules.clean(asked.text) if asked.text else ""
        unwanted = self._rules.clean(asked.exclude) if asked.exclude.strip() else None
        self._rules.check_page(k, offset)
        async with self._rules.in_time():
            try:
                snapshot = await self._library.open(collection, community)
            except BeingEncodedAnew:
                if not words or unwanted is not None or asked.labels:
                    raise
                return await self._by_letters(
                    asked,
                    words,
                    await self._library.open(collection, community, of_any_model=True),
                    k=k,
                    offset=offset,
                )
            chosen = await self._tagger.choose(snapshot, asked.labels)
            held = await self._holding(snapshot, asked)
            directed = words or ("" if chosen is not None else shown)
            vectors = await self._embed_texts([t for t in (directed, unwanted) if t])
            vector = chosen.direction if chosen is not None and not words else vectors[0]
            calibration = await self._calibrations.of(snapshot, community)
            among = _both(None if chosen is None else chosen.rows, held)

            # What most ask is looked up together; what else an index is asked, each by itself.
            captions = lookup(snapshot, calibration.captions, vector) if words else None
            pictures = None
            if among is None and unwanted is None:
                pictures = page_lookup(
                    snapshot, calibration, vector, k=k, offset=offset, in_words=True
                )
            said_there = None
            if words and self._words is not None:
                of = partial(self._words.find, snapshot, words, self._calibrations.meaning(vector))
                said_there = SharedRead(of, (SearchQuery, id(snapshot), words))
            plan = SearchPlan(captions, pictures, self._tagger.read(snapshot), said_there)

            def rank(found: SearchFindings) -> Ranking:
                said: CaptionEvidence | None = None
                read: WordEvidence | None = None
                if words:
                    said = told(snapshot, calibration.captions, vector, words, found.captions)
                    read = held if held is not None and asked.phrases else found.words
                    if read is not None:
                        said = with_words(said, read, calibration.captions)
                ranking = Ranking(
                    vector,
                    calibration.text,
                    self._rules.duplicate_cosine,
                    told=said,
                    read=read,
                    among=among,
                )
                if unwanted is not None:
                    said = told(snapshot, calibration.captions, vectors[-1], unwanted)
                    ranking = without(ranking, vectors[-1], said, calibration)
                return ranking

            page = await self._runner.run(
                plan,
                rank,
                PageRequest(k, offset),
                SearchScope(snapshot, calibration, community),
                look_s=self._rules.look_s,
            )
            return replace(page if words else listed(page), query=shown)

    async def _by_letters(
        self, asked: SearchQuery, words: str, snapshot: Snapshot, *, k: int, offset: int
    ) -> SearchResult:
        read = None
        if self._words is not None:
            read = await asyncio.to_thread(self._words.find, snapshot, words)
        page = await asyncio.to_thread(
            page_by_letters, snapshot, words, read, k=k, offset=offset, there=self._library.has_file
        )
        return replace(page, query=asked.shown)

    async def _holding(self, snapshot: Snapshot, asked: SearchQuery) -> WordEvidence | None:
        """The pictures whose words the question asks for alone; None where it asks for any.

        Quotes ask for them where words were read: elsewhere they are quotes.
        """
        if self._words is None or not (asked.phrases or asked.in_words):
            return None
        if not asked.in_words and not await asyncio.to_thread(
            self._words.any_in, snapshot.collection
        ):
            return None
        held = await asyncio.to_thread(self._words.holding, snapshot, asked.phrases)
        return WordEvidence.of(()) if held is None else held

    async def captioned(
        self, text: str, *, community: Viewer | str, collection: str | None = None, k: int = 5
    ) -> tuple[Hit, ...]:
        """Pictures whose shown caption holds this text, in any case, the newest first.

        Raises EmptyQuery, QueryTooLong, BadCount.
        """
        text = self._rules.clean(text)
        self._rules.check_page(k, 0)
        async with self._rules.in_time():
            snapshot = await self._library.open(collection, community)
            query = await self._embedder.embed_text(text)
            calibration = await self._calibrations.of(snapshot, community)
            there = self._library.has_file
            return await asyncio.to_thread(
                captioned_hits, snapshot, calibration, query, text, k=k, there=there
            )

    async def similar(
        self,
        picture: bytes | Path,
        *,
        community: Viewer | str,
        collection: str | None = None,
        k: int = 5,
        offset: int = 0,
        text: str | None = None,
        preview: int = 0,
    ) -> SearchResult:
        """Pictures that look like this one, or like this one changed by a text.

        Where nothing comes close, the picture may have been turned, framed or cropped on its
        way: the views that would undo it are tried too, and the search goes with the closest;
        one of the nearest whose pixels show the picture, or a part of it, comes first. A picture
        that moves is searched by the frame that finds the closest. Pictures that say the same in
        words, or mean the same, come before those that look like it, as far as those of the posted
        one are read in time. With a text, captions count as in :meth:`find`, words that only lead
        in to it ("but") do not, and the picture itself is no answer. ``preview``: pixels of the
        longer edge of the preview of the posted picture in the result, or more; 0 for whatever the
        search needs itself. The picture is decoded once, and the index is asked for it and for its
        further views once each.

        Raises QueryTooLong, BadCount, and BadPicture and its subclasses.
        """
        words = self._rules.clean(text) if text and text.strip() else None
        self._rules.check_page(k, offset)
        async with self._rules.in_time():
            snapshot = await self._library.open(collection, community)
            request = PageRequest(k, offset)
            seen = await self._query_pictures.look(
                picture,
                snapshot,
                community,
                request,
                self._rules,
                as_is=words is None,
                preview=preview,
            )
            scope = SearchScope(snapshot, seen.calibration, community)
            page = await self._runner.run(
                SearchPlan(labels=self._tagger.read(snapshot)),
                await self._refined(seen.ranking, words, scope),
                request,
                scope,
                look_s=self._rules.look_s,
                nearest=seen.nearest if words is None else None,
            )
            return replace(page, query=words, preview=seen.preview)

    async def more_like(
        self,
        picture_id: str,
        *,
        community: Viewer | str,
        k: int = 5,
        offset: int = 0,
        text: str | None = None,
    ) -> SearchResult:
        """Pictures that look like one of the collection, which itself is left out.

        A text changes it as in :meth:`similar`. Nothing of the picture is encoded anew. Raises
        NotFound where the picture is gone or not for this community, QueryTooLong, BadCount.
        """
        words = self._rules.clean(text) if text and text.strip() else None
        self._rules.check_page(k, offset)
        async with self._rules.in_time():
            picture, _ = await self._library.picture_file(picture_id, community)
            snapshot = await self._library.open(picture.collection, community)
            row = snapshot.row_of(picture_id)
            if row is None:
                raise NotFound("There is no such picture here.")
            calibration = await self._calibrations.of(snapshot, community)
            scope = SearchScope(snapshot, calibration, community)
            ranking = Ranking(
                await asyncio.to_thread(vector_of_row, snapshot, row),
                calibration.image,
                self._rules.duplicate_cosine,
                hidden=frozenset({picture.sha256}),
            )
            page = await self._runner.run(
                SearchPlan(labels=self._tagger.read(snapshot)),
                await self._refined(ranking, words, scope),
                PageRequest(k, offset),
                scope,
                look_s=self._rules.look_s,
            )
            return replace(page, query=words)

    async def describe(
        self,
        picture: bytes | Path,
        *,
        community: Viewer | str,
        collection: str | None = None,
        k: int = 5,
        preview: int = 0,
    ) -> DescribeResult:
        """Stored captions that match a picture: found, not generated.

        Of one that moves they are those of the frame that comes closest to any.

        ``preview``: pixels of the longer edge of the preview of the posted picture in the result,
        0 for none. Raises BadCount, and BadPicture and its subclasses.
        """
        self._rules.check_page(k, 0)
        async with self._rules.in_time():
            snapshot = await self._library.open(collection, community)
            decoded = await self._query_pictures.decoded(picture, preview=preview)
            frames = await self._query_pictures.vectors(decoded)
            there = self._library.has_file
            found = await asyncio.to_thread(describe_page, snapshot, frames, k, there)
            return replace(found, so_far=self._runner.so_far(snapshot), preview=decoded.preview)

    async def classify(self, picture: bytes | Path, labels: Sequence[str]) -> Classification:
        """Which of these labels fits a picture, without training (zero-shot).

        A picture that moves fits a label as well as its best frame does.

        Raises BadLabels unless there are 2 to 20 different ones, and BadPicture and its subclasses.
        """
        names = different(labels)
        for name in names:
            self._rules.clean(name)
        prompts = prompts_of(names)
        async with self._rules.in_time():
            query = await self._query_pictures.vectors(await self._query_pictures.decoded(picture))
            vectors = await asyncio.gather(*(self._embedder.embed_text(p) for p in prompts))
            return classify_vectors(query, names, vectors, self._logit_scale)

    async def labels(
        self, *, community: Viewer | str, collection: str | None = None
    ) -> tuple[str, ...]:
        """The labels that the pictures of a collection are tagged with; empty for none."""
        return await self._tagger.labels(await self._library.open(collection, community))

    async def text_vector(self, text: str) -> Vectors:
        """The vector of a text, float32 [d]. Raises EmptyQuery, QueryTooLong."""
        text = self._rules.clean(text)
        async with self._rules.in_time():
            return await self._embedder.embed_text(text)

    async def picture_vector(self, picture: bytes | Path) -> Vectors:
        """The vector of a picture, float32 [d]. Raises BadPicture and its subclasses."""
        async with self._rules.in_time():
            return await self._query_pictures.vector(picture)

    async def _refined(
        self, ranking: Ranking, text: str | None, scope: SearchScope
    ) -> Callable[[SearchFindings], Ranking]:
        """How a picture's ranking is changed by a text, if one was given."""
        asked = None if text is None else wish(text)
        if asked is None:
            return lambda _: ranking
        wanted = await self._embedder.embed_text(asked)
        snapshot, calibration, _ = scope

        def rank(_: SearchFindings) -> Ranking:
            mixture = mix(ranking.vector, wanted, self._rules.text_weight, calibration)
            said = told(snapshot, calibration.captions, wanted, asked, alone=False)
            return replace(ranking, vector=mixture.vector, mixture=mixture, told=said)

        return rank

    async def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        if len(texts) == 1:
            return (await self._embedder.embed_text(texts[0]),)  # a task would cost as much again
        return await asyncio.gather(*map(self._embedder.embed_text, texts))


def _both(
    labelled: NDArray[np.int64] | None, held: WordEvidence | None
) -> NDArray[np.int64] | None:
    """The rows that both leave, rising; None where neither leaves any out."""
    if held is None:
        return labelled
    return held.rows if labelled is None else np.intersect1d(labelled, held.rows)
