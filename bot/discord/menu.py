"""The commands as Discord's users see them, generated from :mod:`bot.protocol.definitions`."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import discord
import structlog
from discord import app_commands

from bot.discord.answers import InteractionAnswers
from bot.i18n.discord import choice_names, context_menus
from bot.i18n.messages import Words
from bot.protocol.definitions import COMMANDS, CommandDefinition, Option
from core.domain.errors import InvalidRequest

_GUILD_AND_DM = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
_GUILD_ONLY = app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False)
# Where only a user installed the bot, it would answer in communities that never asked for it.
_BY_GUILDS = app_commands.AppInstallationType(guild=True, user=False)
_CHOICE = 100
_DATE = len("2026-01-31")


class _ChannelId(app_commands.Transformer):
    """A channel, as its id."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        return discord.AppCommandOptionType.channel

    async def transform(self, interaction: discord.Interaction, value: Any, /) -> str:
        """The id."""
        del interaction
        return str(value.id)


class _PersonId(_ChannelId):
    """A person, as their id."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        return discord.AppCommandOptionType.user


_log = structlog.get_logger("bot.discord")


class CommandMenu(app_commands.CommandTree[Any]):
    """All slash commands and context menus; what they are called with goes to ``answers``."""

    def __init__(self, client: discord.Client, answers: InteractionAnswers, words: Words) -> None:
        super().__init__(client)
        self._answers = answers
        menus = context_menus(words.translate)
        for definition in COMMANDS:
            if not definition.is_on("discord"):
                continue
            self.add_command(_slash_command(definition, answers, words))
            if definition.menu:
                self.add_command(_context_menu(definition.name, menus[definition.name], answers))

    async def payload(self) -> list[dict[str, Any]]:
        translator = self.translator or app_commands.Translator()
        return [
            await command.get_translated_payload(self, translator)
            for command in self.get_commands()
        ]

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Whether to answer: not to what was answered already."""
        return self._answers.is_new(interaction.id)

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Answer a call that does not fit our commands: Discord still shows older ones."""
        if interaction.type is discord.InteractionType.autocomplete:
            _log.warning("no choices", error=type(error).__name__)
            return
        cause: Exception = error
        if isinstance(error, app_commands.CommandInvokeError):
            cause = error.original
        else:
            cause = InvalidRequest(
                "That command has changed.",
                remedy="Reload Discord (Ctrl+R), or close and open the app; then try again.",
            )
        await self._answers.refuse(interaction, cause)


def _slash_command(
    definition: CommandDefinition, answers: InteractionAnswers, words: Words
) -> app_commands.Command[Any, ..., None]:
    offered = [option for option in definition.options if option.is_on("discord")]
    picture = next((o.name for o in offered if o.kind == "picture"), None)

    async def called(interaction: discord.Interaction, **given: Any) -> None:
        attachment = given.pop(picture, None) if picture else None
        options = {
            option.name: given[_parameter(option)]
            for option in offered
            if given.get(_parameter(option)) is not None
        }
        await answers.command(interaction, definition.name, options, attachment)

    # The library reads the options off the signature.
    called.__signature__ = _signature(offered)  # type: ignore[attr-defined]
    for_all = definition.who == "all"
    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name=definition.name,
        description=words.summary(definition),
        callback=_described(called, offered, words),
        allowed_contexts=_GUILD_AND_DM if for_all else _GUILD_ONLY,
        allowed_installs=_BY_GUILDS,
    )
    if not (for_all and definition.listed):
        # Hides it from others; servers can overwrite that, so that those who may add can be
        # shown it, and the right is checked at each call as well.
        command.default_permissions = discord.Permissions(manage_guild=True)
    for option in offered:
        if option.kind in _COMPLETED:
            command.autocomplete(option.name)(_COMPLETED[option.kind](answers))
    return command


def _described(called: Any, options: Sequence[Option], words: Words) -> Any:
    if not options:
        return called
    names = choice_names(words.translate)
    choices = {
        option.name: [
            app_commands.Choice(name=app_commands.locale_str(names[value]), value=value)
            for value in (*option.choices, *option.in_chats)
        ]
        for option in options
        if option.choices
    }
    summaries = {_parameter(o): app_commands.locale_str(words.option_summary(o)) for o in options}
    described = app_commands.describe(**summaries)(called)
    renamed = {_parameter(o): o.name for o in options if _parameter(o) != o.name}
    if renamed:
        described = app_commands.rename(**renamed)(described)
    return app_commands.choices(**choices)(described) if choices else described


def _context_menu(name: str, label: str, answers: InteractionAnswers) -> app_commands.ContextMenu:
    async def called(interaction: discord.Interaction, message: discord.Message) -> None:
        await answers.menu(interaction, name, message)

    return app_commands.ContextMenu(
        name=label,
        callback=called,
        allowed_contexts=_GUILD_AND_DM,
        allowed_installs=_BY_GUILDS,
    )


class _Completion(Protocol):
    """What the library calls while somebody types."""

    async def __call__(
        self, interaction: discord.Interaction, current: str, /
    ) -> list[app_commands.Choice[str]]: ...


def _collections(answers: InteractionAnswers) -> _Completion:
    async def choices(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        names = answers.collections(interaction, current)
        return [app_commands.Choice(name=_label(name), value=name) for name in names]

    return choices


def _labels(answers: InteractionAnswers) -> _Completion:
    return _named(answers.labels)


def _criteria(answers: InteractionAnswers) -> _Completion:
    return _named(answers.criteria)


def _named(
    found: Callable[[discord.Interaction, str], Awaitable[Sequence[str]]],
) -> _Completion:
    async def choices(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        names = await found(interaction, current)
        return [app_commands.Choice(name=_label(name), value=name) for name in names]

    return choices


def _pictures(answers: InteractionAnswers) -> _Completion:
    async def choices(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        found = await answers.pictures(interaction, current)
        return [app_commands.Choice(name=_label(label), value=id_) for label, id_ in found]

    return choices


_COMPLETED = {
    "collection": _collections,
    "label": _labels,
    "criterion": _criteria,
    "picture_id": _pictures,
}


def _label(text: str) -> str:
    # Nothing Discord shows here is markup, but it refuses what is empty or only white space.
    line = " ".join(text.split()) or "…"
    return line if len(line) <= _CHOICE else line[: _CHOICE - 1] + "…"


def _parameter(option: Option) -> str:
    """What an option is called in Python, which keeps some words for itself."""
    return f"{option.name}_" if keyword.iskeyword(option.name) else option.name


def _signature(options: Sequence[Option]) -> inspect.Signature:
    interaction = inspect.Parameter(
        "interaction",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=discord.Interaction,
    )
    given = [
        inspect.Parameter(
            _parameter(option),
            inspect.Parameter.KEYWORD_ONLY,
            annotation=_annotation(option),
            default=inspect.Parameter.empty if option.required else None,
        )
        for option in options
    ]
    return inspect.Signature([interaction, *given])


_AS_THEY_ARE: dict[str, Any] = {
    "picture": discord.Attachment,
    "channel": app_commands.Transform[str, _ChannelId],
    "person": app_commands.Transform[str, _PersonId],
    "date": app_commands.Range[str, _DATE, _DATE],
    "flag": bool,
    "choice": str,
}


def _annotation(option: Option) -> Any:
    if option.kind in _AS_THEY_ARE:
        return _AS_THEY_ARE[option.kind]
    if option.kind in {"count", "number"}:
        return app_commands.Range[int, option.minimum, option.maximum]
    return app_commands.Range[str, 1, option.maximum]
