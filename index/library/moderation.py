"""Moderation by criteria in words, over all collections of a community."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.domain.choices import Strictness
from core.domain.errors import BadSetting, EmptyCollection, NotFound
from core.domain.ports import Embedder
from core.domain.threads import finished_in_thread
from core.domain.types import Picture
from core.domain.viewer import Viewer
from core.search.moderation import (
    MAX_CRITERIA,
    Criterion,
    Decided,
    HeldPage,
    HeldPicture,
    Level,
    Meaning,
    Scores,
    Trial,
    meaning_of,
    prompts_of,
    tidy_criterion,
)
from index.library.library import CollectionSpec, FolderLibrary
from index.library.moderation_filter import would_hold
from index.library.moderation_rows import (
    MODERATION,
    criteria_of,
    decisions_on,
    drop_criterion,
    forget_verdict,
    keep_criterion,
    keep_meaning,
    keep_verdict,
    texts_without_meaning,
    verdicts_on,
)
from index.library.overlay import Overlays
from index.snapshots.overlaid import IdentifiedSnapshot

_T = TypeVar("_T")


class ChatModeration:
    """The Moderation port: criteria and decisions as rows, judged where views are composed.

    What is held follows from the criteria and the vectors alone: a picture that comes in by an
    upload or a reindex is judged before anybody can see it, and so are all of them once the
    model has changed.
    """

    def __init__(self, library: FolderLibrary, overlays: Overlays, embedder: Embedder) -> None:
        self._library = library
        self._overlays = overlays
        self._embedder = embedder

    async def prepare(self) -> None:
        """Encode the criteria that this model does not know yet.

        Until then no collection is shown in their communities. Raises CatalogueError, Busy,
        EncodingFailed.
        """
        fingerprint = self._embedder.identity.fingerprint
        for text in await finished_in_thread(self._reading(texts_without_meaning), fingerprint):
            await finished_in_thread(self._keep_meaning, text, await self._meaning(text))

    async def criteria(self, community: str) -> Sequence[Criterion]:
        return await finished_in_thread(self._reading(criteria_of), community)

    async def add(self, criterion: Criterion, *, community: str) -> int:
        criterion = Criterion(
            tidy_criterion(criterion.text), criterion.strictness, age=criterion.age
        )
        meaning = await self._meaning(criterion.text)
        await finished_in_thread(self._keep, criterion, meaning, community)
        waiting = await asyncio.to_thread(self._waiting, community)
        return sum(
            any(reason.criterion == criterion.text for reason in held.reasons) for held in waiting
        )

    async def drop(self, text: str, *, community: str) -> Criterion:
        key = Criterion(tidy_criterion(text)).key
        return await finished_in_thread(self._drop, key, community)

    async def test(
        self, text: str, *, community: Viewer | str, collection: str | None = None, best: int = 10
    ) -> Trial:
        text = tidy_criterion(text)
        spec = self._library.spec(collection, community)
        # Says so where the collection cannot be searched with this model.
        await self._library.view(spec, community)
        meaning = await self._meaning(text)
        return await asyncio.to_thread(self._test, text, spec, community, meaning, best)

    async def scores(
        self, text: str, *, community: str, collection: str | None = None
    ) -> tuple[Sequence[Picture], Scores]:
        """Every picture of a collection, with its standard score by a criterion: float32 [n].

        Raises as :meth:`test`.
        """
        text = tidy_criterion(text)
        spec = self._library.spec(collection, community)
        await self._library.view(spec, community)
        meaning = await self._meaning(text)
        view, scores = await asyncio.to_thread(self._scores, text, spec, community, meaning)
        return view.pictures, scores

    async def held(self, *, community: Viewer | str, offset: int = 0, count: int = 5) -> HeldPage:
        waiting = await asyncio.to_thread(self._waiting, community)
        return HeldPage(tuple(waiting[offset : offset + count]), offset, len(waiting))

    async def hides(self, picture_id: str, *, community: Viewer | str) -> bool:
        return bool(await asyncio.to_thread(self._library.hidden, (picture_id,), community))

    async def decide(
        self, picture_id: str, *, community: Viewer | str, approve: bool | None
    ) -> Decided:
        picture = await finished_in_thread(self._decide, picture_id, community, approve=approve)
        waiting = await asyncio.to_thread(self._waiting, community)
        return Decided(picture, len(waiting))

    async def file(self, picture_id: str, *, community: Viewer | str) -> tuple[Picture, Path]:
        found = await asyncio.to_thread(self._file, picture_id, community)
        if found is None:
            raise _gone()
        return found

    async def _meaning(self, text: str) -> Meaning:
        prompts = prompts_of(text)
        vectors = await asyncio.gather(*(self._embedder.embed_text(p) for p in prompts))
        return meaning_of(vectors)

    def _reading(self, work: Callable[..., _T]) -> Callable[..., _T]:
        def read(*arguments: object) -> _T:
            with self._overlays.read() as connection:
                return work(connection, *arguments)

        return read

    def _keep_meaning(self, text: str, meaning: Meaning) -> None:
        with self._overlays.change() as change:
            fingerprint = self._embedder.identity.fingerprint
            keep_meaning(change.connection, text, fingerprint, meaning)

    def _keep(self, criterion: Criterion, meaning: Meaning, community: str) -> None:
        with self._overlays.change() as change:
            others = {each.key for each in criteria_of(change.connection, community)}
            if len(others - {criterion.key}) >= MAX_CRITERIA:
                raise BadSetting(
                    "There are {count} criteria here, and no more may be.",
                    remedy="Remove one with: /moderation remove",
                    count=len(others),
                )
            fingerprint = self._embedder.identity.fingerprint
            keep_criterion(change.connection, community, criterion, change.now)
            keep_meaning(change.connection, criterion.text, fingerprint, meaning)
            change.touched.add((MODERATION, community))

    def _drop(self, key: str, community: str) -> Criterion:
        with self._overlays.change() as change:
            gone = drop_criterion(change.connection, community, key)
            if gone is None:
                raise NotFound("There is no such criterion here.", remedy="See: /moderation list")
            change.touched.add((MODERATION, community))
        return gone

    def _specs(self, community: Viewer | str) -> Sequence[CollectionSpec]:
        return [self._library.spec(name, community) for name in self._library.visible(community)]

    def _waiting(self, community: Viewer | str) -> list[HeldPicture]:
        views = self._library.views
        lists: Iterable[tuple[HeldPicture, ...]] = (
            views.waiting(spec.name, spec.viewpoint(community)) for spec in self._specs(community)
        )
        waiting = [held for each in lists for held in each]
        # sorted() is stable: of equal scores, in the order of collections and paths.
        return sorted(waiting, key=lambda held: -held.reasons[0].score)

    def _test(
        self, text: str, spec: CollectionSpec, community: Viewer | str, meaning: Meaning, best: int
    ) -> Trial:
        view, scores = self._scores(text, spec, community, meaning)
        with self._overlays.read() as connection:
            decided = decisions_on(connection, Viewer.of(community).community, Criterion(text).key)
        pictures = list(view.pictures)
        verdicts = np.array([decided.get(each.sha256, -1) for each in pictures], dtype=np.int8)
        levels = []
        for strictness in Strictness:
            held = would_hold(scores, strictness)
            levels.append(
                Level(
                    strictness,
                    held=int(held.sum()),
                    removed=int((verdicts[held] == 0).sum()),
                    approved=int((verdicts[held] == 1).sum()),
                )
            )
        order = np.argsort(-scores, kind="stable")[:best].tolist()
        return Trial(
            criterion=text,
            collection=spec.name,
            pictures=len(pictures),
            levels=tuple(levels),
            best=tuple((pictures[row], float(scores[row])) for row in order),
        )

    def _scores(
        self, text: str, spec: CollectionSpec, community: Viewer | str, meaning: Meaning
    ) -> tuple[IdentifiedSnapshot, Scores]:
        viewpoint = spec.viewpoint(community)
        found = self._library.views.scored(spec.name, viewpoint, text, meaning)
        if found is None or not len(found[1]):
            raise EmptyCollection("There are no pictures in “{collection}”.", collection=spec.name)
        return found

    def _decide(self, picture_id: str, viewer: Viewer | str, *, approve: bool | None) -> Picture:
        community = Viewer.of(viewer).community
        for spec in self._specs(viewer):
            view = self._library.views.bare(spec.name, spec.viewpoint(viewer))
            row = view.row_of(picture_id) if view is not None else None
            if view is None or row is None:
                continue
            picture = view.pictures[row]
            waiting = self._library.views.waiting(spec.name, spec.viewpoint(viewer))
            held = {
                Criterion(reason.criterion).key
                for each in waiting
                if each.picture.sha256 == picture.sha256
                for reason in each.reasons
            }
            vector = view.picture_index.reconstruct(np.array([row], dtype=np.int64))[0]
            with self._overlays.change() as change:
                connection = change.connection
                keys = _decided_keys(
                    verdicts_on(connection, community, picture.sha256), held, approve
                )
                if not keys:
                    raise NotFound(
                        "That picture is not held any more.",
                        remedy="See what is: /moderation review",
                    )
                if approve is None:
                    forget_verdict(connection, community, picture.sha256, keys)
                else:
                    keep_verdict(
                        connection,
                        community,
                        picture.sha256,
                        keys,
                        approved=approve,
                        vector=vector,
                        model=view.identity,
                        now=change.now,
                    )
                change.touched.add((MODERATION, community))
            return picture
        raise _gone()

    def _file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path] | None:
        for held in self._waiting(community):
            if held.picture.id == picture_id:
                return self._located(held.picture)
        for spec in self._specs(community):
            view = self._library.views.bare(spec.name, spec.viewpoint(community))
            row = view.row_of(picture_id) if view is not None else None
            if view is not None and row is not None:
                return self._located(view.pictures[row])
        return None

    def _located(self, picture: Picture) -> tuple[Picture, Path] | None:
        file = self._library.file_of(picture)
        return None if file is None else (picture, file)


def _decided_keys(
    verdicts: Mapping[str, bool], held: AbstractSet[str], approve: bool | None
) -> AbstractSet[str]:
    """The criteria that a decision is about: those that hold the picture now, or did before."""
    removed = {key for key, approved in verdicts.items() if not approved}
    approved = set(verdicts) - removed
    if approve is None:
        return removed or approved
    # What was decided before may be decided the other way round.
    return held | removed if approve else held | removed or approved


def _gone() -> NotFound:
    return NotFound("There is no such picture here.", remedy="See what is: /moderation review")
