"""The slow look at all posts: which of them the platform has no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from core.domain.ports import ChannelPosts

_log = structlog.get_logger(__name__)


async def look_at_posts(
    channels: ChannelPosts,
    chat: str,
    look: Callable[[Sequence[int]], Awaitable[int]],
    *,
    at_once: int,
) -> None:
    """Hand all messages of a chat that have posts to ``look``, ``at_once`` ascending ones a time.

    ``look`` returns the last of them that it looked at; behind that one it goes on. Raises
    CatalogueError and what ``look`` raises.
    """
    last = 0
    while known := await channels.after(chat, last, at_once):
        last = await look(known)


async def keep_looking(once: Callable[[], Awaitable[None]], *, every_s: float) -> None:
    """Look from time to time, until cancelled."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await once()
        except Exception as error:  # noqa: BLE001 - one defect must not end all later sweeps
            _log.error("posts not swept", error=type(error).__name__)
