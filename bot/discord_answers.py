"""Answers every event of Discord exactly once: neutral request, neutral reply, drawing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import discord
from cachetools import LRUCache

from bot.commands import Commands
from bot.definitions import find_command
from bot.discord_buttons import button_parts
from bot.discord_delivery import Asked, Delivery
from bot.discord_pictures import FetchBounds, PostedPicture, asked_picture, attached, pictures_of
from bot.discord_requests import addressed_text, interaction_request, message_request
from bot.discord_targets import DELIVERY_ERRORS, InteractionTarget, MessageTarget
from bot.replies import ProgressBar, Reply
from core.errors import ExpiredButton, Forbidden, ShuttingDown

_REMEMBERED = 10_000
_LAST_WORDS_S = 5.0


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """``admins``: ids of users and roles that may do what administrators may, too.

    ``bounds`` are those of posted pictures.
    """

    admins: frozenset[int] = frozenset()
    bounds: FetchBounds = field(default_factory=FetchBounds)


class Answers:
    """Turns events into answers. Only cancellation leaves its methods."""

    def __init__(self, commands: Commands, delivery: Delivery, rules: AnswerRules) -> None:
        self._commands = commands
        self._delivery = delivery
        self._rules = rules
        self._seen: LRUCache[int, None] = LRUCache(_REMEMBERED)
        self._working: set[asyncio.Task[None]] = set()
        self._followers: set[asyncio.Task[None]] = set()
        self._stopping = False

    def is_new(self, event_id: int) -> bool:
        """Whether this event is here for the first time: a resumed connection repeats some."""
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        return True

    async def command(
        self,
        interaction: discord.Interaction,
        name: str,
        options: Mapping[str, str | int | bool],
        attachment: discord.Attachment | None = None,
    ) -> None:
        """Answer a slash command; ``attachment`` is its picture."""
        pictures = (attached(attachment, self._rules.bounds),) if attachment else ()
        await self._called(interaction, name, options, pictures)

    async def menu(
        self, interaction: discord.Interaction, name: str, message: discord.Message
    ) -> None:
        """Answer a context menu of ``message``."""
        pictures = pictures_of(interaction.client, message, self._rules.bounds)
        await self._called(interaction, name, {}, pictures)

    def choices(self, interaction: discord.Interaction, start: str) -> tuple[str, ...]:
        """The collections whose names begin with ``start`` and that this community may search."""
        request = interaction_request(interaction, self._rules.admins)
        return self._commands.collections(request, start)

    async def button(self, interaction: discord.Interaction) -> None:
        """Answer the press of a button, drawn by this process or by one long gone."""
        if not self.is_new(interaction.id):
            return
        parts = button_parts(interaction.custom_id or "")
        if parts is None:
            expired = ExpiredButton(
                "This button has expired.", remedy="Ask again to get a new one."
            )
            await self.refuse(interaction, expired)
            return
        caller, action = parts
        if caller != interaction.user.id:
            foreign = Forbidden(
                "These buttons belong to the person who asked.",
                remedy="Ask yourself to get your own.",
            )
            await self.refuse(interaction, foreign)
            return
        message = interaction.message
        pictures = asked_picture(interaction.client, message, self._rules.bounds)
        request = interaction_request(interaction, self._rules.admins, pictures=pictures)
        private = message is not None and message.flags.ephemeral
        target = InteractionTarget(interaction)
        with self._at_work():
            if await target.acknowledge(private=private):
                asked = Asked(target, request, caller)
                await self._answer(asked, pictures, lambda: self._commands.act(action, request))

    async def message(self, client: discord.Client, message: discord.Message) -> None:
        """Answer a message that speaks to the bot; leave all others alone."""
        text = addressed_text(message, client.user.id) if client.user else None
        if text is None or not self.is_new(message.id):
            return
        bounds = self._rules.bounds
        pictures = pictures_of(client, message, bounds)
        replied: tuple[PostedPicture, ...] = ()
        if message.reference and isinstance(message.reference.resolved, discord.Message):
            replied = pictures_of(client, message.reference.resolved, bounds)
        request = message_request(
            message, text, self._rules.admins, pictures=pictures, replied=replied
        )
        target = MessageTarget(message)
        with self._at_work():
            # Beside the work, not before it: Discord may let it wait for seconds.
            typing = asyncio.create_task(target.begin())
            try:
                asked = Asked(target, request, message.author.id)
                await self._answer(
                    asked, pictures or replied, lambda: self._commands.handle(request)
                )
            finally:
                typing.cancel()

    async def refuse(self, interaction: discord.Interaction, error: Exception) -> None:
        """Answer with an error at once, for the asker's eyes only."""
        request = interaction_request(interaction, self._rules.admins)
        target = InteractionTarget(interaction)
        asked = Asked(target, request, interaction.user.id)
        reply = self._delivery.failed(error, request)
        if interaction.response.is_done():
            await self._delivery.deliver(asked, reply)
            return
        with contextlib.suppress(*DELIVERY_ERRORS):
            await target.show_at_once(await self._delivery.draw(asked, reply))

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

    async def _called(
        self,
        interaction: discord.Interaction,
        name: str,
        options: Mapping[str, str | int | bool],
        pictures: tuple[PostedPicture, ...],
    ) -> None:
        request = interaction_request(
            interaction, self._rules.admins, command=name, options=options, pictures=pictures
        )
        command = find_command(name)
        private = options.get("private") is True or (command is not None and command.private)
        target = InteractionTarget(interaction)
        with self._at_work():
            if await target.acknowledge(private=private):
                asked = Asked(target, request, interaction.user.id)
                await self._answer(asked, pictures, lambda: self._commands.handle(request))

    async def _answer(
        self,
        asked: Asked,
        pictures: tuple[PostedPicture, ...],
        work: Callable[[], Awaitable[Reply]],
    ) -> None:
        stopping = ShuttingDown("The server is stopping.", remedy="Try again in a minute.")
        try:
            if self._stopping:
                reply = self._delivery.failed(stopping, asked.request)
            else:
                reply = await work()
            query = pictures[0].data if pictures else None
            arrived = await self._delivery.deliver(replace(asked, query=query), reply)
        except asyncio.CancelledError:
            await self._delivery.deliver(asked, self._delivery.failed(stopping, asked.request))
            raise
        # A reply that says more than how far a job is, as "already running", stays as it is.
        if arrived and reply.job is not None and isinstance(reply.parts[0], ProgressBar):
            follower = asyncio.create_task(self._delivery.follow(asked, reply.job))
            self._followers.add(follower)
            follower.add_done_callback(self._followers.discard)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)
