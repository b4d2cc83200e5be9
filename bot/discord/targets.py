"""Where an answer goes: below a message here, back to an interaction in its own module.

discord.py itself waits out rate limits and repeats requests that met a server error. It does
not repeat those whose connection broke on Linux (it looks for the error numbers of macOS and
Windows), so that is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import aiohttp
import discord

from bot.discord.layout import MessageDraft

DELIVERY_ERRORS = (discord.DiscordException, aiohttp.ClientError, OSError)
"""What may go wrong on the way to Discord."""

BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)
ATTEMPTS = 3
PAUSE_S = 0.2
# A code of Discord's errors (developers' reference, "JSON Error Codes").
_MAY_NOT_REFER = 160002

_T = TypeVar("_T")


async def again(call: Callable[[], Awaitable[_T]]) -> _T:
    """The result of ``call``, repeated where the connection broke: three times at most."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return await call()
        except BROKEN:
            await asyncio.sleep(PAUSE_S * 2**attempt)
    return await call()


class Target(Protocol):
    """One answer's place. It is drawn there once or, as work goes on, over and over."""

    @property
    def limit(self) -> int:
        """Bytes of one file that Discord takes there."""

    @property
    def whispers(self) -> bool:
        """Whether it can show something to the asker alone right where they asked."""

    @property
    def private(self) -> bool:
        """Whether only the asker sees what is shown there."""

    async def show(self, drawing: MessageDraft) -> None:
        """Draw the answer, or draw it anew. Raises DELIVERY_ERRORS."""

    async def show_privately(self, drawing: MessageDraft) -> None:
        """Draw the answer for the asker's eyes only. Raises DELIVERY_ERRORS."""


class MessageTarget:
    def __init__(self, message: discord.Message) -> None:
        self._message = message
        self._shown: discord.Message | None = None

    @property
    def limit(self) -> int:
        """Bytes of one file: what the server's level allows."""
        guild = self._message.guild
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES

    @property
    def whispers(self) -> bool:
        """Only where nobody else reads along: in direct messages."""
        return self._message.guild is None

    @property
    def private(self) -> bool:
        """In direct messages only."""
        return self.whispers

    async def begin(self) -> None:
        """Show that somebody is at it, where that is allowed."""
        with contextlib.suppress(*DELIVERY_ERRORS):
            await self._message.channel.typing()

    async def show(self, drawing: MessageDraft) -> None:
        """Reply, or draw the reply anew; to nobody where the message was deleted meanwhile."""
        shown = self._shown
        if shown is not None:
            await again(lambda: shown.edit(view=drawing.view, attachments=drawing.files()))
            return
        try:
            self._shown = await again(lambda: self._send(drawing, reply=True))
        except discord.HTTPException as error:
            if error.code != _MAY_NOT_REFER:
                raise
            # Replies need the right to read earlier messages; answers do not.
            self._shown = await again(lambda: self._send(drawing, reply=False))
        for number, further in enumerate(drawing.more, 1):
            await again(partial(self._send, further, reply=False, number=number))

    async def show_privately(self, drawing: MessageDraft) -> None:
        """Write to the asker directly."""
        if self.whispers:
            await self.show(drawing)
            return
        for message in (drawing, *drawing.more):
            await again(partial(self._write, message))

    async def _write(self, drawing: MessageDraft) -> discord.Message:
        return await self._message.author.send(view=drawing.view, files=drawing.files())

    async def _send(
        self, drawing: MessageDraft, *, reply: bool, number: int = 0
    ) -> discord.Message:
        # The nonce makes repeating it safe: Discord posts messages of one nonce once.
        nonce = f"{self._message.id}-{number}"
        channel = self._message.channel
        if not reply:
            return await channel.send(view=drawing.view, files=drawing.files(), nonce=nonce)
        return await channel.send(
            view=drawing.view,
            files=drawing.files(),
            nonce=nonce,
            reference=self._message.to_reference(fail_if_not_exists=False),
            mention_author=False,
        )
