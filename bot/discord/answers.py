"""Answers every interaction exactly once: neutral request, neutral reply, drawing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import discord

from bot.chat.commands import Commands
from bot.discord.attachments import FetchBounds, PostedPicture, asked_picture, attached, pictures_of
from bot.discord.buttons import button_parts
from bot.discord.delivery import Delivery, PendingAnswer
from bot.discord.in_flight import Work
from bot.discord.interactions import InteractionTarget
from bot.discord.places import Places
from bot.discord.posts import PostFollower
from bot.discord.requests import (
    Locales,
    MemberRights,
    interaction_request,
    named_channels,
    person_of,
)
from bot.discord.targets import DELIVERY_ERRORS
from bot.protocol.definitions import find_command
from bot.protocol.requests import Request, Showing
from core.domain.errors import ExpiredButton, Forbidden

_PRIVATE = frozenset({"index"})
"""Commands whose answer is for the asker here, and for all of the chat elsewhere."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """``named`` are people with more rights, ``bounds`` those of posted pictures.

    ``reads_all`` says that Discord shows the bot all messages, not only those to it. ``places``
    tell whose posts an answer may show; ``posts`` follows the channels that are switched on.
    """

    named: MemberRights = field(default_factory=MemberRights)
    bounds: FetchBounds = field(default_factory=FetchBounds)
    reads_all: bool = False
    places: Places = field(default_factory=Places)
    posts: PostFollower | None = None
    showing: Showing | None = None

    def told(self, request: Request) -> Request:
        """A request that knows what Discord shows the bot, and how pictures of posts are shown."""
        return replace(request, hears_all=self.reads_all, showing=self.showing)


class InteractionAnswers:
    """Turns interactions into answers. Only cancellation leaves its methods."""

    def __init__(
        self,
        commands: Commands,
        delivery: Delivery,
        work: Work,
        locales: Locales,
        rules: AnswerRules,
    ) -> None:
        self._commands = commands
        self._delivery = delivery
        self._work = work
        self._locales = locales
        self._rules = rules

    def is_new(self, event_id: int) -> bool:
        """Whether this interaction is here for the first time."""
        return self._work.is_new(event_id)

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
        pictures = pictures_of(message, self._rules.bounds)
        await self._called(interaction, name, {}, pictures)

    def collections(self, interaction: discord.Interaction, start: str) -> tuple[str, ...]:
        """The collections whose names begin with ``start`` and that this community may search."""
        return self._commands.collections(self._request(interaction, private=True), start)

    async def labels(self, interaction: discord.Interaction, start: str) -> tuple[str, ...]:
        """Labels with ``start`` in them, of the collection that was chosen, or the default one."""
        chosen = interaction.namespace.collection
        collection = chosen if isinstance(chosen, str) else ""
        return await self._commands.labels(
            self._request(interaction, private=True), start, collection
        )

    async def criteria(self, interaction: discord.Interaction, start: str) -> tuple[str, ...]:
        """Criteria with ``start`` in them, for those who may moderate."""
        return await self._commands.criteria(self._request(interaction, private=True), start)

    async def pictures(
        self, interaction: discord.Interaction, start: str
    ) -> Sequence[tuple[str, str]]:
        """Labels and ids of pictures that ``start`` may mean, for those who may remove some."""
        return await self._commands.pictures(self._request(interaction, private=True), start)

    async def button(self, interaction: discord.Interaction) -> None:
        """Answer the press of a button, drawn by this process or by one long gone."""
        if not self.is_new(interaction.id):
            return
        press = button_parts(interaction.custom_id or "")
        if press is None:
            await self.refuse(interaction, ExpiredButton())
            return
        if press.caller != interaction.user.id:
            foreign = Forbidden(
                "These buttons belong to the person who asked.",
                remedy="Ask yourself to get your own.",
            )
            await self.refuse(interaction, foreign)
            return
        message = interaction.message
        pictures = asked_picture(message, self._rules.bounds)
        private = message is not None and message.flags.ephemeral
        request = self._request(interaction, pictures=pictures, private=private)
        target = InteractionTarget(interaction, in_place=press.in_place)
        asked = PendingAnswer(target, request, target.asker, pictures, press.action)
        await self._answer(target, asked, private=private)

    async def refuse(self, interaction: discord.Interaction, error: Exception) -> None:
        """Answer with an error at once, for the asker's eyes only."""
        request = self._request(interaction)
        target = InteractionTarget(interaction)
        asked = PendingAnswer(target, request, interaction.user.id)
        reply = self._delivery.failed(error, request)
        if interaction.response.is_done():
            await self._delivery.deliver(asked, reply)
            return
        with contextlib.suppress(*DELIVERY_ERRORS):
            await target.show_at_once(await self._delivery.draw(asked, reply))

    async def _called(
        self,
        interaction: discord.Interaction,
        name: str,
        options: Mapping[str, str | int | bool],
        pictures: tuple[PostedPicture, ...],
    ) -> None:
        command = find_command(name)
        private = options.get("private") is True or (
            command is not None and (command.private or command.name in _PRIVATE)
        )
        request = self._request(
            interaction, command=name, options=options, pictures=pictures, private=private
        )
        target = InteractionTarget(interaction)
        asked = PendingAnswer(target, request, target.asker, pictures)
        await self._answer(target, asked, private=private)
        guild = interaction.guild
        if name == "index" and guild is not None and self._rules.posts is not None:
            self._rules.posts.channels.follow(guild)

    async def _answer(
        self, target: InteractionTarget, asked: PendingAnswer, *, private: bool
    ) -> None:
        """Acknowledge, answer, draw."""
        with self._work.begun(target.asker) as turn:
            if turn is not None and await target.acknowledge(private=private):
                await self._work.answer(asked, turn)

    def _request(
        self,
        interaction: discord.Interaction,
        *,
        command: str | None = None,
        options: Mapping[str, str | int | bool] | None = None,
        pictures: tuple[PostedPicture, ...] = (),
        private: bool = False,
    ) -> Request:
        """``private``: nobody but the asker sees the answer."""
        self._locales.note(interaction.user.id, interaction.locale.value)
        request = interaction_request(
            interaction,
            self._rules.named,
            command=command,
            options=options,
            pictures=pictures,
            channels=self._rules.places.of_interaction(interaction, private=private),
        )
        return replace(
            self._rules.told(request),
            named=named_channels(interaction, options or {}) if command == "index" else (),
            person=person_of(options or {}),
        )
