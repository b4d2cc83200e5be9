"""The slow look at all posts: which of them the platform has no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from core.domain.ports import ChannelPosts
from core.domain.repeating import repeated


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


async def keep_looking(once: Callable[[], Awaitable[None]], *, every_s: float) -> NoReturn:
    """Look from time to time, until cancelled."""
    await repeated(once, "posts not swept", every_s, first_s=every_s, quotes_people=True)
