"""Who may ask how much: quotas with the pauses that a community chose, and a fair share at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from bot.protocol.requests import Request
from core.domain.errors import AskedTooSoon
from core.domain.ports import CommunitySettingsStore
from core.domain.rate_limits import Kind, RateLimiter

LONGEST_WAIT_S = 10.0
"""A second question waits for a pause up to so long; after a longer one people have gone on."""


class Admission:
    """Asks the quotas.

    A question that comes within the pause after the last one waits for the pause to end; a
    third one is refused meanwhile. ``settings`` are those of the communities.
    """

    def __init__(
        self,
        limits: RateLimiter,
        settings: CommunitySettingsStore,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.counts = limits.counts
        self._limits = limits
        self._settings = settings
        self._sleep = sleep
        self._waiting: set[str] = set()

    async def admit(
        self,
        requester: str,
        kind: Kind,
        *,
        community: str,
        admin: bool = False,
        unasked: bool = False,
        address: str = "",
    ) -> None:
        """Count one request. Raises TooManyRequests, or CommunityQuotaUsed of its kind.

        ``admin`` opens the larger quota of administrators where the adapter knows of the
        right. Telegram is only asked who administers a chat where the command needs it, so
        an administrator's finds there count like everybody's. ``address``: see
        :meth:`core.domain.rate_limits.RateLimiter.admit`.
        """
        chosen = self._settings.of(community)
        pauses: dict[Kind, float] = {}
        if chosen.text_cooldown_s is not None:
            pauses["text"] = chosen.text_cooldown_s
        if chosen.picture_cooldown_s is not None:
            pauses["picture"] = chosen.picture_cooldown_s

        async def count() -> None:
            await self._limits.admit(
                requester,
                kind,
                community=community,
                admin=admin,
                unasked=unasked,
                cooldown_s=pauses,
                address=address,
            )

        try:
            await count()
        except AskedTooSoon as soon:
            if unasked or requester in self._waiting or soon.retry_after > LONGEST_WAIT_S:
                raise
            self._waiting.add(requester)
            try:
                await self._sleep(soon.retry_after)
                await count()
            finally:
                self._waiting.discard(requester)

    async def admit_request(self, request: Request, kind: Kind) -> None:
        """Count a request by what it says of its asker. Raises as :meth:`admit`."""
        await self.admit(
            request.requester,
            kind,
            community=request.community,
            admin=request.is_admin,
            unasked=request.unasked,
            address=request.address,
        )


class Lines:
    """A line for each name; ``share`` of its members have their turn at the same time.

    Where ``longest`` of a line wait for theirs already, nobody else may stand in it.
    """

    def __init__(self, share: int, *, longest: int = 48) -> None:
        self._share = max(share, 1)
        self._most = self._share + longest
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def stand(self, name: str) -> Iterator[asyncio.Semaphore | None]:
        """Stand in a line: what is entered holds a turn. None where too many wait already."""
        line = self._lines.setdefault(name, _Line(asyncio.Semaphore(self._share)))
        if line.members >= self._most:
            yield None
            return
        line.members += 1
        try:
            yield line.turns
        finally:
            line.members -= 1
            if not line.members:
                del self._lines[name]


class _Line:
    def __init__(self, turns: asyncio.Semaphore) -> None:
        self.turns = turns
        self.members = 0
