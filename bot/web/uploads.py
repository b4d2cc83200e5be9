"""How much of what is being sent to us may be in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.domain.errors import Busy

# So much of each form counts nothing: words never wait for other people's pictures.
_UNCOUNTED = 64 * 1024
_AGAIN_S = 5.0


class UploadMemory:
    """``size`` bytes of memory that forms share, each what has arrived of it.

    A form that sends slowly so holds little, and nobody's turn. Where the room is full, the
    next part waits; ``patience_s`` seconds later the form that has been arriving for the
    longest makes room: whoever sends in earnest is done by then.
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
