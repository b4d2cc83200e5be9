"""Criteria that hold pictures back, and administrators who decide about what is held."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.chat.actions import Action, ActionCodec, Kind
from bot.chat.admission import Admission
from bot.chat.parser import Invocation
from bot.chat.presenters.moderate import ReviewActions
from bot.chat.presenters.search import Presenter, keep_private
from bot.protocol.replies import Pictures, Reply
from bot.protocol.requests import Request
from bot.rendering.sheets import Sheets
from core.domain.choices import Strictness
from core.domain.errors import EmptyQuery, Forbidden, InvalidRequest
from core.search.moderation import Criterion
from core.search.ports import Moderation

PAGE = 6
"""Held pictures of one page: two rows of a contact sheet."""

_TAKES = {
    "add": ("criterion", "strictness", "age"),
    "remove": ("criterion",),
    "test": ("criterion", "collection"),
}
"""The options beside the action that each action reads; others read none."""

_DECISIONS: dict[Kind, bool | None] = {"approve": True, "hide": False, "reconsider": None}


class Moderating:
    """Adds, drops and tests criteria; shows what they hold to administrators, and nobody else.

    Held pictures are drawn on a contact sheet: no address, id or file of a platform leads to
    one. Every right is checked where it is used.
    """

    def __init__(
        self, moderation: Moderation, admission: Admission, codec: ActionCodec, sheets: Sheets
    ) -> None:
        self._moderation = moderation
        self._admission = admission
        self._codec = codec
        self._sheets = sheets

    async def asked(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Do what the command says. Raises Forbidden, EmptyQuery and what the port raises."""
        self._check_admin(request)
        calls: dict[str, Callable[[Invocation, Request, Presenter], Awaitable[Reply]]] = {
            "add": self._add,
            "remove": self._drop,
            "test": self._test,
            "review": self._first_page,
        }
        action = invocation.text("action") or "list"
        surplus = sorted(invocation.options.keys() - {"action", *_TAKES.get(action, ())})
        if surplus:
            raise InvalidRequest(
                "/moderation {action} takes no {option}.",
                remedy="Leave out {names}, or choose another action.",
                action=action,
                option=surplus[0],
                names=", ".join(surplus),
            )
        return await calls.get(action, self._list)(invocation, request, presenter)

    async def review(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """A page of held pictures. Raises Forbidden and what the port raises."""
        self._check_admin(request)
        page = await self._moderation.held(
            community=request.keeper, offset=action.offset, count=PAGE
        )
        following = page.offset + len(page.pictures)
        ids = [held.picture.id for held in page.pictures]
        reply = presenter.moderation.review(
            page,
            ReviewActions(
                approve=[self._encode(Action("approve", text=each), request) for each in ids],
                hide=[self._encode(Action("hide", text=each), request) for each in ids],
                next_page=self._encode(Action("review", offset=following), request)
                if following < page.total
                else None,
            ),
        )
        return await self._with_sheet(reply, request)

    async def decide(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """Approve, hide, or take that back. Raises Forbidden and what the port raises."""
        self._check_admin(request)
        approve = _DECISIONS[action.kind]
        decided = await self._moderation.decide(
            action.text, community=request.keeper, approve=approve
        )
        undo = self._encode(Action("reconsider", text=action.text), request)
        return presenter.moderation.decided(
            decided,
            approve=approve,
            undo=None if approve is None else undo,
            review=self._review(request),
        )

    async def hides(self, picture_id: str, request: Request) -> bool:
        """Whether moderation alone keeps a picture from the asker's community."""
        return await self._moderation.hides(picture_id, community=request.keeper)

    async def _list(self, _: Invocation, request: Request, presenter: Presenter) -> Reply:
        criteria = await self._moderation.criteria(request.community)
        waiting = await self._waiting(request)
        return presenter.moderation.criteria(criteria, waiting, self._review(request))

    async def _add(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        await self._admission.admit_request(request, "text")
        criterion = Criterion(
            _words(invocation),
            Strictness(invocation.text("strictness") or Strictness.NORMAL),
            age=invocation.flag("age"),
        )
        holds = await self._moderation.add(criterion, community=request.community)
        waiting = await self._waiting(request)
        return presenter.moderation.added(criterion, holds, waiting, self._review(request))

    async def _drop(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        gone = await self._moderation.drop(_words(invocation), community=request.community)
        return presenter.moderation.dropped(gone)

    async def _test(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        await self._admission.admit_request(request, "text")
        trial = await self._moderation.test(
            _words(invocation),
            community=request.keeper,
            collection=invocation.text("collection") or None,
            best=PAGE,
        )
        return await self._with_sheet(presenter.moderation.tested(trial), request)

    async def _first_page(self, _: Invocation, request: Request, presenter: Presenter) -> Reply:
        return await self.review(Action("review"), request, presenter)

    async def _waiting(self, request: Request) -> int:
        page = await self._moderation.held(community=request.keeper, count=0)
        return page.total

    async def _with_sheet(self, reply: Reply, request: Request) -> Reply:
        pictures = next((part for part in reply.parts if isinstance(part, Pictures)), None)
        if pictures is None:
            return reply
        sheet = await self._sheets.located(
            pictures, lambda name: self._moderation.file(name, community=request.keeper)
        )
        return keep_private(replace(reply, parts=(*reply.parts, sheet)))

    def _review(self, request: Request) -> str:
        return self._encode(Action("review"), request)

    def _encode(self, action: Action, request: Request) -> str:
        return self._codec.encode(action, request.community, request.requester)

    @staticmethod
    def _check_admin(request: Request) -> None:
        if not request.is_admin:
            raise Forbidden("Only administrators may use /{command} here.", command="moderation")


def _words(invocation: Invocation) -> str:
    words = invocation.text("criterion")
    if not words.strip():
        raise EmptyQuery(
            "/moderation needs a criterion for that.", remedy="Write: /moderation add weapon"
        )
    return " ".join(words.split())
