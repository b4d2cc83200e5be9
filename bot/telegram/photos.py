"""The pictures of a collection as Telegram takes them, each uploaded once per bot."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from PIL import Image
from telegram import Bot, Message

from bot.protocol.replies import PictureCard
from bot.rendering.thumbnails import Thumbnails
from bot.telegram.memory import TelegramMemory
from core.domain.errors import TangerineError
from core.domain.ports import Library
from core.domain.types import Picture

EDGE = 1280
"""Pixels of the longer edge: what Telegram's own apps send."""

# sendPhoto refuses a longer side of more than 20 times the shorter one (Bot API).
_LONGEST = 20
_PAPER = (255, 255, 255)

_Located = tuple[Picture, Path]


@dataclass(frozen=True, slots=True)
class Photo:
    """One hit ready to be sent: a file id of this bot, or a JPEG.

    ``content`` is its SHA-256, with the frame that is shown where it moves.
    """

    card: PictureCard
    content: str
    media: str | bytes


class Turns:
    """Lets one at a time do something under each name; for different names, all at once.

    After ``patience_s`` seconds a waiter goes on all the same: a second upload is better
    than no answer while the first one waits for a busy chat.
    """

    def __init__(self, patience_s: float = 5.0) -> None:
        self._patience_s = patience_s
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Wait for one's turn under each of the names, and hold it inside the block."""
        async with AsyncExitStack() as stack:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    # In one order, so that no two wait for each other.
                    for name in sorted(set(names)):
                        lock = self._locks.setdefault(name, asyncio.Lock())
                        await stack.enter_async_context(lock)
            yield


class Photos:
    """Prepares hits for sending and remembers what Telegram keeps of them."""

    def __init__(
        self, bot: Bot, library: Library, thumbnails: Thumbnails, memory: TelegramMemory
    ) -> None:
        self._bot = bot
        self._library = library
        self._thumbnails = thumbnails
        self._memory = memory
        self._turns = Turns()

    async def known(self, cards: Sequence[PictureCard], community: str) -> list[Photo]:
        """Those of the hits that this bot has sent before, best first."""
        return await self._known(await self._located(cards, community))

    @asynccontextmanager
    async def ready(
        self, cards: Sequence[PictureCard], community: str, *, fresh: bool = False
    ) -> AsyncIterator[list[Photo]]:
        """The hits as photos to send inside the block; one whose file is gone is missing.

        ``fresh`` forgets what was known of them and takes the bytes again. While the block
        sends a picture for the first time, others who need it wait, and then use its file id.
        """
        located = await self._located(cards, community)
        if fresh:
            hashes = [_content(card, picture) for card, (picture, _) in located.items()]
            await self._memory.forget_file_ids(self._bot.id, hashes)
        known = {photo.card: photo for photo in await self._known(located)}
        if not fresh:
            # The original of a post is on Telegram already: nothing better could be uploaded.
            known.update(
                (card, Photo(card, _content(card, picture), card.post.file_id))
                for card, (picture, _) in located.items()
                if card.post is not None and card.post.file_id
            )
        missing = {card: found for card, found in located.items() if card not in known}
        async with self._turns.of(_content(card, found[0]) for card, found in missing.items()):
            if missing:
                known.update((photo.card, photo) for photo in await self._known(missing))
            made = await asyncio.gather(
                *(self._make(card, *missing[card]) for card in missing if card not in known)
            )
            known.update((photo.card, photo) for photo in made if photo is not None)
            yield [known[card] for card in cards if card in known]

    async def sent(
        self, chat_id: int, photos: Sequence[Photo], messages: Sequence[Message]
    ) -> None:
        """Remember which message shows what, and under which id Telegram keeps an upload."""
        shown = {}
        for photo, message in zip(photos, messages, strict=False):
            shown[message.message_id] = photo.card.id
            if isinstance(photo.media, bytes) and message.photo:
                file_id = message.photo[-1].file_id
                await self._memory.keep_file_id(self._bot.id, photo.content, file_id)
        await self._memory.keep_shown(self._bot.id, chat_id, shown)

    async def _known(self, located: Mapping[PictureCard, _Located]) -> list[Photo]:
        hashes = {card: _content(card, picture) for card, (picture, _) in located.items()}
        ids = await self._memory.file_ids(self._bot.id, list(hashes.values()))
        return [Photo(card, sha, ids[sha]) for card, sha in hashes.items() if sha in ids]

    async def _located(
        self, cards: Sequence[PictureCard], community: str
    ) -> dict[PictureCard, _Located]:
        """Each picture that the community may see now, with its file."""

        async def located(card: PictureCard) -> _Located | None:
            try:
                return await self._library.picture_file(card.id, community)
            except TangerineError:
                return None

        found = await asyncio.gather(*map(located, cards))
        return {card: each for card, each in zip(cards, found, strict=True) if each is not None}

    async def _make(self, card: PictureCard, picture: Picture, path: Path) -> Photo | None:
        try:
            jpeg = await self._thumbnails.get(picture.sha256, path, EDGE, at_s=card.at_s)
        except TangerineError:
            return None
        return Photo(card, _content(card, picture), await asyncio.to_thread(_sendable, jpeg))


def _content(card: PictureCard, picture: Picture) -> str:
    """What is shown of a picture: its content, and of one that moves which frame."""
    return f"{picture.sha256}@{card.at_s:.3f}" if card.at_s else picture.sha256


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
