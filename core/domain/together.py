"""One look for all who ask at the same time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_R = TypeVar("_R")


class SingleFlight(Generic[_K, _R]):
    """Calls something blocking in a thread, once for all who wait for the same key.

    Handing work to a thread and back costs more than what takes a few ``stat``. Whoever asks
    while a call is under way may know of a change that it came too early for, and waits for the
    next one with all who ask until then: what anybody gets was begun after the question.

    A caller that is cancelled leaves the others their call. What it raises, all of them get.
    For callers of one event loop.
    """

    def __init__(self, call: Callable[[_K], _R]) -> None:
        self._call = call
        # Those whom no call has begun for; a key is here as long as somebody looks for it.
        self._waiting: dict[_K, list[asyncio.Future[_R]]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def __call__(self, key: _K) -> _R:
        """What the call returns for this key. Raises what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_R] = loop.create_future()
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            # Of no context: it belongs to several requests, and is in the name of none.
            task = loop.create_task(self._look(key), context=contextvars.Context())
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        waiting.append(answer)
        return await answer

    async def _look(self, key: _K) -> None:
        waiting: list[asyncio.Future[_R]] = []
        try:
            while waiting := self._waiting[key]:
                # It is under way as of now: whoever asks from here on is too late for it.
                self._waiting[key] = []
                try:
                    found = await asyncio.to_thread(self._call, key)
                except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                    for answer in waiting:
                        if not answer.done():
                            answer.set_exception(error)
                else:
                    for answer in waiting:
                        if not answer.done():
                            answer.set_result(found)
        finally:
            # In the same step as the last look at who waits: whoever comes next begins anew.
            # At the end of the event loop nobody is left waiting.
            for answer in (*waiting, *self._waiting.pop(key)):
                answer.cancel()
