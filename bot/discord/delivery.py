"""Brings a reply to where it belongs, and says so in words where that fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import discord
import structlog

from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.discord.attachments import PostedPicture
from bot.discord.drawing import Drawer
from bot.discord.layout import MessageDraft
from bot.discord.targets import DELIVERY_ERRORS, Target
from bot.i18n.discord import drawing_words
from bot.i18n.messages import Words
from bot.protocol.replies import Reply, Text
from bot.protocol.requests import Request
from core.domain.errors import Forbidden, ShuttingDown, Unavailable

_log = structlog.get_logger("bot.discord")


@dataclass(frozen=True, slots=True)
class PendingAnswer:
    """One question under way: where its answer goes, and whom its buttons obey.

    ``pictures`` are those that it asks about; ``action`` is that of the button that was pressed,
    None where something was asked.
    """

    target: Target
    request: Request
    caller: int
    pictures: tuple[PostedPicture, ...] = ()
    action: str | None = None

    @property
    def query(self) -> bytes | None:
        """The picture that was asked about, once it was read."""
        return self.pictures[0].data if self.pictures else None


class Delivery:
    """Draws replies and puts them in place. Only cancellation leaves its methods."""

    def __init__(
        self,
        commands: Commands,
        drawer: Drawer,
        failures: Failures,
        presenters: Callable[[str], Presenter],
        *,
        progress_s: float,
    ) -> None:
        self._commands = commands
        self._drawer = drawer
        self._failures = failures
        self._presenters = presenters
        self._progress_s = progress_s

    def words(self, request: Request) -> Words:
        """The words of the asker's language."""
        return self._presenters(request.locale).words

    def failed(self, error: Exception, request: Request) -> Reply:
        """The reply that tells of an error, counted and, if nobody foresaw it, logged."""
        presenter = self._presenters(request.locale)
        info = self._failures.explain(error, presenter.words, platform=request.platform)
        return presenter.failed(info)

    async def deliver(self, asked: PendingAnswer, reply: Reply) -> bool:
        """Put the reply in place, or say why that failed. Whether it, or that, arrived."""
        try:
            await self._place(asked, reply)
        except Exception as error:  # noqa: BLE001 - whatever it was, the asker is told
            return await self._instead(asked, reply, error)
        return True

    async def offer(self, asked: PendingAnswer, reply: Reply) -> None:
        """Put a reply in place that nobody asked for: where that fails, nobody is told."""
        try:
            await asked.target.show(await self.draw(asked, reply))
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody waits for it
            _log.info("photo not answered", **_facts(error))

    async def draw(self, asked: PendingAnswer, reply: Reply) -> MessageDraft:
        """The reply as a message for that place."""
        words = self.words(asked.request)
        return await self._drawer.draw(
            reply,
            drawing_words(words.translate),
            community=asked.request.viewer,
            caller=asked.caller,
            limit=asked.target.limit,
            query=asked.query,
        )

    async def follow(self, asked: PendingAnswer, job: str) -> None:
        """Draw how a job comes along over its first reply, until it ends or is cancelled."""
        drawn_at = time.monotonic()
        try:
            async for reply in self._commands.follow(job, asked.request):
                # The last reply names no job any more, and is always drawn.
                if reply.job is not None and time.monotonic() - drawn_at < self._progress_s:
                    continue
                await asked.target.show(await self.draw(asked, reply))
                drawn_at = time.monotonic()
        except asyncio.CancelledError:
            stopped = ShuttingDown(remedy="The reindex goes on when it is started again.")
            with contextlib.suppress(*DELIVERY_ERRORS):
                reply = self.failed(stopped, asked.request)
                await asked.target.show(await self.draw(asked, reply))
            raise
        except Exception as error:  # noqa: BLE001 - nobody waits for this task
            # The message is gone, or may not be edited any more; the job itself goes on.
            _log.info("progress not shown", **_facts(error))

    async def _place(self, asked: PendingAnswer, reply: Reply) -> None:
        target = asked.target
        drawing = await self.draw(asked, reply)
        # An error leaves what stands there as it is.
        hidden = reply.private and (reply.error is not None or not target.private)
        if not hidden or (reply.error is not None and not target.whispers):
            await target.show(drawing)
            return
        await target.show_privately(drawing)
        if not target.whispers:
            words = drawing_words(self.words(asked.request).translate)
            await target.show(await self.draw(asked, Reply((Text(words["sent_privately"]),))))

    async def _instead(self, asked: PendingAnswer, reply: Reply, error: Exception) -> bool:
        _log.warning("answer not delivered", **_facts(error))
        target = asked.target
        elsewhere = isinstance(error, discord.Forbidden) and not target.whispers
        told: Exception = error
        if elsewhere and reply.private and reply.error is None:
            told = Forbidden(
                "I may answer that in private only, and you take no direct messages from me.",
                remedy="Allow them for this server, or use the slash command.",
            )
        elif elsewhere:
            told = Forbidden(
                "I may not answer in the channel where you asked.",
                remedy="Ask an administrator to let me send messages and attach files there.",
            )
        elif isinstance(error, DELIVERY_ERRORS):
            told = Unavailable("Discord did not take the answer.")
        try:
            drawing = await self.draw(asked, self.failed(told, asked.request))
            closed = reply.private and reply.error is None
            if target.whispers or (elsewhere and not closed):
                await target.show_privately(drawing)
            else:
                await target.show(drawing)
        except Exception as again:  # noqa: BLE001 - nothing is left to try
            _log.error("nothing delivered", **_facts(again))
            return False
        return True


def _facts(error: Exception) -> dict[str, object]:
    # Never the error's own text: Discord's may quote what was sent.
    if isinstance(error, discord.HTTPException):
        return {"error": type(error).__name__, "status": error.status, "code": error.code}
    return {"error": type(error).__name__}
