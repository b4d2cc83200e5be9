"""What a batcher is told of its items, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from core.domain.types import Lane

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kinship(Generic[T]):
    """Which of the waiting items are cheaper together.

    ``at_once``: different items in one call, where more gain nothing (a CPU is busy with few).
    ``cost``: items of like cost go together, so that little is padded. ``key``: equal keys
    are one item, and are answered by one call however many they are.
    """

    at_once: int
    cost: Callable[[T], float]
    key: Callable[[T], Hashable]


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What one call of the backend was: for metrics.

    ``waits`` are the seconds each item spent in the queue, ``seconds`` the time of the call,
    ``failed`` whether it raised.
    """

    lane: Lane
    group: Hashable
    size: int
    waits: tuple[float, ...]
    seconds: float
    failed: bool


@dataclass(frozen=True, slots=True)
class BatcherHealth:
    """Whether requests are being served.

    ``alive``: a worker exists; ``restarts``: how often it died and was replaced;
    ``restarted_ago``: seconds since the last time, None for never; ``running_for``: seconds
    that the present call of the backend has taken, None while idle; ``queued``: items that
    wait; ``trouble``: why nobody is served for another reason, None where there is none.
    """

    alive: bool
    restarts: int
    restarted_ago: float | None
    running_for: float | None
    queued: int
    trouble: str | None = None

    @classmethod
    def of(cls, parts: Sequence[BatcherHealth]) -> Self:
        """The health of several batchers as one: as bad as the worst of them."""
        restarted = [p.restarted_ago for p in parts if p.restarted_ago is not None]
        running = [p.running_for for p in parts if p.running_for is not None]
        return cls(
            alive=all(p.alive for p in parts),
            restarts=sum(p.restarts for p in parts),
            restarted_ago=min(restarted, default=None),
            running_for=max(running, default=None),
            queued=sum(p.queued for p in parts),
            trouble=next((p.trouble for p in parts if p.trouble), None),
        )
