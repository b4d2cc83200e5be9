"""Bulk work asks a busy encoder again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.domain.errors import Busy

R = TypeVar("R")

_PATIENCE_SECONDS = 5.0
"""The longest wait before it is asked again."""


async def patiently(call: Callable[[], Awaitable[R]]) -> R:
    """Ask the encoder, as often as it takes; bulk work has time."""
    while True:
        try:
            return await call()
        except Busy as busy:
            await asyncio.sleep(min(busy.retry_after, _PATIENCE_SECONDS))
