"""One look for all who ask at the same time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_R = TypeVar("_R")


class Together(Generic[_K, _R]):
    """Calls something blocking in a thread, once for all who wait for the same key.

    Handing work to a thread and back costs more than what takes a few ``stat``. Whoever asks
    while a call is under way may know of a change that it came too early for, and waits for the
    next one with all who ask until then: what anybody gets was begun after the question.

    A caller that is cancelled leaves the others their call. What it raises, all of them get.
    For callers of one event loop.
    """

    def __init__(self, call: Callable[[_K], _R]) -> None:
        self._call = call
        self._under_way: dict[_K, asyncio.Task[_R]] = {}
        self._next: dict[_K, asyncio.Task[_R]] = {}

    async def __call__(self, key: _K) -> _R:
        """What the call returns for this key. Raises what it raises."""
        waiting = self._next.get(key)
        if waiting is None:
            # Of no context: it belongs to several requests, and is in the name of none.
            waiting = asyncio.get_running_loop().create_task(
                self._run(key), context=contextvars.Context()
            )
            self._next[key] = waiting
            waiting.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(waiting)

    async def _run(self, key: _K) -> _R:
        before = self._under_way.get(key)
        if before is not None:
            await asyncio.wait({before})
        # From now on it is under way, and whoever asks is too late for it.
        self._under_way[key] = self._next.pop(key)
        try:
            return await asyncio.to_thread(self._call, key)
        finally:
            del self._under_way[key]

    def _ended(self, key: _K, task: asyncio.Task[_R]) -> None:
        if self._next.get(key) is task:
            del self._next[key]  # it was cancelled before it began
        if not task.cancelled():
            task.exception()  # seen, also where every caller has left
