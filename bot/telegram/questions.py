"""Questions in hand when a node is killed: Telegram has forgotten them, another node answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from cachetools import LRUCache
from telegram import Bot, Update, User

from bot.telegram.messages import hear

_TRIES = 3
"""How often a question is begun: one that kills every node that begins it is given up then."""


_ALBUMS = 1_000


class QuestionsInHand(Protocol):
    """What several nodes know of the questions that one of them is answering. Raises nothing."""

    async def put(self, bot: int, number: int, body: str) -> None:
        """Keep an update, as JSON, by its number until it is answered."""

    async def drop(self, bot: int, number: int) -> None: ...

    async def left(self, bot: int, *, tries: int) -> Sequence[str]:
        """What a node left behind: each so many times at most, none that waits for minutes."""


@dataclass(slots=True)
class _AlbumInHand:
    """Its parts so far, whether any of them asks, and those that are not done with."""

    asks: bool = False
    parts: list[Update] = field(default_factory=list)
    under_way: set[int] = field(default_factory=set)

    def add(self, update: Update) -> None:
        self.parts.append(update)
        self.under_way.add(update.update_id)


class InHand:
    """Keeps each question until it is answered, so that a kill loses none.

    All parts of an album are kept as soon as one of them asks, until all are done with: the first
    one to come is answered with the pictures of the others.
    """

    def __init__(self, kept: QuestionsInHand) -> None:
        self._kept = kept
        self._mine: set[int] = set()
        self._albums: LRUCache[tuple[int, str], _AlbumInHand] = LRUCache(_ALBUMS)
        self._log = structlog.get_logger("telegram")

    async def keep(self, update: Update, me: User) -> None:
        """Before an update is acknowledged: keep what asks the bot."""
        album, parts, asks = self._album_with(update), [update], _asks(update, me)
        if album is not None:
            album.asks |= asks
            parts, asks = album.parts, album.asks
        for each in parts if asks else ():
            if each.update_id not in self._mine:
                self._mine.add(each.update_id)
                await self._kept.put(me.id, each.update_id, each.to_json())

    async def answered(self, update: Update, bot: Bot) -> None:
        parts, key = [update], _album_of(update)
        album = None if key is None else self._albums.get(key)
        if key is not None and album is not None:
            album.under_way.discard(update.update_id)
            if album.under_way:
                return
            del self._albums[key]
            parts = album.parts
        for each in parts:
            if each.update_id in self._mine:
                self._mine.discard(each.update_id)
                await self._kept.drop(bot.id, each.update_id)

    async def resume(self, bot: Bot, put: Callable[[Update], Awaitable[None]]) -> None:
        """Hand on what a node left behind; to be called by the one that is connected."""
        bodies = await self._kept.left(bot.id, tries=_TRIES)
        updates = [Update.de_json(json.loads(body), bot) for body in bodies]
        for update in updates:
            self._mine.add(update.update_id)
            album = self._album_with(update)
            if album is not None:
                album.asks = True
        for update in updates:
            await put(update)
        if bodies:
            self._log.info("questions of a node that was killed are answered", count=len(bodies))

    def _album_with(self, update: Update) -> _AlbumInHand | None:
        """The album of which an update is a part, with it."""
        key = _album_of(update)
        if key is None:
            return None
        album = self._albums.setdefault(key, _AlbumInHand())
        if update.update_id not in album.under_way:
            album.add(update)
        return album


def _album_of(update: Update) -> tuple[int, str] | None:
    said = update.message or update.channel_post
    if said is None or said.media_group_id is None:
        return None
    return said.chat.id, said.media_group_id


def _asks(update: Update, me: User) -> bool:
    """Whether somebody waits for an answer; what is typed inline is asked anew with each letter."""
    said = update.message or update.channel_post
    if said is not None:
        heard = hear([said], me)
        return heard is not None and not heard.unasked
    return update.callback_query is not None
