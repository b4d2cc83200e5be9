"""Answers messages: those that speak to the bot, and photos where a channel wants that."""

from __future__ import annotations

import asyncio

import discord

from bot.chat.commands import Commands
from bot.discord.answers import AnswerRules
from bot.discord.attachments import PostedPicture, pictures_of
from bot.discord.delivery import PendingAnswer
from bot.discord.in_flight import Work
from bot.discord.requests import Locales, addressed_text, message_request
from bot.discord.targets import MessageTarget
from bot.protocol.requests import Request


class Messages:
    """Turns messages of people into answers. Only cancellation leaves its methods."""

    def __init__(
        self, commands: Commands, work: Work, locales: Locales, rules: AnswerRules
    ) -> None:
        self._commands = commands
        self._work = work
        self._locales = locales
        self._rules = rules

    async def message(self, client: discord.Client, message: discord.Message) -> None:
        """Answer a message that speaks to the bot, or its photo; leave all others alone."""
        text = addressed_text(message, client.user.id) if client.user else None
        if text is not None:
            await self._asked(message, text)
        elif self._rules.reads_all:
            await self._posted(message)

    async def _asked(self, message: discord.Message, text: str) -> None:
        if not self._work.is_new(message.id):
            return
        bounds = self._rules.bounds
        pictures = pictures_of(message, bounds)
        replied: tuple[PostedPicture, ...] = ()
        if message.reference and isinstance(message.reference.resolved, discord.Message):
            replied = pictures_of(message.reference.resolved, bounds)
        request = self._request(message, pictures, text=text, replied=replied)
        target = MessageTarget(message)
        asked = PendingAnswer(target, request, message.author.id, pictures or replied)
        with self._work.begun(message.author.id) as turn:
            if turn is None:
                return
            # Beside the work, not before it: Discord may let it wait for seconds.
            typing = asyncio.create_task(target.begin())
            try:
                await self._work.answer(asked, turn)
            finally:
                typing.cancel()

    def _request(
        self,
        message: discord.Message,
        pictures: tuple[PostedPicture, ...],
        *,
        text: str = "",
        replied: tuple[PostedPicture, ...] = (),
        unasked: bool = False,
    ) -> Request:
        return self._rules.told(
            message_request(
                message,
                self._rules.named,
                locale=self._locales.of(message.author.id),
                text=text,
                pictures=pictures,
                replied=replied,
                unasked=unasked,
                channels=self._rules.places.of_message(message),
            )
        )

    async def _posted(self, message: discord.Message) -> None:
        pictures = pictures_of(message, self._rules.bounds)
        if not pictures:
            return
        request = self._request(message, pictures, unasked=True)
        if not self._commands.answers_photos(request) or not self._work.is_new(message.id):
            return
        asked = PendingAnswer(MessageTarget(message), request, message.author.id, pictures)
        with self._work.begun(message.author.id) as turn:
            if turn is not None:
                await self._work.offer(asked)
