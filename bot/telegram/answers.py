"""Answers to messages: what was heard becomes a request, its reply is drawn below it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.protocol.definitions import CommandDefinition
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from bot.telegram.memory import AnsweredMessage
from bot.telegram.messages import (
    PLATFORM,
    IncomingMessage,
    Place,
    channel_of,
    community_of,
    place_of,
)
from bot.telegram.rate_limiter import GroupTurns
from bot.telegram.service import Service


class MessageAnswers:
    """Answers messages that are meant for the bot, and photos where a chat wants that."""

    def __init__(self, service: Service, turns: GroupTurns) -> None:
        self._service = service
        self._turns = turns

    async def answer(self, heard: IncomingMessage) -> None:
        """Answer one message, also where something fails, or one photo that nobody asked about."""
        request = self._request(heard)
        place = place_of(heard.message, reply_to=heard.message.message_id)
        refs = heard.pictures or heard.replied
        asked = AnsweredMessage(
            heard.speaker, tuple(ref.file_id for ref in refs[:1] if ref.is_picture)
        )
        if heard.unasked:
            await self._offer(request, place, asked)
            return
        service = self._service
        service.background.start(self._show_activity(place, heard.command))
        try:
            reply = await self._reply(request, heard)
            if reply.error is not None and not self._turns.spare(place.chat_id):
                return  # a chat that takes nothing more now gets no refusals
            if not reply.parts:
                return  # talk in a group that knows already that the bot shows nothing there
            await self._turns.turn(place.chat_id, heard.speaker)
            with self._turns.coming(place.chat_id):
                await service.show(reply, place, asked, request)
        except TelegramError:
            raise
        except Exception as error:  # noqa: BLE001 - what went wrong is said in the chat
            reply = service.explain(error, heard.locale, asked=(heard.text,))
            await service.show(reply, place, asked, request)

    async def _offer(self, request: Request, place: Place, asked: AnsweredMessage) -> None:
        """Answer a photo of the group where its administrators want that, or say nothing."""
        service, chat_id = self._service, place.chat_id
        if not service.commands.answers_photos(request):
            return
        if not self._turns.spare(chat_id):
            return  # a busy group's messages belong to those who ask
        with self._turns.coming(chat_id):
            reply = await service.commands.handle(request)
            if reply.parts:
                await service.show(reply, place, asked, request)

    async def _reply(self, request: Request, heard: IncomingMessage) -> Reply:
        service, command, chat_id = self._service, heard.command, heard.message.chat.id
        # Help shows administrators what only they may.
        who = "all" if command is None else "admin" if command.name == "help" else command.who
        request = await service.rights.grant(request, heard.speaker, chat_id, who)
        if command is not None and command.name == "remove":
            request = replace(request, text=await self._meant_picture(heard))
        reply = await service.commands.handle(request)
        if command is None or reply.error is not None:
            return reply
        hears_more = (command.name == "settings" and service.commands.answers_photos(request)) or (
            command.name == "index" and service.commands.indexes_posts(request.community)
        )
        if hears_more:
            words = service.presenters(request.locale).words
            reply = await service.privacy.noted(reply, chat_id, words)
        if command.who == "admin" and heard.speaker < 0:
            # Who speaks in the group's name has no chat to be answered in, and administers
            # what the group sees.
            reply = replace(reply, private=False)
        return reply

    async def _meant_picture(self, heard: IncomingMessage) -> str:
        """The text; below a picture of ours that a bare command replies to, with its id."""
        answered = heard.message.reply_to_message
        if answered is None or len(heard.text.split()) > 1:
            return heard.text
        service = self._service
        shown = await service.memory.shown(
            service.bot.id, heard.message.chat.id, answered.message_id
        )
        return heard.text if shown is None else f"{heard.text} {shown}"

    def _request(self, heard: IncomingMessage) -> Request:
        chat_id = heard.message.chat.id
        files = self._service.files
        community = community_of(chat_id)
        return Request(
            platform=PLATFORM,
            community=community,
            requester=f"{PLATFORM}:{heard.speaker}",
            locale=heard.locale,
            text=heard.text,
            pictures=files.attachments(heard.pictures),
            replied=files.attachments(heard.replied),
            drawings=True,
            channel=channel_of(chat_id),
            showing=self._service.showing,
            unasked=heard.unasked,
            replied_to="" if heard.replied_to is None else f"{community}:{heard.replied_to}",
            person="" if heard.person is None else f"{PLATFORM}:{heard.person}",
        )

    async def _show_activity(self, place: Place, command: CommandDefinition | None) -> None:
        pictures = command is None or command.takes_picture or command.name == "find"
        action = ChatAction.UPLOAD_PHOTO if pictures else ChatAction.TYPING
        # A hint that is not shown is no loss: the answer itself says more.
        with contextlib.suppress(TelegramError):
            await self._service.bot.send_chat_action(
                place.chat_id, action, message_thread_id=place.thread_id
            )
