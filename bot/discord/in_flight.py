"""The answers under way: each is given once, and none is forgotten when the bot stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from cachetools import LRUCache

from bot.chat.admission import Lines
from bot.chat.commands import Commands
from bot.discord.delivery import Delivery, PendingAnswer
from bot.i18n.discord import intent_words
from bot.protocol.replies import ProgressBar, Reply, Text
from bot.protocol.requests import Request
from core.domain.errors import ShuttingDown

_REMEMBERED = 10_000
_LAST_WORDS_S = 5.0
# Photos that nobody asked about, answered at once: a flood of them waits here, and not in
# front of the questions that somebody asks.
_UNASKED = 4
# Answers that one person gets at once; a flood of theirs waits in its own line.
_SHARE = 8


class Work:
    """Brings answers to their places. Only cancellation leaves its methods.

    ``reads_all`` says that Discord shows the bot all messages, not only those to it.
    """

    def __init__(self, commands: Commands, delivery: Delivery, *, reads_all: bool = False) -> None:
        self._commands = commands
        self._reads_all = reads_all
        self._delivery = delivery
        self._seen: LRUCache[int, None] = LRUCache(_REMEMBERED)
        self._working: set[asyncio.Task[None]] = set()
        self._followers: set[asyncio.Task[None]] = set()
        self._unasked = asyncio.Semaphore(_UNASKED)
        self._lines = Lines(_SHARE)
        self._stopping = False

    def is_new(self, event_id: int) -> bool:
        """Whether this event is here for the first time: a resumed connection repeats some."""
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        return True

    @contextmanager
    def begun(self, asker: int) -> Iterator[asyncio.Semaphore | None]:
        """Count the calling task among what is waited for when the bot stops.

        Gives what the asker's turn is entered with; None where too much of theirs waits: that
        is left alone, even without an acknowledgement.
        """
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            with self._lines.stand(str(asker)) as turn:
                yield turn
        finally:
            self._working.discard(task)

    async def answer(self, asked: PendingAnswer, turn: asyncio.Semaphore) -> None:
        """Answer and draw, in a task that has :meth:`begun`; say why where that fails."""
        stopping = ShuttingDown()
        try:
            async with turn:
                if self._stopping:
                    reply = self._delivery.failed(stopping, asked.request)
                elif asked.action is None:
                    reply = await self._commands.handle(asked.request)
                else:
                    reply = await self._commands.act(asked.action, asked.request)
                if not reply.parts:
                    return  # talk in a server that knows already that the bot shows nothing there
                arrived = await self._delivery.deliver(asked, self._noted(reply, asked.request))
        except asyncio.CancelledError:
            await self._delivery.deliver(asked, self._delivery.failed(stopping, asked.request))
            raise
        # A reply that says more than how far a job is, as "already running", stays as it is.
        if arrived and reply.job is not None and isinstance(reply.parts[0], ProgressBar):
            follower = asyncio.create_task(self._delivery.follow(asked, reply.job))
            self._followers.add(follower)
            follower.add_done_callback(self._followers.discard)

    async def offer(self, asked: PendingAnswer) -> None:
        """Answer and draw for somebody who did not ask, or nothing at all."""
        async with self._unasked:
            if self._stopping:
                return
            reply = await self._commands.handle(asked.request)
            if reply.parts:
                await self._delivery.offer(asked, reply)

    def _noted(self, reply: Reply, request: Request) -> Reply:
        """The reply; below settings that cannot take effect, with what the operator can do."""
        shows_settings = any(button.kind == "set" for button in reply.buttons)
        if self._reads_all or not shows_settings or not self._commands.answers_photos(request):
            return reply
        note = Text(intent_words(self._delivery.words(request).translate), "note")
        return replace(reply, parts=(*reply.parts, note))

    async def close(self, drain_s: float) -> None:
        """Wait ``drain_s`` seconds for the answers under way; tell the askers of the others."""
        self._stopping = True
        followers = list(self._followers)
        for follower in followers:
            follower.cancel()
        working: Sequence[asyncio.Task[None]] = list(self._working)
        if working:
            _, late = await asyncio.wait(working, timeout=drain_s)
            for task in late:
                task.cancel()
            followers += late
        if followers:
            await asyncio.wait(followers, timeout=_LAST_WORDS_S)
