"""The pictures of a collection as Telegram takes them, each uploaded once per bot."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from telegram import Bot, Message

from bot.replies import PictureCard
from bot.telegram_memory import TelegramMemory
from bot.thumbnails import Thumbnails
from core.errors import TangerineError
from core.ports import Library

EDGE = 1280
"""Pixels of the longer edge: what Telegram's own apps send."""

# sendPhoto refuses a longer side of more than 20 times the shorter one (Bot API).
_LONGEST = 20
_PAPER = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Photo:
    """One hit ready to be sent: a file id of this bot, or a JPEG."""

    card: PictureCard
    sha256: str
    media: str | bytes


class Photos:
    """Prepares hits for sending and remembers what Telegram keeps of them."""

    def __init__(
        self, bot: Bot, library: Library, thumbnails: Thumbnails, memory: TelegramMemory
    ) -> None:
        self._bot = bot
        self._library = library
        self._thumbnails = thumbnails
        self._memory = memory

    async def known(self, cards: Sequence[PictureCard], community: str) -> list[Photo]:
        """Those of the hits that this bot has sent before, best first."""
        hashes = dict(zip(cards, await self._hashes(cards, community), strict=True))
        ids = await self._memory.file_ids(self._bot.id, [h for h in hashes.values() if h])
        return [Photo(card, sha, ids[sha]) for card, sha in hashes.items() if sha and sha in ids]

    async def ready(
        self, cards: Sequence[PictureCard], community: str, *, fresh: bool = False
    ) -> list[Photo]:
        """The hits as photos; one whose file is gone or broken is missing.

        ``fresh`` forgets what was known of them and takes the bytes again.
        """
        if fresh:
            hashes = [h for h in await self._hashes(cards, community) if h]
            await self._memory.forget_file_ids(self._bot.id, hashes)
        known = {photo.card: photo for photo in await self.known(cards, community)}
        made = await asyncio.gather(
            *(self._make(card, community) for card in cards if card not in known)
        )
        known.update((photo.card, photo) for photo in made if photo is not None)
        return [known[card] for card in cards if card in known]

    async def sent(self, photos: Sequence[Photo], messages: Sequence[Message]) -> None:
        """Remember the file ids under which Telegram keeps what was just uploaded."""
        for photo, message in zip(photos, messages, strict=False):
            if isinstance(photo.media, bytes) and message.photo:
                file_id = message.photo[-1].file_id
                await self._memory.keep_file_id(self._bot.id, photo.sha256, file_id)

    async def _hashes(self, cards: Sequence[PictureCard], community: str) -> list[str | None]:
        async def sha256(card: PictureCard) -> str | None:
            try:
                picture, _ = await self._library.picture_file(card.id, community)
            except TangerineError:
                return None
            return picture.sha256

        return await asyncio.gather(*map(sha256, cards))

    async def _make(self, card: PictureCard, community: str) -> Photo | None:
        try:
            picture, path = await self._library.picture_file(card.id, community)
            jpeg = await self._thumbnails.get(picture.sha256, path, EDGE)
        except TangerineError:
            return None
        return Photo(card, picture.sha256, await asyncio.to_thread(_sendable, jpeg))


def _sendable(jpeg: bytes) -> bytes:
    """The same JPEG, on a white ground where it is too long for a photo."""
    with Image.open(io.BytesIO(jpeg)) as image:
        width, height = image.size
        shortest = -(-max(width, height) // _LONGEST)
        if min(width, height) >= shortest:
            return jpeg
        ground = Image.new("RGB", (max(width, shortest), max(height, shortest)), _PAPER)
        ground.paste(
            image.convert("RGB"), ((ground.width - width) // 2, (ground.height - height) // 2)
        )
    out = io.BytesIO()
    ground.save(out, "JPEG", quality=90)
    return out.getvalue()
