"""Who is let in: the friendly answer to whoever is not, /allow and /claim."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import TTLCache

from bot.chat.claims import Claims
from bot.chat.parser import Invocation
from bot.chat.presenters.search import Presenter
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.errors import CommunityUnknown, NotFound
from core.domain.ports import Grants, Library
from core.domain.viewer import is_person

EVERYWHERE = frozenset({"allow", "claim", "privacy"})
"""Commands that are answered also where nothing may be searched: the ways in, and what is kept
of a person."""

_QUIET_S = 3600.0
_REMEMBERED = 10_000


class AccessHandler:
    """Lets communities in, and tells those that are not how that is done.

    ``now`` gives seconds.
    """

    def __init__(
        self, library: Library, grants: Grants, claims: Claims, now: Callable[[], float]
    ) -> None:
        self._library = library
        self._grants = grants
        self._claims = claims
        self._told: TTLCache[str, bool] = TTLCache(_REMEMBERED, _QUIET_S, now)

    def is_open(self, request: Request) -> bool:
        """Whether the community may search any collection. From memory."""
        return bool(self._library.visible(request.community))

    def check(self, request: Request) -> None:
        """Raises CommunityUnknown where the community may search nothing."""
        if not self.is_open(request):
            raise CommunityUnknown(community=request.community)

    def keeps_quiet(self, request: Request) -> bool:
        """Whether a group was told a while ago already that it is not let in.

        What is no command may be talk between people: they are told once in an hour.
        """
        commanded = request.command is not None or request.text.lstrip().startswith("/")
        if commanded or is_person(request.community) or self.is_open(request):
            return False
        if request.community in self._told:
            return True
        self._told[request.community] = True
        return False

    async def allow(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Let the community in, or out again. Raises NotFound and CatalogueError.

        That an operator asks is for the caller to check.
        """
        names = self._library.names
        name = invocation.text("collection") or next(iter(names), "")
        if name not in names:
            raise NotFound("There is no such collection here.", remedy="See: tangerine status")
        if invocation.text("access") == "off":
            return await self._withdraw(name, request.community, presenter)
        if self._library.shares(name, request.community):
            return presenter.access.already(name)
        await self._grants.grant(name, request.community, "allow")
        return presenter.access.allowed(name)

    async def claim(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Let the community in for the code. Raises NoCode, WrongCode and their kin."""
        names = self._library.names
        if self._library.shares(names[0], request.community):
            return presenter.access.already(names[0])
        code = await self._claims.redeem(invocation.text("code"), request.requester)
        try:
            await self._grants.grant(names[0], request.community, "claim")
        except BaseException:
            await self._claims.give_back(code)
            raise
        return presenter.access.allowed(names[0])

    async def _withdraw(self, name: str, community: str, presenter: Presenter) -> Reply:
        gone = await self._grants.revoke(name, community)
        if name in self._library.visible(community):
            return presenter.access.in_settings(name)
        return presenter.access.withdrawn(name) if gone else presenter.access.never(name)
