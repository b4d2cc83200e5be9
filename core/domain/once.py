"""What is computed once of each state of a collection, however many ask for it together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from core.domain.ports import Snapshot

_T = TypeVar("_T")


class OncePerSnapshot(Generic[_T]):
    """Values by snapshot and a key of the caller's, gone with their snapshot.

    What failed is tried again by the next who asks.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Snapshot, dict[Hashable, asyncio.Future[_T]]] = (
            WeakKeyDictionary()
        )

    async def get(
        self, snapshot: Snapshot, key: Hashable, make: Callable[[], Coroutine[Any, Any, _T]]
    ) -> _T:
        """The value, made where there is none yet. Raises what ``make`` raises."""
        kept = self._kept.setdefault(snapshot, {})
        known = kept.get(key)
        if known is None or _failed(known):
            known = kept[key] = asyncio.ensure_future(make())
            known.add_done_callback(_failed)  # also where all who asked have left
        # One asker who leaves must not take it from the others.
        return await asyncio.shield(known)


def _failed(future: asyncio.Future[_T]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)
