"""What is made once for all who ask for it at the same time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from core.domain.ports import Snapshot

_K = TypeVar("_K", bound=Hashable)
_R = TypeVar("_R")


class SingleFlight(Generic[_K, _R]):
    """Makes something once for all who wait for the same key.

    A caller that is cancelled leaves the others their answer. What is raised, all of them get,
    and the next one tries again. For callers of one event loop.

    ``fresh``: whoever asks while it is being made may know of a change that it came too early
    for, and waits for the next one with all who ask until then: what anybody gets was begun
    after the question. Else it is shared with whoever comes before its end.
    """

    def __init__(self, *, fresh: bool = False) -> None:
        self._fresh = fresh
        # Those who wait for what is made, or of the fresh those whom nothing has begun for; a
        # key is here as long as somebody works for it.
        self._waiting: dict[_K, list[asyncio.Future[_R]]] = {}
        self._flights: set[asyncio.Task[None]] = set()

    async def run(self, key: _K, make: Callable[[], Awaitable[_R]]) -> _R:
        """What ``make`` gives, or that of somebody who has asked before. Raises what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_R] = loop.create_future()
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            # Of no context: it belongs to several requests, and is in the name of none.
            flight = loop.create_task(self._fly(key, make), context=contextvars.Context())
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
        waiting.append(answer)
        return await answer

    async def close(self) -> None:
        """Give up what is being made; all who wait for it are cancelled."""
        flights = tuple(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fly(self, key: _K, make: Callable[[], Awaitable[_R]]) -> None:
        waiting: list[asyncio.Future[_R]] = []
        try:
            while waiting := self._waiting[key]:
                if self._fresh:
                    # It is under way as of now: whoever asks from here on is too late for it.
                    self._waiting[key] = []
                try:
                    made = await make()
                except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                    for answer in _unanswered(waiting):
                        answer.set_exception(error)
                else:
                    for answer in _unanswered(waiting):
                        answer.set_result(made)
                if not self._fresh:
                    break
        finally:
            # In the same step as the last check for waiters: the next caller starts a new flight.
            # When the event loop ends, no caller is left waiting.
            for answer in (*waiting, *self._waiting.pop(key, ())):
                answer.cancel()


def _unanswered(waiting: list[asyncio.Future[_R]]) -> list[asyncio.Future[_R]]:
    """Those of the askers who have not left."""
    return [answer for answer in waiting if not answer.done()]


class OncePerSnapshot(Generic[_R]):
    """Values by snapshot and a key of the caller's, gone with their snapshot.

    Each is made by a :class:`SingleFlight`; what failed is tried again by the next who asks.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Snapshot, dict[Hashable, _R]] = WeakKeyDictionary()
        self._flight: SingleFlight[tuple[Snapshot, Hashable], _R] = SingleFlight()

    def known(self, snapshot: Snapshot, key: Hashable) -> _R | None:
        """The value where it was made, else None."""
        return self._kept.get(snapshot, {}).get(key)

    async def get(self, snapshot: Snapshot, key: Hashable, make: Callable[[], Awaitable[_R]]) -> _R:
        """The value, made where there is none yet. Raises what ``make`` raises."""
        kept = self._kept.setdefault(snapshot, {})
        if key in kept:
            return kept[key]

        async def keep() -> _R:
            value = kept[key] = await make()
            return value

        return await self._flight.run((snapshot, key), keep)
