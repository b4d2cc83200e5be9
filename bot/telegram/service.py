"""What every kind of update is answered with: the parts, errors as words, and replies drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from telegram import Bot, Message
from telegram.error import BadRequest, ChatMigrated

from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.protocol.replies import Reply
from bot.protocol.requests import Request, Showing
from bot.telegram.chats import PrivacyMode, Rights
from bot.telegram.drawing import ReplySender
from bot.telegram.files import FileFetcher
from bot.telegram.memory import AnsweredMessage, TelegramMemory
from bot.telegram.messages import PLATFORM, Place
from bot.telegram.progress import Background, Following


@dataclass(frozen=True, slots=True)
class Service:
    bot: Bot
    commands: Commands
    failures: Failures
    presenters: Callable[[str], Presenter]
    drawing: ReplySender
    following: Following
    background: Background
    files: FileFetcher
    rights: Rights
    memory: TelegramMemory
    privacy: PrivacyMode
    showing: Showing

    def explain(self, error: Exception, locale: str, *, asked: tuple[str, ...] = ()) -> Reply:
        presenter = self.presenters(locale)
        info = self.failures.explain(error, presenter.words, asked=asked, platform=PLATFORM)
        return presenter.failed(info)

    async def show(
        self, reply: Reply, place: Place, asked: AnsweredMessage, request: Request
    ) -> None:
        """Draw a reply and follow its job. Raises TelegramError where nothing can be sent."""
        words = self.presenters(request.locale).words

        async def draw(reply: Reply, place: Place) -> Message:
            return await self.drawing.draw(
                reply, place, asked, community=request.community, words=words
            )

        try:
            message = await draw(reply, place)
        except ChatMigrated as error:
            # The group became a supergroup while the answer was made.
            message = await draw(reply, Place(error.new_chat_id))
        except BadRequest as error:
            lost = "thread not found" in error.message.lower()
            if request.unasked and not lost:
                raise
            place = replace(place, thread_id=None)
            if not lost:
                reply = self.explain(error, request.locale, asked=(request.text,))
            message = await draw(reply, place)
        if reply.job is not None:
            self.background.start(self.following.follow(reply.job, message, place, request, words))
