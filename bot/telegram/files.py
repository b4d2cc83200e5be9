"""Pictures in messages: which file is meant, and how its bytes are fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import (
    Animation,
    Bot,
    Document,
    ExternalReplyInfo,
    Message,
    PhotoSize,
    Sticker,
    Video,
    VideoNote,
)
from telegram.error import BadRequest, NetworkError, TelegramError

from bot.protocol.requests import Attachment
from bot.telegram.http import TooLongError
from core.domain.errors import NotAPicture, PictureTooLarge, Unavailable
from core.images.formats import reads_videos

MAX_DOWNLOAD = 20 * 2**20
"""Bytes that "getFile" hands over at most (Bot API)."""

# Encoders look at no more than 384 pixels and a contact sheet shows 496: the smallest copy
# with as many is as good as the largest, and fetched sooner.
_ENOUGH_PIXELS = 512
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file of a message. ``size`` in bytes, None where Telegram does not say it."""

    file_id: str
    size: int | None = None
    is_picture: bool = True


def file_of(message: Message | ExternalReplyInfo | None, *, whole: bool = False) -> FileRef | None:
    """The picture of a message: a photo, a document, a sticker, an animation or a video.

    Of what moves it is the still where nothing is installed that reads it, or where it is larger
    than Telegram hands over. A document that is no picture is returned as such, so that it can be
    said. Of a photo it is the smallest copy that a search needs, or the largest where ``whole``.
    """
    if message is None:
        return None
    if message.photo:
        photo = message.photo[-1] if whole else _enough(message.photo)
        return FileRef(photo.file_id, photo.file_size)
    if message.sticker is not None and message.sticker.is_animated:
        return _still(message.sticker.thumbnail)  # a drawing of vectors, without frames
    document = None if message.animation is not None else message.document
    kind = (document.mime_type if document is not None else None) or "image/unknown"
    if document is not None and not kind.startswith("video/"):
        return FileRef(document.file_id, document.file_size, kind.startswith("image/"))
    if message.sticker is not None and not message.sticker.is_video:
        return _whole(message.sticker)
    moving = message.sticker or message.animation or document or message.video or message.video_note
    return None if moving is None else _moving(moving)


def posted_picture(message: Message, *, moving: bool = False) -> FileRef | None:
    """The picture of a message that is one beyond doubt, no other file.

    ``moving``: what moves is one, too, where something is installed that reads it.
    """
    moving = moving and reads_videos()
    if message.photo:
        return file_of(message)
    if message.sticker is not None:
        moves = message.sticker.is_animated or message.sticker.is_video
        return None if moves and not moving else file_of(message)
    if message.animation or message.video or message.video_note:
        return file_of(message) if moving else None
    if message.document is None:
        return None
    kinds = ("image/", "video/") if moving else ("image/",)
    named = (message.document.mime_type or "").startswith(kinds)
    return file_of(message) if named else None


def _enough(sizes: Sequence[PhotoSize]) -> PhotoSize:
    ordered = sorted(sizes, key=lambda size: size.width * size.height)
    good = (size for size in ordered if min(size.width, size.height) >= _ENOUGH_PIXELS)
    return next(good, ordered[-1])


def _whole(file: Animation | Video | VideoNote | Document | Sticker) -> FileRef:
    return FileRef(file.file_id, file.file_size)


def _moving(file: Animation | Video | VideoNote | Document | Sticker) -> FileRef:
    """All of what moves, else its still; where it has none, the whole file, which is refused."""
    readable = reads_videos() and (file.file_size or 0) <= MAX_DOWNLOAD
    return _whole(file) if readable or file.thumbnail is None else _still(file.thumbnail)


def _still(thumbnail: PhotoSize | None) -> FileRef:
    if thumbnail is None:
        return FileRef("", is_picture=False)
    return FileRef(thumbnail.file_id, thumbnail.file_size)


class FileFetcher:
    """Fetches files through the bot: at most ``max_bytes`` each, in ``timeout_s`` seconds."""

    def __init__(self, bot: Bot, *, max_bytes: int, timeout_s: float = 10.0) -> None:
        self._bot = bot
        self._max_bytes = min(max_bytes, MAX_DOWNLOAD)
        self._timeout_s = timeout_s

    def attachments(self, refs: Sequence[FileRef]) -> tuple[Attachment, ...]:
        """The files as pictures of a request, fetched when they are needed."""
        return tuple(_TelegramPicture(self, ref) for ref in refs)

    async def fetch(self, ref: FileRef) -> bytes:
        """The bytes. Raises NotAPicture, PictureTooLarge and Unavailable."""
        if not ref.is_picture:
            raise NotAPicture(
                "That file is not a picture.", remedy="Send a photo, or a picture as a file."
            )
        self._check(ref.size)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._download(ref)
        except TimeoutError:
            raise _unavailable() from None

    async def _download(self, ref: FileRef) -> bytes:
        for left in reversed(range(_ATTEMPTS)):
            try:
                file = await self._bot.get_file(ref.file_id)
                self._check(file.file_size)
                data = bytes(await file.download_as_bytearray())
            except BadRequest as error:
                if "too big" in error.message.lower():
                    raise self._too_large() from None
                raise _unavailable() from error
            except NetworkError as error:
                if isinstance(error.__cause__, TooLongError):
                    raise self._too_large() from None
                if not left:
                    raise _unavailable() from error
            except TelegramError as error:
                raise _unavailable() from error
            else:
                self._check(len(data))
                return data
        raise _unavailable()

    def _check(self, size: int | None) -> None:
        if size is not None and size > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> PictureTooLarge:
        return PictureTooLarge(
            "That picture is larger than {limit} MiB.",
            remedy="Send it as a photo instead of a file, or a smaller one.",
            limit=self._max_bytes / 2**20,
        )


@dataclass(frozen=True, slots=True)
class _TelegramPicture:
    files: FileFetcher
    ref: FileRef

    async def read(self) -> bytes:
        return await self.files.fetch(self.ref)


def _unavailable() -> Unavailable:
    return Unavailable(
        "The picture could not be fetched from Telegram.",
        remedy="Send it again in a moment.",
        retry_after=5.0,
    )
