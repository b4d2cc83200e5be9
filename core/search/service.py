"""The use cases: find, similar, more like this, describe, classify."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BeingEncodedAnew, NotFound
from core.domain.ports import Embedder, Library, PictureDecoder, Snapshot, WordReader
from core.domain.types import (
    Classification,
    DescribeResult,
    FoundBy,
    Hit,
    SearchResult,
    Vectors,
)
from core.domain.viewer import Viewer
from core.search.by_letters import page_by_letters
from core.search.calibrations import Calibrations
from core.search.caption_pages import captioned_hits, describe_page
from core.search.captions import CaptionEvidence, lookup, told
from core.search.coalescing import QueryCoalescer, SharedRead
from core.search.label_filter import LabelFilter, Tagger, listed
from core.search.mixed_query import mix, wish
from core.search.plan import PageRequest, SearchFindings, SearchPlan, SearchScope
from core.search.plan_runner import PlanRunner
from core.search.ports import CandidateSource, Labels, PictureWords, Sought, ThumbnailSource
from core.search.query import SearchQuery
from core.search.query_picture import QueryPictures, vector_of_row
from core.search.ranking import apart, page_lookup, without
from core.search.rules import SearchRules
from core.search.sampled import SampledCollections, candidates_for
from core.search.scoring import NearestPictures, Ranking
from core.search.word_evidence import WordEvidence, with_words
from core.search.zero_shot import classify_vectors, different, prompts_of

_FURTHER = 4
"""Times as many candidates are looked at where too few were."""

_CHOSEN_FROM = 8
"""Times as many candidates are looked at where a label is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class _TextQuestion:
    """What a text asks for, encoded; ``apart``: the vector of ``unwanted``, where that is given."""

    asked: SearchQuery
    shown: str
    words: str
    vector: Vectors
    unwanted: str | None
    apart: Vectors
    request: PageRequest


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
        candidates: CandidateSource | None = None,
    ) -> None:
        """``thumbnails``: thumbnails to reuse; None makes them for each question.

        ``words``: those that stand in pictures; None where none are read. ``reader``: reads those
        of posted pictures; None where nothing does. ``candidates``: of collections of which
        snapshots hold a sample; None where there are none.
        """
        searches = QueryCoalescer()
        self._library = library
        self._embedder = embedder
        self._logit_scale = logit_scale
        self._rules = rules or SearchRules()
        self._tagger = Tagger(labels)
        self._words = words
        self._calibrations = Calibrations(self._embed_texts)
        self._sampled = SampledCollections(candidates)
        self._runner = PlanRunner(library, decoder, searches, self._sampled)
        self._query_pictures = QueryPictures(
            embedder,
            decoder,
            library,
            searches,
            self._calibrations,
            sampled=self._sampled,
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
        community = Viewer.of(community)
        async with self._rules.in_time():
            try:
                snapshot = await self._library.open(collection, community)
            except BeingEncodedAnew:
                if not words or unwanted is not None or asked.labels:
                    raise
                before = await self._library.open(collection, community, of_any_model=True)
                return await self._by_letters(asked, words, before, k=k, offset=offset)
            chosen = await self._tagger.choose(snapshot, asked.labels)
            directed = words or ("" if chosen is not None else shown)
            vectors = await self._embed_texts([t for t in (directed, unwanted) if t])
            vector = chosen.direction if chosen is not None and not words else vectors[0]
            calibration = await self._calibrations.of(snapshot, community)
            question = _TextQuestion(
                asked,
                shown,
                words,
                vector,
                unwanted,
                [vector, *vectors][-1],
                PageRequest(k, offset),
            )
            scope = SearchScope(snapshot, calibration, community)
            if self._sampled.covers(snapshot):
                return await self._found_near(question, scope, chosen)
            return await self._found(question, scope, chosen)

    async def _found_near(
        self, question: _TextQuestion, sample: SearchScope, chosen: LabelFilter | None
    ) -> SearchResult:
        """What is found among candidates: among more, where a hit is farther than the last one."""
        words, vector = question.words, question.vector
        near = [vector] if chosen is None else [vector, chosen.direction]
        if question.unwanted is not None:
            near[0] = apart(vector, question.apart, sample.calibration)
        contents: Sequence[str] = ()
        if self._words is not None:
            collection, phrases = sample.snapshot.collection, question.asked.phrases
            contents = await asyncio.to_thread(self._words.contents, collection, words, phrases)
        sought = Sought(near, [vector] if words else (), words, contents)
        count = candidates_for(question.request) * (1 if chosen is None else _CHOSEN_FROM)
        while True:
            around = await self._sampled.around(sample.snapshot, sample.viewer, sought, count)
            chosen = await self._tagger.choose(around.snapshot, question.asked.labels)
            scope = sample._replace(snapshot=around.snapshot)
            page = await self._found(question, scope, chosen)
            seen = [hit.score for hit in page.hits if hit.found_by is FoundBy.PICTURE]
            if min(seen, default=1.0) >= around.reach or around.whole:
                return page
            count *= _FURTHER

    async def _found(
        self, question: _TextQuestion, scope: SearchScope, chosen: LabelFilter | None
    ) -> SearchResult:
        snapshot, calibration, _ = scope
        asked, words, vector = question.asked, question.words, question.vector
        unwanted, (k, offset) = question.unwanted, question.request
        held = await self._holding(snapshot, asked)
        among = _both(None if chosen is None else chosen.rows, held)

        # What most ask is looked up together; what else an index is asked, each by itself.
        captions = lookup(snapshot, calibration.captions, vector) if words else None
        pictures = None
        if among is None and unwanted is None:
            pictures = page_lookup(snapshot, calibration, vector, k=k, offset=offset, in_words=True)
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
                said = told(snapshot, calibration.captions, question.apart, unwanted)
                ranking = without(ranking, question.apart, said, calibration)
            return ranking

        page = await self._runner.run(
            plan, rank, question.request, scope, look_s=self._rules.look_s
        )
        return replace(page if words else listed(page), query=question.shown)

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
            sought = Sought(
                captions=[query], text=text, wanted=candidates_for(PageRequest(k, offset=0))
            )
            snapshot = await self._sampled.widened(snapshot, community, sought)
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
            page = await self._like_picture(
                seen.ranking,
                words,
                SearchScope(seen.snapshot, seen.calibration, community),
                request,
                nearest=seen.nearest,
            )
            return replace(page, preview=seen.preview)

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
            snapshot = await self._sampled.widened(snapshot, community, Sought(ids=[picture_id]))
            row = snapshot.row_of(picture_id)
            if row is None:
                raise NotFound("There is no such picture here.")
            calibration = await self._calibrations.of(snapshot, community)
            request = PageRequest(k, offset)
            ranking = Ranking(
                await asyncio.to_thread(vector_of_row, snapshot, row),
                calibration.image,
                self._rules.duplicate_cosine,
                hidden=frozenset({picture.sha256}),
            )
            scope = SearchScope(snapshot, calibration, community)
            return await self._like_picture(ranking, words, scope, request)

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
            sought = Sought(captions=list(frames), wanted=candidates_for(PageRequest(k, offset=0)))
            snapshot = await self._sampled.widened(snapshot, community, sought)
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

    async def _like_picture(
        self,
        ranking: Ranking,
        text: str | None,
        scope: SearchScope,
        request: PageRequest,
        *,
        nearest: NearestPictures | None = None,
    ) -> SearchResult:
        """The page of a picture's ranking, changed by a text if one was given.

        ``nearest``: what is near to the picture, where that has been looked for.
        """
        asked = None if text is None else wish(text)
        snapshot, calibration, viewer = scope
        near, count, weight = ranking.vector, candidates_for(request), self._rules.text_weight
        wanted = None if asked is None else await self._embedder.embed_text(asked)
        if self._sampled.covers(snapshot) and (nearest is None or wanted is not None):
            sought = Sought(pictures=[near], wanted=count)
            if wanted is not None and asked is not None:
                mixed = mix(near, wanted, weight, calibration).vector
                sought = Sought([near, mixed], [wanted], asked, wanted=count)
            snapshot = await self._sampled.widened(snapshot, viewer, sought)

        def rank(_: SearchFindings) -> Ranking:
            if wanted is None or asked is None:
                return ranking
            mixture = mix(near, wanted, weight, calibration)
            said = told(snapshot, calibration.captions, wanted, asked, alone=False)
            return replace(ranking, vector=mixture.vector, mixture=mixture, told=said)

        page = await self._runner.run(
            SearchPlan(labels=self._tagger.read(snapshot)),
            rank,
            request,
            scope._replace(snapshot=snapshot),
            look_s=self._rules.look_s,
            nearest=nearest if text is None else None,
        )
        return replace(page, query=text)

    def is_sampled(self, snapshot: Snapshot) -> bool:
        """Whether it holds some pictures alone, of a collection that no node can hold."""
        return self._sampled.covers(snapshot)

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
