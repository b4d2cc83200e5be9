"""Pictures that come with Discord's messages, fetched by Discord's own client, within bounds.

No address that a user wrote is ever opened: attachments and stickers lie on Discord's own
servers, previews of links are left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import aiohttp
import discord

from core.domain.errors import NotFound, PictureTooLarge, Unavailable
from core.images.formats import reads_videos

QUERY = "query"
"""The name, without its suffix, of the file in which a reply keeps the asked picture."""

_MIB = 2**20
_CHUNK = 64 * 1024
# Discord knows no type for these, though they are pictures (a phone's HEIC, for one).
_SUFFIXES = (
    *(".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heics", ".heif", ".heifs"),
    *(".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"),
)
_VIDEOS = (".m4v", ".mkv", ".mov", ".mp4", ".webm")
_STICKERS = frozenset(
    {
        discord.StickerFormatType.png,
        discord.StickerFormatType.apng,
        discord.StickerFormatType.gif,
    }
)


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """``max_bytes`` of one picture and ``timeout_s`` for fetching it."""

    max_bytes: int = 10 * _MIB
    timeout_s: float = 10.0


class _Readable(Protocol):
    async def read(self) -> bytes: ...


class _OnCdn:
    """What a message shows by its components, of which Discord tells no size.

    The library gives these no way to be read. They are fetched from Discord's own proxy, never
    from where a stranger's component points, and no further than the first byte too many.
    """

    def __init__(self, url: str, max_bytes: int) -> None:
        self._url = url
        self._most = max_bytes + 1

    async def read(self) -> bytes:
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(self._url, allow_redirects=False) as response,
        ):
            if response.status == HTTPStatus.NOT_FOUND:
                raise discord.NotFound(response, "")
            if response.status != HTTPStatus.OK:
                raise aiohttp.ClientError(f"status {response.status}")
            data = bytearray()
            while len(data) < self._most:
                chunk = await response.content.read(min(_CHUNK, self._most - len(data)))
                if not chunk:
                    break
                data += chunk
            return bytes(data)


class PostedPicture:
    """One picture of a message, fetched when it is first read and kept from then on.

    ``size`` is what Discord says of it, in bytes, None where it says nothing.
    """

    def __init__(self, source: _Readable, size: int | None, bounds: FetchBounds) -> None:
        self._source = source
        self._size = size
        self._bounds = bounds
        self.data: bytes | None = None

    async def read(self) -> bytes:
        """Its bytes. Raises PictureTooLarge, NotFound, and Unavailable."""
        if self.data is None:
            self._check(self._size or 0)
            data = await self._fetch()
            self._check(len(data))
            self.data = data
        return self.data

    def _check(self, size: int) -> None:
        if size > self._bounds.max_bytes:
            raise PictureTooLarge(
                "This picture has {size} MiB; at most {limit} MiB are accepted.",
                size=round(size / _MIB, 1),
                limit=self._bounds.max_bytes / _MIB,
            )

    async def _fetch(self) -> bytes:
        try:
            async with asyncio.timeout(self._bounds.timeout_s):
                return await self._source.read()
        except discord.NotFound:
            raise NotFound("The picture is not here any more.", remedy="Send it again.") from None
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                "Discord did not hand over that picture.",
                remedy="Send it again in a moment.",
                retry_after=5.0,
            ) from error


def attached(attachment: discord.Attachment, bounds: FetchBounds) -> PostedPicture:
    """An attachment as it is, whatever it holds: the decoder tells if it is no picture."""
    return PostedPicture(attachment, attachment.size, bounds)


def pictures_of(
    message: discord.Message | discord.MessageSnapshot,
    bounds: FetchBounds,
) -> tuple[PostedPicture, ...]:
    """The pictures of a message: attached, forwarded, in a gallery, and stickers."""
    found: list[PostedPicture] = [
        attached(item, bounds) for item in message.attachments if is_picture(item)
    ]
    if isinstance(message, discord.Message):
        for snapshot in message.message_snapshots:
            found += pictures_of(snapshot, bounds)
        found += (
            PostedPicture(_OnCdn(_url_of(media), bounds.max_bytes), None, bounds)
            for media in _media_of(message.components)
            # Anything else in a gallery is a link that somebody wrote.
            if media.attachment_id is not None and not message.attachments
        )
    found += (
        PostedPicture(sticker, None, bounds)
        for sticker in message.stickers
        if sticker.format in _STICKERS
    )
    return tuple(found)


def asked_picture(
    message: discord.Message | None, bounds: FetchBounds
) -> tuple[PostedPicture, ...]:
    """The picture that a reply of ours answered, kept in the reply itself."""
    if message is None:
        return ()
    media = (
        item
        for item in _media_of(message.components)
        if item.url.partition("?")[0].rsplit("/", 1)[-1].startswith(f"{QUERY}.")
    )
    return tuple(
        PostedPicture(_OnCdn(_url_of(item), bounds.max_bytes), None, bounds) for item in media
    )


def embedded(proxy_url: str, bounds: FetchBounds) -> PostedPicture:
    """What Discord shows of a link, from its own proxy."""
    return PostedPicture(_OnCdn(proxy_url, bounds.max_bytes), None, bounds)


def _url_of(media: discord.UnfurledMediaItem) -> str:
    return media.proxy_url or media.url


def is_picture(attachment: discord.Attachment) -> bool:
    """Whether a file is a picture, still or moving, by its type or its name."""
    kind, name = attachment.content_type or "", attachment.filename.lower()
    return kind.startswith(("image/", "video/")) or name.endswith((*_SUFFIXES, *_VIDEOS))


def is_read(attachment: discord.Attachment) -> bool:
    """Whether a picture may be read here: videos where something is installed that does."""
    kind, name = attachment.content_type or "", attachment.filename.lower()
    video = kind.startswith("video/") or name.endswith(_VIDEOS)
    return is_picture(attachment) and (reads_videos() or not video)


def _media_of(components: Sequence[object]) -> Iterator[discord.UnfurledMediaItem]:
    for component in components:
        if isinstance(component, discord.MediaGalleryComponent):
            yield from (item.media for item in component.items)
        elif isinstance(component, discord.ThumbnailComponent):
            yield component.media
        elif isinstance(component, discord.SectionComponent):
            yield from _media_of([*component.children, component.accessory])
        elif isinstance(component, discord.Container):
            yield from _media_of(component.children)
