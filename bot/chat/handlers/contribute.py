"""Pictures that people add and remove in chat: who may, and what they are answered."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

from bot.chat.actions import Action, ActionCodec
from bot.chat.admission import Admission
from bot.chat.handlers.moderate import Moderating
from bot.chat.presenters.search import Presenter, keep_private
from bot.protocol.ports import Counters
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.errors import (
    DuplicatePicture,
    EmptyCollection,
    EmptyQuery,
    Forbidden,
    NoPicture,
    NotFound,
)
from core.domain.ports import UNDO_S, Contributions, Library
from core.domain.types import UPLOADED, Hit, SearchResult
from core.search.query import SearchQuery
from core.search.service import Search

_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{8}")


class Contributing:
    """Adds, removes and restores; every right is checked where it is used.

    Administrators may do everything, those whom the operator lets add may add. Who added a
    picture may withdraw it for five minutes, with no other right than having added it.
    """

    def __init__(
        self,
        contributions: Contributions,
        *,
        moderating: Moderating,
        search: Search,
        library: Library,
        admission: Admission,
        counters: Counters,
        codec: ActionCodec,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._contributions = contributions
        self._moderating = moderating
        self._search = search
        self._library = library
        self._admission = admission
        self._counters = counters
        self._codec = codec
        self._now = now

    async def add(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """Add the asked picture; ``action`` has its caption and its collection.

        ``action.weak`` adds one that is nearly the same as another. Raises Forbidden,
        NoPicture where the picture is gone, and what the port raises but DuplicatePicture.
        """
        if not (request.is_admin or request.may_add):
            raise Forbidden("You may not add pictures here.")
        if not request.asked_pictures:
            raise NoPicture("The picture is not here any more.", remedy="Send it again.")
        try:
            picture = await self._contributions.add(
                await request.asked_pictures[0].read(),
                action.text,
                community=request.community,
                uploader=request.requester,
                collection=action.collection or None,
                anyway=action.weak,
            )
        except DuplicatePicture as error:
            self._counters.error(error.code)
            anyway = self._encode(replace(action, weak=True), request)
            return presenter.contributions.duplicate(error, anyway=anyway)
        undo = self._encode(Action("withdraw", text=picture.id), request)
        if await self._moderating.hides(picture.id, request):
            return presenter.moderation.upload_held(undo)
        return presenter.contributions.added(
            picture,
            holds=await self._holds(picture.collection, request),
            undo=undo,
            sent=len(request.asked_pictures),
        )

    async def remove(
        self, meant: str, request: Request, presenter: Presenter, *, count: int
    ) -> Reply:
        """Remove the picture of an id, or show the ``count`` nearest to words, to choose one.

        Raises EmptyQuery, and what removing and searching raise.
        """
        if not meant.strip():
            raise EmptyQuery(
                "/remove needs to know which picture.",
                remedy="Write its id, or words that describe it: /remove red balloon",
            )
        picture_id = meant.lower()
        if _ID.fullmatch(picture_id):
            try:
                action = Action("remove", text=picture_id, private=True)
                return await self.removed(action, request, presenter)
            except NotFound:
                # A word of eight letters may look like an id; hardly one with a digit.
                if not picture_id.isalpha():
                    raise
        return await self._candidates(meant, request, presenter, count)

    async def removed(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """Remove the picture of an action. Raises Forbidden and NotFound."""
        self._check_admin(request)
        return await self._remove(action, request, presenter)

    async def withdrawn(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """Take back a picture that was just added. Raises Forbidden and NotFound."""
        if not request.is_admin:
            kept = await self._contributions.personal(request.requester)
            if not any(
                upload.picture.id == action.text
                and upload.community == request.community
                and self._now() - upload.added_at <= UNDO_S
                for upload in kept.uploads
            ):
                self._check_admin(request)
        return await self._remove(action, request, presenter)

    async def restored(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """Undo a removal. Raises Forbidden, and ExpiredButton after five minutes."""
        self._check_admin(request)
        picture = await self._contributions.restore(action.text, community=request.keeper)
        if await self._moderating.hides(picture.id, request):
            return presenter.moderation.restored_held()
        reply = presenter.contributions.restored(picture)
        return keep_private(reply) if action.private else reply

    async def _remove(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        picture = await self._contributions.remove(
            action.text, community=request.keeper, remover=request.requester
        )
        undo = replace(action, kind="restore")
        reply = presenter.contributions.removed(
            picture,
            uploaded=picture.path.startswith(UPLOADED),
            # Who is no administrator could not press it.
            undo=self._encode(undo, request) if request.is_admin else None,
        )
        return keep_private(reply) if action.private else reply

    async def _candidates(
        self, words: str, request: Request, presenter: Presenter, count: int
    ) -> Reply:
        self._check_admin(request)
        await self._admission.admit_request(request, "text")
        pages = await asyncio.gather(
            *(
                self._nearest(words, name, count, request)
                for name in self._library.visible(request.community)
            )
        )
        if not any(pages):
            raise EmptyCollection("There are no pictures here.", remedy="Add some with /add.")
        # One model made all vectors, so that matches of several collections compare. What is
        # called by these words stands before what only looks like them.
        nearest = {hit.picture.id: hit for page in pages if page for hit in page[1].hits}
        named = {
            hit.picture.id: nearest.pop(hit.picture.id, hit)
            for page in pages
            if page
            for hit in page[0]
        }
        ordered = [
            hit for some in (named, nearest) for hit in sorted(some.values(), key=_by_match)
        ][:count]
        falling = accumulate((hit.match for hit in ordered), min)
        hits = [
            replace(hit, rank=rank, match=match)
            for rank, (hit, match) in enumerate(zip(ordered, falling, strict=True), start=1)
        ]
        actions = [self._encode(_removing(hit), request) for hit in hits]
        return presenter.contributions.candidates(words, hits, actions)

    async def _nearest(
        self, words: str, collection: str, count: int, request: Request
    ) -> tuple[tuple[Hit, ...], SearchResult] | None:
        """What is captioned so and what looks so; None where there are no pictures."""
        community = request.keeper
        try:
            return (
                await self._search.captioned(
                    words, community=community, collection=collection, k=count
                ),
                await self._search.find(
                    SearchQuery.parse(words), community=community, collection=collection, k=count
                ),
            )
        except EmptyCollection:
            return None

    async def _holds(self, collection: str, request: Request) -> int:
        statuses = await self._library.status(request.community)
        return next(status.pictures for status in statuses if status.name == collection)

    def _encode(self, action: Action, request: Request) -> str:
        return self._codec.encode(action, request.community, request.requester)

    @staticmethod
    def _check_admin(request: Request) -> None:
        if not request.is_admin:
            raise Forbidden("Only administrators may use /{command} here.", command="remove")


def _by_match(hit: Hit) -> float:
    return -hit.match


def _removing(hit: Hit) -> Action:
    return Action("remove", text=hit.picture.id, private=True)
