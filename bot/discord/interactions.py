"""Answers below interactions: a slash command, a context menu, a button."""

from __future__ import annotations

import asyncio
import contextlib

import discord
import structlog

from bot.discord.layout import MessageDraft
from bot.discord.targets import ATTEMPTS, BROKEN, PAUSE_S, again

# Codes of Discord's errors (developers' reference, "JSON Error Codes").
_UNKNOWN_MESSAGE = 10008
_ACKNOWLEDGED = 40060

_log = structlog.get_logger("bot.discord")


class InteractionTarget:
    """Answers a slash command, a context menu or a button.

    ``in_place`` draws the answer over the message whose button was pressed; an answer that
    others than the asker must not see comes beside it.
    """

    def __init__(self, interaction: discord.Interaction, *, in_place: bool = False) -> None:
        self._interaction = interaction
        self._in_place = in_place
        self._private = False
        self._shown: discord.InteractionMessage | None = None

    @property
    def asker(self) -> int:
        """The id of whoever used the command or pressed the button."""
        return self._interaction.user.id

    @property
    def limit(self) -> int:
        """Bytes of one file: what Discord said with the interaction."""
        return self._interaction.filesize_limit

    @property
    def whispers(self) -> bool:
        """Always: Discord shows such answers to the asker alone, and marks them so."""
        return True

    @property
    def private(self) -> bool:
        """Whether the acknowledgement, or the button's message, is for the asker alone."""
        return self._private

    async def acknowledge(self, *, private: bool) -> bool:
        """Say within Discord's three seconds that an answer comes; False where it is too late.

        ``private`` settles who may see what is shown from then on; in place, it tells who does.
        """
        self._private = private
        response = self._interaction.response
        for attempt in range(ATTEMPTS):
            try:
                await response.defer(ephemeral=private, thinking=not self._in_place)
            except discord.HTTPException as error:
                if error.code == _ACKNOWLEDGED and attempt:
                    return True  # The request had arrived, only its answer was lost.
                _log.warning("interaction not acknowledged", status=error.status, code=error.code)
                return False
            except BROKEN:
                await asyncio.sleep(PAUSE_S * 2**attempt)
            else:
                return True
        _log.warning("interaction not acknowledged", reason="connection broken")
        return False

    async def show(self, drawing: MessageDraft) -> None:
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
        else:
            await self._send_more(drawing, private=self._private)

    async def show_privately(self, drawing: MessageDraft) -> None:
        """Draw it where only the asker sees it, in place of a public acknowledgement."""
        if self._in_place:
            # Nothing stands there that would have to go: the message stays as it is.
            await self._follow_up(drawing, private=True)
            return
        if self._private:
            await self.show(drawing)
            return
        # Discord would show the first message after a public acknowledgement publicly,
        # whatever it is marked as: the acknowledgement goes first.
        with contextlib.suppress(discord.NotFound):
            await again(self._interaction.delete_original_response)
        await self._follow_up(drawing, private=True)

    async def show_at_once(self, drawing: MessageDraft) -> None:
        """Answer privately and without acknowledgement what needs no work."""
        response = self._interaction.response
        await again(
            lambda: response.send_message(view=drawing.view, files=drawing.files(), ephemeral=True)
        )

    async def _follow_up(self, drawing: MessageDraft, *, private: bool) -> None:
        await self._send(drawing, private=private)
        await self._send_more(drawing, private=private)

    async def _send_more(self, drawing: MessageDraft, *, private: bool) -> None:
        for further in drawing.more:
            await self._send(further, private=private)

    async def _send(self, drawing: MessageDraft, *, private: bool) -> None:
        async def send() -> discord.WebhookMessage:
            return await self._interaction.followup.send(
                view=drawing.view, files=drawing.files(), ephemeral=private, wait=True
            )

        await again(send)

    async def _edit_message(
        self, message: discord.InteractionMessage, drawing: MessageDraft
    ) -> None:
        channel = self._interaction.channel
        if self._private or not isinstance(channel, discord.abc.Messageable):
            return  # Nobody can edit it any more: Discord has no other way to it.
        partial = discord.PartialMessage(channel=message.channel, id=message.id)
        await again(lambda: partial.edit(view=drawing.view, attachments=drawing.files()))
