"""Where an answer goes: back to an interaction, or below a message.

discord.py itself waits out rate limits and repeats requests that met a server error. It does
not repeat those whose connection broke on Linux (it looks for the error numbers of macOS and
Windows), so that is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import aiohttp
import discord
import structlog

from bot.discord_drawing import Drawing

DELIVERY_ERRORS = (discord.DiscordException, aiohttp.ClientError, OSError)
"""What may go wrong on the way to Discord."""

_BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)
_ATTEMPTS = 3
_PAUSE_S = 0.2
# Codes of Discord's errors (developers' reference, "JSON Error Codes").
_UNKNOWN_MESSAGE = 10008
_ACKNOWLEDGED = 40060
_MAY_NOT_REFER = 160002

_T = TypeVar("_T")
_log = structlog.get_logger("bot.discord")


async def again(call: Callable[[], Awaitable[_T]]) -> _T:
    """The result of ``call``, repeated where the connection broke: three times at most."""
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await call()
        except _BROKEN:
            await asyncio.sleep(_PAUSE_S * 2**attempt)
    return await call()


class Target(Protocol):
    """One answer's place. It is drawn there once or, as work goes on, over and over."""

    @property
    def limit(self) -> int:
        """Bytes of one file that Discord takes there."""

    @property
    def whispers(self) -> bool:
        """Whether it can show something to the asker alone right where they asked."""

    async def show(self, drawing: Drawing) -> None:
        """Draw the answer, or draw it anew. Raises DELIVERY_ERRORS."""

    async def show_privately(self, drawing: Drawing) -> None:
        """Draw the answer for the asker's eyes only. Raises DELIVERY_ERRORS."""


class InteractionTarget:
    """Answers a slash command, a context menu or a button."""

    def __init__(self, interaction: discord.Interaction) -> None:
        self._interaction = interaction
        self._private = False
        self._shown: discord.InteractionMessage | None = None

    @property
    def limit(self) -> int:
        """Bytes of one file: what Discord said with the interaction."""
        return self._interaction.filesize_limit

    @property
    def whispers(self) -> bool:
        """Always: Discord shows such answers to the asker alone, and marks them so."""
        return True

    async def acknowledge(self, *, private: bool) -> bool:
        """Say within Discord's three seconds that an answer comes; False where it is too late.

        ``private`` settles who may see what is shown from then on.
        """
        self._private = private
        response = self._interaction.response
        for attempt in range(_ATTEMPTS):
            try:
                await response.defer(ephemeral=private, thinking=True)
            except discord.HTTPException as error:
                if error.code == _ACKNOWLEDGED and attempt:
                    return True  # The request had arrived, only its answer was lost.
                _log.warning("interaction not acknowledged", status=error.status, code=error.code)
                return False
            except _BROKEN:
                await asyncio.sleep(_PAUSE_S * 2**attempt)
            else:
                return True
        _log.warning("interaction not acknowledged", reason="connection broken")
        return False

    async def show(self, drawing: Drawing) -> None:
        """Draw the answer over the acknowledgement, or over what was shown before."""
        if self._shown is not None and self._interaction.is_expired():
            # The interaction may be used for 15 minutes; a reindex may take longer.
            await self._edit_message(self._shown, drawing)
            return

        async def edit() -> discord.InteractionMessage:
            return await self._interaction.edit_original_response(
                view=drawing.view, attachments=drawing.files()
            )

        try:
            self._shown = await again(edit)
        except discord.NotFound as error:
            if error.code != _UNKNOWN_MESSAGE or self._shown is not None:
                raise
            await self._follow_up(drawing, private=self._private)

    async def show_privately(self, drawing: Drawing) -> None:
        """Draw it where only the asker sees it, in place of a public acknowledgement."""
        if self._private:
            await self.show(drawing)
            return
        # Discord would show the first message after a public acknowledgement publicly,
        # whatever it is marked as: the acknowledgement goes first.
        with contextlib.suppress(discord.NotFound):
            await again(self._interaction.delete_original_response)
        await self._follow_up(drawing, private=True)

    async def show_at_once(self, drawing: Drawing) -> None:
        """Answer privately and without acknowledgement what needs no work."""
        response = self._interaction.response
        await again(
            lambda: response.send_message(view=drawing.view, files=drawing.files(), ephemeral=True)
        )

    async def _follow_up(self, drawing: Drawing, *, private: bool) -> None:
        async def send() -> discord.WebhookMessage:
            return await self._interaction.followup.send(
                view=drawing.view, files=drawing.files(), ephemeral=private, wait=True
            )

        await again(send)

    async def _edit_message(self, message: discord.InteractionMessage, drawing: Drawing) -> None:
        channel = self._interaction.channel
        if self._private or not isinstance(channel, discord.abc.Messageable):
            return  # Nobody can edit it any more: Discord has no other way to it.
        partial = discord.PartialMessage(channel=message.channel, id=message.id)
        await again(lambda: partial.edit(view=drawing.view, attachments=drawing.files()))


class MessageTarget:
    """Answers a message with a reply to it."""

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

    async def begin(self) -> None:
        """Show that somebody is at it, where that is allowed."""
        with contextlib.suppress(*DELIVERY_ERRORS):
            await self._message.channel.typing()

    async def show(self, drawing: Drawing) -> None:
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

    async def show_privately(self, drawing: Drawing) -> None:
        """Write to the asker directly."""
        if self.whispers:
            await self.show(drawing)
            return
        await again(lambda: self._message.author.send(view=drawing.view, files=drawing.files()))

    async def _send(self, drawing: Drawing, *, reply: bool) -> discord.Message:
        # The nonce makes repeating it safe: Discord posts messages of one nonce once.
        nonce = self._message.id
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
