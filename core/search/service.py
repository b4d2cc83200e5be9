"""The use cases: find, similar, more like this, describe, classify."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import (
    BadCount,
    BadLabels,
    BeingEncodedAnew,
    Busy,
    EmptyQuery,
    NotFound,
    QueryTooLong,
    TangerineError,
    Unavailable,
)
from core.domain.ports import Embedder, Library, PictureDecoder, Snapshot, WordReader
from core.domain.types import (
    Classification,
    DecodedPicture,
    DescribeResult,
    FoundBy,
    Hit,
    Picture,
    SearchResult,
    SoFar,
    Vectors,
)
from core.domain.viewer import Viewer
from core.search.by_letters import page_by_letters
from core.search.calibration import Calibration
from core.search.calibrations import Calibrations
from core.search.captions import CaptionEvidence, lookup, told
from core.search.coalescing import QueryCoalescer, SharedRead
from core.search.crop_matching import LOOKED_AT_EDGE, PostedView, Recogniser
from core.search.frames import frame_vectors
from core.search.label_filter import LabelFilter, Tagger, listed, with_tags
from core.search.look_alikes import Comparison, LookAlikes
from core.search.mixed_query import mix, wish
from core.search.plan import SearchFindings, SearchPlan
from core.search.ports import (
    THUMBNAIL_EDGE,
    CandidateSource,
    Labels,
    PictureWords,
    Sought,
    ThumbnailSource,
)
from core.search.query import SearchQuery
from core.search.query_views import ViewKind, ViewTransform, closest_view, views, ways
from core.search.ranking import (
    apart,
    captioned_hits,
    describe_page,
    page_lookup,
    rank_page,
    searched,
    without,
)
from core.search.scoring import LIFTED_AMONG, NearestPictures, Ranking
from core.search.word_evidence import AskedMeaning, WordEvidence, for_model, with_words
from core.search.zero_shot import classify_vectors, prompts_of

_Done = TypeVar("_Done")

_ROUNDS = 3
"""Where near-duplicates turn out to be two, others come into sight: so often it is looked again."""

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
    calibration: Calibration
    unwanted: str | None
    apart: Vectors
    k: int
    offset: int


@dataclass(frozen=True, slots=True)
class SearchRules:
    """The bounds of a search.

    ``max_query``: characters of a text; ``max_k``: hits of one page; ``max_offset``: how
    deep paging goes; ``timeout_s``: seconds after which a search is given up;
    ``duplicate_cosine``: two hits at least this alike are shown as one; ``text_weight``:
    share of the text when it is mixed with a picture, in [0, 1]; ``sure_cosine``: a posted
    picture that finds nothing so close is looked at in further views too, and by its pixels
    (-1: never); ``look_s``: seconds in which pictures that may be one are compared by their
    pixels, of which three rounds may be needed; ``read_s``: seconds that words in a posted
    picture may take to be read, beside what is done meanwhile. An answer without either is
    better than a late one.
    """

    max_query: int = 200
    max_k: int = 100
    max_offset: int = 5000
    timeout_s: float = 15.0
    duplicate_cosine: float = 0.97
    text_weight: float = 0.5
    sure_cosine: float = 0.85
    look_s: float = 1.5
    read_s: float = 3.0


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

        async def thumbnail(picture: Picture, path: Path) -> bytes:
            if thumbnails is None:
                return await decoder.thumbnail(path, THUMBNAIL_EDGE)
            return await thumbnails.get(picture.sha256, path, THUMBNAIL_EDGE)

        self._library = library
        self._embedder = embedder
        self._decoder = decoder
        self._logit_scale = logit_scale
        self._rules = rules or SearchRules()
        self._tagger = Tagger(labels)
        self._words = words
        self._reader = reader
        self._candidates = candidates
        self._recogniser = Recogniser(library.file_of, thumbnail)
        self._look_alikes = LookAlikes(library.picture_file, decoder.decode)
        self._searches = QueryCoalescer()
        self._calibrations = Calibrations(self._embed_texts)

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
        shown = self._clean(asked.shown)
        words = self._clean(asked.text) if asked.text else ""
        unwanted = self._clean(asked.exclude) if asked.exclude.strip() else None
        self._check_page(k, offset)
        async with self._in_time():
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
                calibration,
                unwanted,
                [vector, *vectors][-1],
                k,
                offset,
            )
            if not self.is_sampled(snapshot):
                return await self._found(question, snapshot, community, chosen)
            near = [vector] if chosen is None else [vector, chosen.direction]
            if unwanted is not None:
                near[0] = apart(vector, vectors[-1], calibration)
            contents = await self._worded(snapshot, words, asked.phrases)
            sought = Sought(near, [vector] if words else (), words, contents)
            count = _candidates(k, offset) * (1 if chosen is None else _CHOSEN_FROM)
            return await self._found_near(question, snapshot, community, sought, count)

    async def _found_near(
        self,
        question: _TextQuestion,
        sample: Snapshot,
        community: Viewer | str,
        sought: Sought,
        count: int,
    ) -> SearchResult:
        """What is found among candidates: among more, where a hit is farther than the last one."""
        assert self._candidates is not None
        while True:
            sought = replace(sought, wanted=count)
            around = await self._candidates.around(sample, community, sought)
            chosen = await self._tagger.choose(around.snapshot, question.asked.labels)
            page = await self._found(question, around.snapshot, community, chosen)
            seen = [hit.score for hit in page.hits if hit.found_by is FoundBy.PICTURE]
            if min(seen, default=1.0) >= around.reach or around.whole:
                return page
            count *= _FURTHER

    async def _found(
        self,
        question: _TextQuestion,
        snapshot: Snapshot,
        community: Viewer | str,
        chosen: LabelFilter | None,
    ) -> SearchResult:
        asked, words, vector = question.asked, question.words, question.vector
        calibration, unwanted = question.calibration, question.unwanted
        k, offset = question.k, question.offset
        held = await self._holding(snapshot, asked)
        among = _both(None if chosen is None else chosen.rows, held)

        # What most ask is looked up together; what else an index is asked, each by itself.
        captions = lookup(snapshot, calibration.captions, vector) if words else None
        pictures = None
        if among is None and unwanted is None:
            pictures = page_lookup(snapshot, calibration, vector, k=k, offset=offset, in_words=True)
        said_there = None
        if words and self._words is not None:
            of = partial(self._words.find, snapshot, words, self._meaning(vector))
            said_there = SharedRead(of, (SearchQuery, id(snapshot), words))
        plan = SearchPlan(captions, pictures, self._tagger.read(snapshot), said_there)

        def rank(comparison: Comparison, found: SearchFindings) -> SearchResult:
            ranking = Ranking(vector, calibration.text, self._rules.duplicate_cosine)
            if words:
                said = told(snapshot, calibration.captions, vector, words, found.captions)
                read = held if held is not None and asked.phrases else found.words
                if read is not None:
                    said = with_words(said, read, calibration.captions)
                ranking = replace(ranking, told=said, read=read)
            if among is not None:
                ranking = replace(ranking, among=among)
            if unwanted is not None:
                said = told(snapshot, calibration.captions, question.apart, unwanted)
                ranking = without(ranking, question.apart, said, calibration)
            page = self._page(
                snapshot,
                calibration,
                ranking,
                comparison,
                text=question.shown,
                k=k,
                offset=offset,
                seen=found.pictures,
            )
            return page if words else listed(page)

        return await self._answer(snapshot, plan, rank, community)

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
        text = self._clean(text)
        self._check_page(k, 0)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            query = await self._embedder.embed_text(text)
            calibration = await self._calibrations.of(snapshot, community)
            there = self._library.has_file
            sought = Sought(captions=[query], text=text, wanted=_candidates(k, 0))
            snapshot = await self._around(snapshot, community, sought)
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
        one are read in time. With a
        text, captions count as in :meth:`find`, words that only lead in to it ("but") do not, and
        the picture itself is no answer. ``preview``: pixels of the longer edge of the preview of
        the posted picture in the result, or more; 0 for whatever the search needs itself. The
        picture is decoded once, and the index is asked for it and for its further views once each.

        Raises QueryTooLong, BadCount, and BadPicture and its subclasses.
        """
        words = self._clean(text) if text and text.strip() else None
        self._check_page(k, offset)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            async with _meanwhile(
                self._said_in(picture, snapshot, community, text=words)
            ) as reading:
                decoded = await self._decoder.decode(
                    picture,
                    self._embedder.pixel_spec,
                    preview=max(preview, LOOKED_AT_EDGE),
                    frames=True,
                )
                calibration = await self._calibrations.of(snapshot, community)
                seen, sure, snapshot = await self._views_of(
                    decoded, snapshot, calibration, community, k=k, offset=offset
                )
                read = await reading
            known = None
            if words is None and not sure and decoded.preview is not None:
                known = await self._recogniser.recognise(decoded.preview, seen, snapshot)
            view = seen[-1] if known is None else known.view
            asked = None if words is None else wish(words)
            wanted = None if asked is None else await self._embedder.embed_text(asked)
            if wanted is not None:
                snapshot = await self._near_picture(
                    snapshot,
                    community,
                    [view.vector],
                    calibration,
                    wanted=wanted,
                    words=asked,
                    k=k + offset,
                )

            def rank(comparison: Comparison, _: SearchFindings) -> SearchResult:
                ranking = Ranking(view.vector, calibration.image, self._rules.duplicate_cosine)
                if known is not None:
                    ranking = replace(ranking, recognised=known.row, agreement=known.agreement)
                if read is not None:
                    said = with_words(CaptionEvidence.none(), read, calibration.captions)
                    ranking = replace(ranking, told=said, read=read)
                if wanted is not None and asked is not None:
                    ranking = self._refined(ranking, snapshot, calibration, wanted, asked)
                page = self._page(
                    snapshot,
                    calibration,
                    ranking,
                    comparison,
                    text=words,
                    k=k,
                    offset=offset,
                    seen=view.nearest if words is None else None,
                )
                return replace(page, preview=decoded.preview)

            plan = SearchPlan(labels=self._tagger.read(snapshot))
            return await self._answer(snapshot, plan, rank, community)

    async def _said_in(
        self,
        picture: bytes | Path,
        snapshot: Snapshot,
        community: Viewer | str,
        *,
        text: str | None,
    ) -> WordEvidence | None:
        """The pictures that say what a posted one says; None where none do, or time was short.

        With a ``text`` it is the text that says what is asked.
        """
        if self._words is None or self._reader is None or text is not None:
            return None
        if self.is_sampled(snapshot):
            return None  # whose words they are is known once its candidates are
        if not await asyncio.to_thread(self._words.any_in, snapshot.collection):
            return None
        try:
            async with asyncio.timeout(self._rules.read_s):
                lines = await self._reader.read(picture)
            said = " ".join(line.text for line in lines)[: self._rules.max_query]
            if not said:
                return None
            vector = await self._embedder.embed_text(for_model(said))
            await self._calibrations.of(snapshot, community)
        except (TimeoutError, TangerineError):
            return None  # one that cannot be read at all is refused where it is decoded
        found = await asyncio.to_thread(self._words.find, snapshot, said, self._meaning(vector))
        strong = None if found is None else found.strong_alone()
        return strong if strong is not None and len(strong.rows) else None

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
        words = self._clean(text) if text and text.strip() else None
        self._check_page(k, offset)
        async with self._in_time():
            picture, _ = await self._library.picture_file(picture_id, community)
            snapshot = await self._library.open(picture.collection, community)
            snapshot = await self._around(snapshot, community, Sought(ids=[picture_id]))
            row = snapshot.row_of(picture_id)
            if row is None:
                raise NotFound("There is no such picture here.")
            asked = None if words is None else wish(words)
            wanted = None if asked is None else await self._embedder.embed_text(asked)
            calibration = await self._calibrations.of(snapshot, community)

            vector = await asyncio.to_thread(_asking, snapshot, row)
            snapshot = await self._near_picture(
                snapshot,
                community,
                [vector],
                calibration,
                wanted=wanted,
                words=asked,
                ids=[picture_id],
                k=k + offset,
            )

            def rank(comparison: Comparison, _: SearchFindings) -> SearchResult:
                ranking = Ranking(
                    vector,
                    calibration.image,
                    self._rules.duplicate_cosine,
                    hidden=frozenset({picture.sha256}),
                )
                if wanted is not None and asked is not None:
                    ranking = self._refined(ranking, snapshot, calibration, wanted, asked)
                return self._page(
                    snapshot, calibration, ranking, comparison, text=words, k=k, offset=offset
                )

            plan = SearchPlan(labels=self._tagger.read(snapshot))
            return await self._answer(snapshot, plan, rank, community)

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
        self._check_page(k, 0)
        async with self._in_time():
            snapshot = await self._library.open(collection, community)
            decoded = await self._decoder.decode(
                picture, self._embedder.pixel_spec, preview=preview, frames=True
            )
            frames = await self._embed_frames(decoded)
            there = self._library.has_file
            sought = Sought(captions=list(frames), wanted=_candidates(k, 0))
            snapshot = await self._around(snapshot, community, sought)
            found = await asyncio.to_thread(describe_page, snapshot, frames, k, there)
            return replace(found, so_far=self._so_far(snapshot), preview=decoded.preview)

    async def classify(self, picture: bytes | Path, labels: Sequence[str]) -> Classification:
        """Which of these labels fits a picture, without training (zero-shot).

        A picture that moves fits a label as well as its best frame does.

        Raises BadLabels unless there are 2 to 20 different ones, and BadPicture and its subclasses.
        """
        names = list(dict.fromkeys(" ".join(label.split()) for label in labels))
        if not 2 <= len(names) <= 20 or "" in names:  # noqa: PLR2004 - the docstring's bounds
            raise BadLabels(
                "There is only one label to choose from."
                if len(names) == 1
                else "{count} different labels were given.",
                remedy="Give 2 to 20, such as: cat, dog, horse.",
                count=len(names),
            )
        for name in names:
            self._clean(name)
        prompts = prompts_of(names)
        async with self._in_time():
            decoded = await self._decoder.decode(picture, self._embedder.pixel_spec, frames=True)
            query = await self._embed_frames(decoded)
            vectors = await asyncio.gather(*(self._embedder.embed_text(p) for p in prompts))
            return classify_vectors(query, names, vectors, self._logit_scale)

    async def labels(
        self, *, community: Viewer | str, collection: str | None = None
    ) -> tuple[str, ...]:
        """The labels that the pictures of a collection are tagged with; empty for none."""
        return await self._tagger.labels(await self._library.open(collection, community))

    async def text_vector(self, text: str) -> Vectors:
        """The vector of a text, float32 [d]. Raises EmptyQuery, QueryTooLong."""
        text = self._clean(text)
        async with self._in_time():
            return await self._embedder.embed_text(text)

    async def picture_vector(self, picture: bytes | Path) -> Vectors:
        """The vector of a picture, float32 [d]. Raises BadPicture and its subclasses."""
        async with self._in_time():
            return await self._embed_picture(picture)

    async def _answer(
        self,
        snapshot: Snapshot,
        plan: SearchPlan,
        rank: Callable[[Comparison, SearchFindings], SearchResult],
        community: Viewer | str,
    ) -> SearchResult:
        """What ``rank`` makes of what the plan finds, with the tags of its hits.

        Near-duplicates that turn out to be two are shown as two.
        """
        comparison = self._look_alikes.comparison()

        def finish(answers: Sequence[Any]) -> SearchResult:
            found = plan.findings(answers)
            page = rank(comparison, found)
            if found.labels is None:
                return page
            return replace(page, hits=with_tags(snapshot, page.hits, found.labels))

        for _ in range(_ROUNDS):
            page = await self._searches.answer(plan.lookups, finish)
            if not await comparison.look(community, within_s=self._rules.look_s):
                break
        return page

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
        said = told(snapshot, calibration.captions, wanted, words, alone=False)
        return replace(ranking, vector=mixture.vector, mixture=mixture, told=said)

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
        if self.is_sampled(snapshot):
            return None
        expected, searched = self._library.expected(snapshot.collection), len(snapshot.pictures)
        return None if expected is None or expected <= searched else SoFar(searched, expected)

    async def _views_of(
        self,
        decoded: DecodedPicture,
        snapshot: Snapshot,
        calibration: Calibration,
        community: Viewer | str,
        *,
        k: int,
        offset: int,
    ) -> tuple[tuple[PostedView, ...], bool, Snapshot]:
        """A picture as it is, and the view of it that finds something much closer, if one does.

        And whether it found something so close that there is nothing to doubt, and the snapshot
        in which they found it.
        """

        async def found(
            transforms: Sequence[ViewTransform], vectors: Sequence[Vectors]
        ) -> list[PostedView]:
            lookups = [
                page_lookup(snapshot, calibration, vector, k=k, offset=offset, in_words=False)
                for vector in vectors
            ]
            nearest = await self._searches.answer(lookups, list)
            return list(map(PostedView, transforms, vectors, nearest))

        plain = await self._embedder.embed_pixels(decoded.pixels)
        moving = await frame_vectors(decoded, plain, self._embedder.embed_pixels)
        frames = [plain] if moving is None else list(moving.vectors)
        near = Sought(pictures=frames, wanted=_candidates(k, offset))
        snapshot = await self._around(snapshot, community, near)
        posted = max(await found([ViewTransform()] * len(frames), frames), key=_closest)
        if _closest(posted) >= self._rules.sure_cosine or moving is not None:
            # What moves is neither turned nor framed on its way, as pictures of screens are.
            return (posted,), True, snapshot
        kinds = tuple(ViewKind)
        height, width = decoded.pixels.shape[:2]
        further = (await asyncio.to_thread(views, decoded.pixels, kinds))[1:]
        try:
            vectors = await asyncio.gather(*(self._embedder.embed_pixels(v) for v in further))
        except Busy:
            return (posted,), False, snapshot  # an answer without them is better than none
        if self.is_sampled(snapshot):
            near = Sought(pictures=[plain, *vectors], wanted=_candidates(k, offset))
            snapshot = await self._around(snapshot, community, near)
            [posted] = await found([ViewTransform()], frames)
        seen = [posted, *await found(ways(kinds, square=height == width)[1:], vectors)]
        chosen = closest_view(list(map(_closest, seen)))
        return ((posted, seen[chosen]) if chosen else (posted,)), False, snapshot

    def is_sampled(self, snapshot: Snapshot) -> bool:
        """Whether it holds some pictures alone, of a collection that no node can hold."""
        candidates = self._candidates
        return candidates is not None and candidates.covers(snapshot.collection)

    async def _around(
        self, snapshot: Snapshot, community: Viewer | str, sought: Sought
    ) -> Snapshot:
        """The snapshot with what is sought, where it holds a sample; else as it is."""
        if self._candidates is None or not self.is_sampled(snapshot):
            return snapshot
        return (await self._candidates.around(snapshot, community, sought)).snapshot

    async def _near_picture(
        self,
        snapshot: Snapshot,
        community: Viewer | str,
        vectors: Sequence[Vectors],
        calibration: Calibration,
        *,
        wanted: Vectors | None,
        words: str | None,
        k: int,
        ids: Sequence[str] = (),
    ) -> Snapshot:
        """:meth:`_around` a picture's vectors, and where they are changed by a text."""
        if not self.is_sampled(snapshot):
            return snapshot
        near = list(vectors)
        if wanted is not None:
            near += [mix(v, wanted, self._rules.text_weight, calibration).vector for v in vectors]
        sought = Sought(
            pictures=near,
            captions=[] if wanted is None else [wanted],
            text=words or "",
            ids=ids,
            wanted=_candidates(k, 0),
        )
        return await self._around(snapshot, community, sought)

    async def _worded(
        self, snapshot: Snapshot, words: str, phrases: Sequence[str]
    ) -> Sequence[str]:
        """The contents whose words may be those of a question."""
        if self._words is None:
            return ()
        return await asyncio.to_thread(self._words.contents, snapshot.collection, words, phrases)

    async def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        if len(texts) == 1:
            return (await self._embedder.embed_text(texts[0]),)  # a task would cost as much again
        return await asyncio.gather(*map(self._embedder.embed_text, texts))

    async def _embed_frames(self, decoded: DecodedPicture) -> Vectors:
        """The vectors of its frames, float32 [f, d]; one where it is still."""
        plain = await self._embedder.embed_pixels(decoded.pixels)
        moving = await frame_vectors(decoded, plain, self._embedder.embed_pixels)
        return plain[None] if moving is None else moving.vectors

    async def _embed_picture(self, picture: bytes | Path) -> Vectors:
        decoded = await self._decoder.decode(picture, self._embedder.pixel_spec)
        return await self._embedder.embed_pixels(decoded.pixels)

    def _meaning(self, vector: Vectors) -> AskedMeaning:
        """Of a text with this vector; once something was calibrated."""
        return AskedMeaning(vector, self._calibrations.usual(vector))

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


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, _Done]) -> AsyncIterator[asyncio.Task[_Done]]:
    """Something that is done beside the body; given up where that fails."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def _asking(snapshot: Snapshot, row: int) -> Vectors:
    """The vector of a picture; of one that moves, of the frame that is closest to another picture.

    Blocking.
    """
    frames = None if snapshot.frames is None else snapshot.frames.of_row(row)
    if frames is None:
        found: Vectors = snapshot.picture_index.reconstruct(np.array([row]))[0]
        return found
    index = searched(snapshot)
    # Itself, and one other.
    scores, rows = index.search(frames.vectors, 2)
    others = np.where(rows == row, -1.0, scores).max(axis=1)
    vector: Vectors = frames.vectors[int(others.argmax())]
    return vector


def _candidates(k: int, offset: int) -> int:
    """How many pictures near to a question are looked at for a page of it."""
    return max(LIFTED_AMONG, 4 * (offset + k + 1))


def _both(
    labelled: NDArray[np.int64] | None, held: WordEvidence | None
) -> NDArray[np.int64] | None:
    """The rows that both leave, rising; None where neither leaves any out."""
    if held is None:
        return labelled
    return held.rows if labelled is None else np.intersect1d(labelled, held.rows)


def _closest(view: PostedView) -> float:
    """The best cosine that a view finds; 1 where there is nothing to find."""
    return float(view.nearest.near.scores.max(initial=-1.0)) if len(view.nearest.near.rows) else 1.0
