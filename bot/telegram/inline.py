"""Inline mode: ``@bot orange fruits`` in any chat, from what the bot has sent before."""

from __future__ import annotations

import asyncio
import contextlib

from cachetools import LRUCache
from telegram import InlineQuery, InlineQueryResultCachedPhoto, InlineQueryResultsButton
from telegram.error import BadRequest

from bot.i18n.telegram import telegram_words
from bot.protocol.definitions import MAX_COUNT
from bot.protocol.replies import PictureCard, Pictures, Reply
from bot.protocol.requests import Request
from bot.telegram.messages import PLATFORM, community_of
from bot.telegram.photos import Photo, Photos
from bot.telegram.service import Service
from bot.telegram.text import CAPTION_UNITS, cut, one_line, plain, text_of

_BUTTON_UNITS = 64
_TITLE_UNITS = 128
_CACHE_S = 60
_PATIENCE_S = 5.0
_REMEMBERED = 10_000


class Inline:
    """Answers inline queries over the collections that the asker may search in private.

    Results are file ids that this bot got for pictures it sent before: nothing is uploaded
    while somebody types. ``settle_s`` is how long a query has to stand before it counts as
    asked; only the latest query of a person is searched.
    """

    def __init__(self, service: Service, photos: Photos, *, settle_s: float = 0.35) -> None:
        self._service = service
        self._photos = photos
        self._settle_s = settle_s
        self._latest: LRUCache[int, str] = LRUCache(_REMEMBERED)

    async def ask(self, query: InlineQuery) -> None:
        """Answer one query, with nothing where a newer one has replaced it."""
        person = query.from_user.id
        self._latest[person] = query.id
        text = query.query.strip()
        locale = query.from_user.language_code or "en"
        # In every chat the results are what this person may see.
        request = Request(
            platform=PLATFORM,
            community=community_of(person),
            requester=f"{PLATFORM}:{person}",
            locale=locale,
            command="find",
            options={"query": text, "count": MAX_COUNT},
        )
        await asyncio.sleep(self._settle_s)
        if not text or not self._is_latest(query):
            await self._answer(query, [])
            return
        reply = await self._search(query, request)
        if reply is None:
            await self._answer(query, [])
        elif reply.error is not None:
            await self._answer(query, [], hint=text_of(reply))
        else:
            await self._show(query, reply, request)

    def _is_latest(self, query: InlineQuery) -> bool:
        return self._latest.get(query.from_user.id) == query.id

    async def _search(self, query: InlineQuery, request: Request) -> Reply | None:
        """The page that is asked for, None where a newer query came meanwhile."""
        commands = self._service.commands
        while True:
            # The offset is the action of the "next" button, with the rights of this request.
            reply = await (
                commands.act(query.offset, request) if query.offset else commands.handle(request)
            )
            pause = reply.error.retry_after if reply.error is not None else None
            if not self._is_latest(query):
                return None
            if pause is None or pause > _PATIENCE_S:
                return reply
            # Typing is faster than the pause between two questions: wait instead of refusing.
            await asyncio.sleep(pause)
            if not self._is_latest(query):
                return None

    async def _show(self, query: InlineQuery, reply: Reply, request: Request) -> None:
        cards: tuple[PictureCard, ...] = next(
            (part.cards for part in reply.parts if isinstance(part, Pictures)), ()
        )
        photos = await self._photos.known(cards, request.community)
        following = next((b.action for b in reply.buttons if b.kind == "page"), "")
        said = telegram_words(self._service.presenters(request.locale).words.translate)
        hint = "" if photos else said["inline_ask_first"] if cards else text_of(reply)
        await self._answer(query, photos, following if photos else "", hint=hint)

    async def _answer(
        self, query: InlineQuery, photos: list[Photo], following: str = "", *, hint: str = ""
    ) -> None:
        button = None
        if hint:
            text = cut(one_line(hint), _BUTTON_UNITS)
            button = InlineQueryResultsButton(text, start_parameter="help")
        # Asked too long ago it is refused; whoever typed on has a newer query.
        with contextlib.suppress(BadRequest):
            # is_personal: Telegram must not show one person's results to another.
            await query.answer(
                [_result(photo) for photo in photos],
                cache_time=_CACHE_S if photos else 0,
                is_personal=True,
                next_offset=following,
                button=button,
            )


def _result(photo: Photo) -> InlineQueryResultCachedPhoto:
    assert isinstance(photo.media, str)
    caption = plain(photo.card.caption)
    return InlineQueryResultCachedPhoto(
        id=photo.card.id[:64],
        photo_file_id=photo.media,
        title=cut(one_line(caption), _TITLE_UNITS),
        description=plain(photo.card.score_text),
        caption=cut(caption, CAPTION_UNITS),
    )
