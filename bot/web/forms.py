"""Multipart bodies, read piece by piece, and how much of them may be in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.chat.admission import Lines
from bot.web.sessions import requester
from core.domain.errors import BadCount, Busy, InvalidRequest, PictureTooLarge

# So much of each form counts nothing: words never wait for other people's pictures.
_UNCOUNTED = 64 * 1024
_AGAIN_S = 5.0
_FIELD_BYTES = 64 * 1024
_PARTS = 64
_CHUNK = 64 * 1024
# What the text fields, boundaries and headers may add to the pictures.
_OVERHEAD = 4 * _FIELD_BYTES
# Forms of one requester that are worked on at once, and those that may wait: a program that
# asks much fills batches with 64, and a flood waits behind itself.
_SHARE = 64
_LINE = 192
# What aiohttp and the decoding of text raise for bodies that they cannot parse.
_UNREADABLE = (
    HttpProcessingError,
    web.RequestPayloadError,
    ValueError,
    AssertionError,
    KeyError,
    EOFError,
)


class UploadMemory:
    """``size`` bytes of memory that forms share, each what has arrived of it.

    A form that sends slowly so holds little, and nobody's turn. Where the room is full, the
    next part waits; ``patience_s`` seconds later the form that has been arriving for the
    longest makes room: an honest sender is done by then.
    """

    def __init__(self, size: int, *, patience_s: float = 2.0) -> None:
        self._free = size
        self._patience_s = patience_s
        self._freed = asyncio.Event()
        # A dict for its order: the first has been arriving for the longest.
        self._arriving: dict[FormUpload, None] = {}

    @asynccontextmanager
    async def place(self) -> AsyncIterator[FormUpload]:
        """A place for one form, for as long as it is in memory."""
        upload = FormUpload(self)
        try:
            yield upload
        finally:
            self._free += upload.held
            self._freed.set()

    @asynccontextmanager
    async def arriving(self, upload: FormUpload) -> AsyncIterator[None]:
        """While a form arrives. Raises Busy where it has to make room."""
        self._arriving[upload] = None
        try:
            async with upload.time:
                yield
        except TimeoutError:
            if not upload.time.expired():
                raise
            raise Busy(
                "Too many pictures are being sent at once, and yours came slowly.",
                retry_after=_AGAIN_S,
            ) from None
        finally:
            self._arriving.pop(upload, None)

    async def take(self, count: int) -> None:
        """Take so many bytes, once they are there."""
        while self._free < count:
            self._freed.clear()
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._freed.wait()
            except TimeoutError:
                self._drop_longest()
        self._free -= count

    def _drop_longest(self) -> None:
        longest = next(iter(self._arriving), None)
        if longest is not None:
            del self._arriving[longest]
            longest.time.reschedule(asyncio.get_running_loop().time())


class FormUpload:
    """One form's place; ``held`` bytes count, and ``time`` ends where it has to make room."""

    def __init__(self, room: UploadMemory) -> None:
        self._room = room
        self._arrived = 0
        self.held = 0
        self.time = asyncio.timeout(None)

    async def take(self, count: int) -> None:
        """Note that so many more bytes arrived; returns once there is room for the next."""
        self._arrived += count
        wanted = self._arrived - _UNCOUNTED - self.held
        if wanted > 0:
            await self._room.take(wanted)
            self.held += wanted


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name, and its pictures (fields called ``image``) in order."""

    fields: Mapping[str, Sequence[str]]
    pictures: Sequence[bytes]

    def text(self, name: str) -> str:
        """The first field of this name, empty where there is none."""
        return next(iter(self.fields.get(name, ())), "")


class Forms:
    """Reads forms: at most ``max_bytes`` of pictures each, ``memory`` bytes of all, or one form."""

    def __init__(self, *, max_bytes: int = 10 * 2**20, memory: int = 120 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._room = UploadMemory(max(memory, self.max_body))
        self._lines = Lines(_SHARE, longest=_LINE)

    @property
    def max_body(self) -> int:
        """The longest body in bytes."""
        return self._max_bytes + _OVERHEAD

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[Form]:
        """The form of a request, in memory for as long as the context lasts.

        Raises PictureTooLarge as soon as the bound is passed, InvalidRequest where the body
        is no form, and Busy where it comes slowly and others need its room.
        """
        if not request.content_type.startswith("multipart/"):
            raise InvalidRequest(
                "The body is no form.", remedy="Send multipart/form-data with a field image."
            )
        if (request.content_length or 0) > self.max_body:
            raise self._too_large()
        async with self._room.place() as upload:
            async with self._room.arriving(upload):
                form = await self._read(request, upload)
            # The turn comes after the body: who sends slowly holds nobody's.
            async with self.turn(request):
                yield form

    @asynccontextmanager
    async def turn(self, request: web.Request) -> AsyncIterator[None]:
        """One of its requester's turns. Raises Busy where too many wait for theirs already."""
        with self._lines.stand(requester(request)) as turn:
            if turn is None:
                raise Busy("Too many of your requests are waiting.", remedy="Send fewer at once.")
            async with turn:
                yield

    async def _read(self, request: web.Request, upload: FormUpload) -> Form:
        fields: dict[str, list[str]] = {}
        pictures: list[bytes] = []
        room, field_room = self._max_bytes, _FIELD_BYTES
        try:
            reader = await request.multipart()
            for _ in range(_PARTS):
                part = await reader.next()
                if part is None:
                    return Form(fields, pictures)
                if not isinstance(part, BodyPartReader):
                    raise _malformed()
                if part.name == "image":
                    pictures.append(data := await self._part(part, room, upload))
                    room -= len(data)
                elif part.filename:
                    raise InvalidRequest(
                        "The field {field} holds a file.",
                        remedy="Send pictures in the field image.",
                        field=(part.name or "?")[:32],
                    )
                else:
                    data = await self._part(part, field_room, upload)
                    field_room -= len(data)
                    fields.setdefault(part.name or "", []).append(data.decode())
        except _UNREADABLE:
            raise _malformed() from None
        raise InvalidRequest(
            "The form has too many fields.", remedy="Send up to {limit}.", limit=_PARTS
        )

    async def _part(self, part: BodyPartReader, room: int, upload: FormUpload) -> bytes:
        data = bytearray()
        while chunk := await part.read_chunk(_CHUNK):
            data += chunk
            if len(data) > room:
                raise self._too_large()
            await upload.take(len(chunk))
        return bytes(data)

    def _too_large(self) -> PictureTooLarge:
        return PictureTooLarge(
            "That picture is larger than {limit} MiB.", limit=self._max_bytes / 2**20
        )


def whole_number(text: str, *, name: str, default: int, low: int, high: int) -> int:
    """A number of a query or form, ``default`` where it is empty. Raises BadCount."""
    text = text.strip()
    if not text:
        return default
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdigit() and len(digits) < 10  # noqa: PLR2004
    if not (is_number and low <= int(text) <= high):
        raise BadCount(
            "{option} cannot be “{text}”.",
            remedy="Give {low} to {high}.",
            option=name,
            text=text[:32],
            low=low,
            high=high,
        )
    return int(text)


def _malformed() -> InvalidRequest:
    return InvalidRequest("The form is malformed.", remedy="Send multipart/form-data.")
