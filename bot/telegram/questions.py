"""Questions in hand when a node is killed: Telegram has forgotten them, another node answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from telegram import Bot, Update, User

from bot.telegram.messages import hear

_TRIES = 3
"""How often a question is begun: one that kills every node that begins it is given up then."""


class QuestionsInHand(Protocol):
    """What several nodes know of the questions that one of them is answering. Raises nothing."""

    async def put(self, bot: int, number: int, body: str) -> None:
        """Keep an update, as JSON, by its number until it is answered."""

    async def drop(self, bot: int, number: int) -> None: ...

    async def left(self, bot: int, *, tries: int) -> Sequence[str]:
        """What a node left behind: each so many times at most, none that waits for minutes."""


class InHand:
    """Keeps each question until it is answered, so that a kill loses none."""

    def __init__(self, kept: QuestionsInHand) -> None:
        self._kept = kept
        self._mine: set[int] = set()
        self._log = structlog.get_logger("telegram")

    async def keep(self, update: Update, me: User) -> None:
        """Before an update is acknowledged: keep what asks the bot."""
        if not _asks(update, me):
            return
        self._mine.add(update.update_id)
        await self._kept.put(me.id, update.update_id, update.to_json())

    async def answered(self, update: Update, bot: Bot) -> None:
        if update.update_id in self._mine:
            self._mine.discard(update.update_id)
            await self._kept.drop(bot.id, update.update_id)

    async def resume(self, bot: Bot, put: Callable[[Update], Awaitable[None]]) -> None:
        """Hand on what a node left behind; to be called by the one that is connected."""
        bodies = await self._kept.left(bot.id, tries=_TRIES)
        for body in bodies:
            update = Update.de_json(json.loads(body), bot)
            self._mine.add(update.update_id)
            await put(update)
        if bodies:
            self._log.info("questions of a node that was killed are answered", count=len(bodies))


def _asks(update: Update, me: User) -> bool:
    """Whether somebody waits for an answer; what is typed inline is asked anew with each letter."""
    said = update.message or update.channel_post
    if said is not None:
        heard = hear([said], me)
        return heard is not None and not heard.unasked
    return update.callback_query is not None
