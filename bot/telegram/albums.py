"""Albums arrive as single messages that share an id: put together, they get one answer."""

from __future__ import annotations

import asyncio

from cachetools import TTLCache
from telegram import Message

from core.domain.ports import Clock

_REMEMBERED = 10_000
_LATE_S = 300.0
MOST = 10
"""Pictures of an album at most (Bot API, "sendMediaGroup")."""


class Albums:
    """Gathers the messages of an album until none came for ``quiet_s`` seconds."""

    def __init__(self, clock: Clock, *, quiet_s: float = 0.6) -> None:
        self._quiet_s = quiet_s
        self._open: dict[tuple[int, str], list[Message]] = {}
        self._done: TTLCache[tuple[int, str], bool] = TTLCache(
            _REMEMBERED, _LATE_S, clock.monotonic
        )

    def is_late(self, message: Message) -> bool:
        """Whether a message belongs to an album that was answered already."""
        return (message.chat.id, message.media_group_id) in self._done

    async def gather(self, message: Message) -> list[Message] | None:
        """The whole album in its order for one of its messages, None for all the others.

        A message that is no part of an album is returned alone and at once; a part that
        comes after the album was answered gets None too.
        """
        if message.media_group_id is None:
            return [message]
        key = (message.chat.id, message.media_group_id)
        if key in self._done:
            return None
        if key in self._open:
            self._open[key].append(message)
            return None
        album = self._open[key] = [message]
        try:
            while True:
                before = len(album)
                await asyncio.sleep(self._quiet_s)
                if len(album) in {before, MOST}:
                    break
        finally:
            del self._open[key]
            self._done[key] = True
        return sorted(album, key=lambda part: part.message_id)
