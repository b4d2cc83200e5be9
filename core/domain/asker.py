"""Who asks, for what happens far below the place where they were admitted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Asker:
    """A person whose request was admitted; ``charge`` makes it count as several more."""

    requester: str
    charge: Callable[[], Awaitable[None]]


asked_by: Final[ContextVar[Asker | None]] = ContextVar("asked_by", default=None)
"""Set by ``RateLimiter.admit`` for the task that goes on. None: the operator's own work."""
