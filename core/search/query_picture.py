"""What is learnt of a posted picture: its vectors, its views, its original and its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core.domain.errors import Busy, TangerineError
from core.domain.ports import Embedder, Library, PictureDecoder, Snapshot, WordReader
from core.domain.types import DecodedPicture, Picture, Pixels, Vectors
from core.domain.viewer import Viewer
from core.search.calibration import Calibration
from core.search.calibrations import Calibrations
from core.search.captions import CaptionEvidence
from core.search.coalescing import QueryCoalescer
from core.search.crop_matching import LOOKED_AT_EDGE, PostedView, Recogniser
from core.search.frames import frame_vectors
from core.search.plan import PageRequest, SearchScope
from core.search.ports import THUMBNAIL_EDGE, PictureWords, Sought, ThumbnailSource
from core.search.query_views import ViewKind, ViewTransform, closest_view, views, ways
from core.search.ranking import page_lookup, searched
from core.search.rules import SearchRules
from core.search.sampled import SampledCollections, candidates_for
from core.search.scoring import NearestPictures, Ranking
from core.search.word_evidence import WordEvidence, for_model, with_words

_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True, eq=False)
class SeenPicture:
    """How to search by a posted picture.

    ``ranking``: by the closest of its views, with what it shows and says; ``nearest``: what that
    view finds in the ``snapshot``; ``preview``: see :class:`core.domain.types.DecodedPicture`.
    """

    snapshot: Snapshot
    ranking: Ranking
    calibration: Calibration
    nearest: NearestPictures
    preview: Pixels | None


class QueryPictures:
    """Looks at the pictures that people post: with the model, by their pixels and by their words.

    Every method raises BadPicture and its subclasses, Busy, EncodingFailed and ShuttingDown.
    """

    def __init__(
        self,
        embedder: Embedder,
        decoder: PictureDecoder,
        library: Library,
        searches: QueryCoalescer,
        calibrations: Calibrations,
        *,
        sampled: SampledCollections,
        thumbnails: ThumbnailSource | None,
        words: PictureWords | None,
        reader: WordReader | None,
    ) -> None:
        """For the last four see :class:`core.search.service.Search`."""

        async def thumbnail(picture: Picture, path: Path) -> bytes:
            if thumbnails is None:
                return await decoder.thumbnail(path, THUMBNAIL_EDGE)
            return await thumbnails.get(picture.sha256, path, THUMBNAIL_EDGE)

        self._embedder = embedder
        self._decoder = decoder
        self._searches = searches
        self._calibrations = calibrations
        self._sampled = sampled
        self._words = words
        self._reader = reader
        self._recogniser = Recogniser(library.file_of, thumbnail)

    async def decoded(self, picture: bytes | Path, *, preview: int = 0) -> DecodedPicture:
        """A picture and its frames, with a preview of so many pixels."""
        return await self._decoder.decode(
            picture, self._embedder.pixel_spec, preview=preview, frames=True
        )

    async def vector(self, picture: bytes | Path) -> Vectors:
        """Of its first frame, float32 [d]."""
        decoded = await self._decoder.decode(picture, self._embedder.pixel_spec)
        return await self._embedder.embed_pixels(decoded.pixels)

    async def vectors(self, decoded: DecodedPicture) -> Vectors:
        """Of its frames, float32 [f, d]; one where it is still."""
        plain = await self._embedder.embed_pixels(decoded.pixels)
        moving = await frame_vectors(decoded, plain, self._embedder.embed_pixels)
        return plain[None] if moving is None else moving.vectors

    async def look(
        self,
        picture: bytes | Path,
        snapshot: Snapshot,
        community: Viewer | str,
        request: PageRequest,
        rules: SearchRules,
        *,
        as_is: bool,
        preview: int,
    ) -> SeenPicture:
        """See :meth:`core.search.service.Search.similar`.

        One that a text changes is not asked for ``as_is``: its own words are not read, and no
        original is looked for.
        """
        async with _meanwhile(self._said(picture, snapshot, community, rules, as_is)) as reading:
            decoded = await self.decoded(picture, preview=max(preview, LOOKED_AT_EDGE))
            calibration = await self._calibrations.of(snapshot, community)
            scope = SearchScope(snapshot, calibration, community)
            snapshot, seen, sure = await self._views(decoded, scope, request, rules)
            said = await reading
        known = None
        if as_is and not sure and decoded.preview is not None:
            known = await self._recogniser.recognise(decoded.preview, seen, snapshot)
        view = seen[-1] if known is None else known.view
        ranking = Ranking(view.vector, calibration.image, rules.duplicate_cosine)
        if known is not None:
            ranking = replace(ranking, recognised=known.row, agreement=known.agreement)
        if said is not None:
            told = with_words(CaptionEvidence.none(), said, calibration.captions)
            ranking = replace(ranking, told=told, read=said)
        return SeenPicture(snapshot, ranking, calibration, view.nearest, decoded.preview)

    async def _said(
        self,
        picture: bytes | Path,
        snapshot: Snapshot,
        community: Viewer | str,
        rules: SearchRules,
        as_is: bool,
    ) -> WordEvidence | None:
        """The pictures that say what a posted one says; None where none do, or time was short."""
        if self._words is None or self._reader is None or not as_is:
            return None
        if self._sampled.covers(snapshot):
            return None  # whose words they are is known once its candidates are
        if not await asyncio.to_thread(self._words.any_in, snapshot.collection):
            return None
        try:
            async with asyncio.timeout(rules.read_s):
                lines = await self._reader.read(picture)
            said = " ".join(line.text for line in lines)[: rules.max_query]
            if not said:
                return None
            vector = await self._embedder.embed_text(for_model(said))
            await self._calibrations.of(snapshot, community)
        except (TimeoutError, TangerineError):
            return None  # one that cannot be read at all is refused where it is decoded
        meaning = self._calibrations.meaning(vector)
        found = await asyncio.to_thread(self._words.find, snapshot, said, meaning)
        strong = None if found is None else found.strong_alone()
        return strong if strong is not None and len(strong.rows) else None

    async def _views(
        self,
        decoded: DecodedPicture,
        scope: SearchScope,
        request: PageRequest,
        rules: SearchRules,
    ) -> tuple[Snapshot, tuple[PostedView, ...], bool]:
        """A picture as it is, and the view of it that finds something much closer, if one does.

        And whether it found something so close that there is nothing to doubt. Before them the
        snapshot in which they found it.
        """
        snapshot, calibration, viewer = scope
        count = candidates_for(request)

        async def found(
            transforms: Sequence[ViewTransform], vectors: Sequence[Vectors]
        ) -> list[PostedView]:
            k, offset = request.k, request.offset
            lookups = [
                page_lookup(snapshot, calibration, vector, k=k, offset=offset, in_words=False)
                for vector in vectors
            ]
            nearest = await self._searches.answer(lookups, list)
            return list(map(PostedView, transforms, vectors, nearest))

        frames = list(await self.vectors(decoded))
        near = Sought(pictures=frames, wanted=count)
        snapshot = await self._sampled.widened(snapshot, viewer, near)
        posted = max(await found([ViewTransform()] * len(frames), frames), key=_closest)
        if _closest(posted) >= rules.sure_cosine or decoded.frames:
            # What moves is neither turned nor framed on its way, as pictures of screens are.
            return snapshot, (posted,), True
        kinds = tuple(ViewKind)
        height, width = decoded.pixels.shape[:2]
        further = (await asyncio.to_thread(views, decoded.pixels, kinds))[1:]
        try:
            vectors = await asyncio.gather(*(self._embedder.embed_pixels(v) for v in further))
        except Busy:
            return snapshot, (posted,), False  # an answer without them is better than none
        if self._sampled.covers(snapshot):
            near = Sought(pictures=[*frames, *vectors], wanted=count)
            snapshot = await self._sampled.widened(snapshot, viewer, near)
            [posted] = await found([ViewTransform()], frames)
        seen = [posted, *await found(ways(kinds, square=height == width)[1:], vectors)]
        chosen = closest_view(list(map(_closest, seen)))
        return snapshot, ((posted, seen[chosen]) if chosen else (posted,)), False


def vector_of_row(snapshot: Snapshot, row: int) -> Vectors:
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


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, _Done]) -> AsyncIterator[asyncio.Task[_Done]]:
    """Something that is done beside the body; given up where that fails."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def _closest(view: PostedView) -> float:
    """The best cosine that a view finds; 1 where there is nothing to find."""
    return float(view.nearest.near.scores.max(initial=-1.0)) if len(view.nearest.near.rows) else 1.0
