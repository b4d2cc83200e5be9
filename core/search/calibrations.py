"""What scores are worth in the snapshots that are asked, learnt once for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from cachetools import LRUCache

from core.domain.errors import TangerineError
from core.domain.ports import Snapshot
from core.domain.single_flight import OncePerSnapshot
from core.domain.types import Vectors
from core.domain.viewer import Viewer
from core.search.calibration import Calibration, calibrate, refer
from core.search.references import REFERENCES
from core.search.word_evidence import AskedMeaning

_REFERENCES_AT_ONCE = 16
_VIEWERS = 32
_MANY = 256
"""Pictures whose sample says much the same once a few more are there."""
_LITTLE = 16
"""The older calibration is as good while no more than this part of the pictures was changed."""
_SOME = 8
"""It will do for an answer while no more than this part was, and the newer one is being learnt."""


@dataclass(frozen=True, slots=True, eq=False)
class _Last:
    generation: int
    pictures: int
    calibration: Calibration

    def is_near(self, snapshot: Snapshot, part: int) -> bool:
        """Whether less than this part of the pictures came or went, and no folder was indexed."""
        changed = abs(len(snapshot.pictures) - self.pictures)
        return (
            self.generation == snapshot.generation
            and self.pictures >= _MANY
            and changed * part <= self.pictures
        )


class Calibrations:
    """The calibration of each snapshot, as long as that lives.

    Where pictures come in one after the other, as those of a chat's history, nobody who asks
    waits until all is learnt anew: what was learnt of nearly the same pictures holds meanwhile.
    For callers of one event loop.
    """

    def __init__(
        self, embed_texts: Callable[[Sequence[str]], Awaitable[Sequence[Vectors]]]
    ) -> None:
        self._embed_texts = embed_texts
        self._references: Vectors | None = None
        # Communities may see a collection differently.
        self._kept: OncePerSnapshot[Calibration] = OncePerSnapshot()
        self._last: LRUCache[tuple[str, Viewer], _Last] = LRUCache(_VIEWERS)
        self._learning: set[asyncio.Task[None]] = set()

    async def of(self, snapshot: Snapshot, community: Viewer | str) -> Calibration:
        """What is known of the snapshot. Raises what encoding texts raises."""
        settled = snapshot.settled
        who = snapshot.collection, Viewer.of(community)
        last = self._last.get(who)
        found = self._kept.known(settled, None)
        if found is None and last is not None and last.is_near(settled, _SOME):
            if not last.is_near(settled, _LITTLE):
                self._learn(who, settled)
            return last.calibration
        return found or await self._learnt(who, settled)

    def meaning(self, vector: Vectors) -> AskedMeaning:
        """Of a text with this vector; after :meth:`of`."""
        assert self._references is not None
        return AskedMeaning(vector, float(np.median(self._references @ vector)))

    async def _learnt(self, who: tuple[str, Viewer], settled: Snapshot) -> Calibration:
        found = await self._kept.get(settled, None, partial(self._make, settled))
        if who[1].wanted is None:
            self._last[who] = _Last(settled.generation, len(settled.pictures), found)
        return found

    def _learn(self, who: tuple[str, Viewer], settled: Snapshot) -> None:
        if self._learning:
            return  # one after the other: people's questions come first

        async def learn() -> None:
            with contextlib.suppress(TangerineError):  # the next question tries again
                await self._learnt(who, settled)

        # Of no context: it belongs to no request.
        task = asyncio.get_running_loop().create_task(learn(), context=contextvars.Context())
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    async def _make(self, snapshot: Snapshot) -> Calibration:
        calibration = await asyncio.to_thread(calibrate, snapshot)
        if self._references is None:
            rows: list[Vectors] = []
            # Some at a time: questions that come meanwhile go between.
            for start in range(0, len(REFERENCES), _REFERENCES_AT_ONCE):
                some = REFERENCES[start : start + _REFERENCES_AT_ONCE]
                rows += await self._embed_texts(some)
            self._references = np.stack(rows)
        return await asyncio.to_thread(refer, snapshot, calibration, self._references)
