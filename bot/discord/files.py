"""The pictures of one reply as files that Discord takes: within its sizes, in its formats."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import discord

from bot.discord.attachments import QUERY
from bot.protocol.replies import Document, PictureCard
from bot.rendering.thumbnails import Thumbnails
from core.domain.errors import TangerineError
from core.domain.ports import Library, PictureDecoder
from core.domain.types import Picture
from core.domain.viewer import Viewer

REQUEST_LIMIT = 24 * 2**20
"""Bytes of all files of one message: Discord takes 25 MiB a request, texts included."""

MESSAGE_FILES = 10
"""Files of one message (developers' reference, "Uploading Files")."""

# A screen's width first; smaller where the pictures would not fit into one message.
_EDGES = (1280, 640, 320)
# What Discord's clients show inline, by the first bytes of the file.
_SHOWN: Mapping[bytes, str] = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF8": "gif",
}


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file of a message. Its ``name`` is plain ASCII and unique in the message."""

    name: str
    data: bytes

    @property
    def uri(self) -> str:
        """How components of the same message name it."""
        return f"attachment://{self.name}"

    def file(self) -> discord.File:
        """A file to send, once: sending closes it."""
        return discord.File(io.BytesIO(self.data), self.name)


class ReplyFiles:
    def __init__(self, library: Library, thumbnails: Thumbnails, decoder: PictureDecoder) -> None:
        self._library = library
        self._thumbnails = thumbnails
        self._decoder = decoder

    async def gallery(
        self, cards: Sequence[PictureCard], community: Viewer | str, *, limit: int, room: int
    ) -> dict[str, FileUpload]:
        """JPEGs by the pictures' ids, each of at most ``limit`` bytes and ``room`` in all.

        Those that Discord shows from a post need none.

        As large as they can be; a picture whose file is gone or broken is missing.
        """
        cards = [card for card in cards if not shown_from(card)]
        located = await asyncio.gather(*(self._located(card.id, community) for card in cards))
        for edge in _EDGES:
            jpegs = await asyncio.gather(
                *(
                    self._thumbnail(found, edge, card.at_s)
                    for card, found in zip(cards, located, strict=True)
                )
            )
            sizes = [len(jpeg) for jpeg in jpegs if jpeg is not None]
            if not sizes or (max(sizes) <= limit and sum(sizes) <= room):
                break
        uploads: dict[str, FileUpload] = {}
        for card, jpeg in zip(cards, jpegs, strict=True):
            if jpeg is not None and len(jpeg) <= min(limit, room):
                room -= len(jpeg)
                uploads[card.id] = FileUpload(f"{card.number}.jpg", jpeg)
        return uploads

    async def query(self, data: bytes, *, limit: int) -> FileUpload | None:
        """The asked picture, as it came where Discord shows it, else as a JPEG.

        None where it cannot be read: the buttons that need it then say so.
        """
        suffix = _suffix(data)
        if suffix is not None and len(data) <= limit:
            return FileUpload(f"{QUERY}.{suffix}", data)
        try:
            jpeg = await self._decoder.thumbnail(data, _EDGES[0])
        except TangerineError:
            return None
        return FileUpload(f"{QUERY}.jpg", jpeg) if len(jpeg) <= limit else None

    async def _located(
        self, picture_id: str, community: Viewer | str
    ) -> tuple[Picture, Path] | None:
        try:
            return await self._library.picture_file(picture_id, community)
        except TangerineError:
            return None

    async def _thumbnail(
        self, located: tuple[Picture, Path] | None, edge: int, at_s: float | None
    ) -> bytes | None:
        if located is None:
            return None
        picture, path = located
        try:
            return await self._thumbnails.get(picture.sha256, path, edge, at_s=at_s)
        except TangerineError:
            return None


def shown_from(card: PictureCard) -> str:
    """The address at which Discord has the picture of a post itself, empty where it does not."""
    return card.post.file_id if card.post is not None else ""


Parcel = Mapping[int, FileUpload]
"""Files of one message, by their place among the documents of a reply."""


def parcels(
    documents: Sequence[Document], *, limit: int, taken: Sequence[FileUpload] = ()
) -> list[Parcel]:
    """The documents, shared out over as many messages as they need.

    The first message, always there, carries the ``taken`` files already. A document of more
    than ``limit`` bytes, which Discord would refuse, is in none.
    """
    parcel: dict[int, FileUpload] = {}
    found: list[Parcel] = [parcel]
    count, room = len(taken), REQUEST_LIMIT - sum(len(upload.data) for upload in taken)
    for place, document in enumerate(documents):
        size = len(document.data)
        if size > limit:
            continue
        if count == MESSAGE_FILES or size > room:
            parcel = {}
            found.append(parcel)
            count, room = 0, REQUEST_LIMIT
        parcel[place] = FileUpload(_file_name(place, document.name), document.data)
        count, room = count + 1, room - size
    return found


def _file_name(place: int, name: str) -> str:
    # Discord renames what it does not like, and a component that names the file then finds none.
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("-._")
    return f"{place + 1}-{plain}" if place else plain or "file"


def _suffix(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((suffix for start, suffix in _SHOWN.items() if data.startswith(start)), None)
