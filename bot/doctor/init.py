"""``tangerine init``: asks for tokens and folders, tries them, writes the settings file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import typer

from bot.chat.parser import split_list
from bot.doctor.discord import PERMISSIONS, ask_discord, invite_link
from bot.doctor.findings import RefusedError
from bot.doctor.telegram import ask_telegram
from bot.engine.settings_record import (
    Value,
    already_there,
    is_record,
    settings_text,
    whole_path,
    write_private,
)
from bot.terminal.console import Terminal
from bot.terminal.numbers import counted
from config.files import NAME
from config.settings import known_kinds
from core.domain.errors import ModelUnavailable, SettingsError, SourceError

Bot = TypeVar("Bot")

_DISCORD_STEPS = """\
Discord: open https://discord.com/developers/applications and choose New Application, then
Bot, Reset Token, and copy the token. The bot needs no privileged intent, except for
answering photos that nobody sends to it."""
_TELEGRAM_STEPS = """\
Telegram: write to @BotFather: /newbot, then a name and a user name ending in "bot"; it
answers with the token."""
_DISCORD_ID = """\
Your own id makes you an administrator of the bot in every server: in Discord, User Settings,
Advanced, Developer Mode; then right-click your name anywhere and Copy User ID."""
_TELEGRAM_ID = """\
Your own id makes you an administrator of the bot in every chat. If you do not know it, leave it
empty: the bot tells it when you write /start to it, and it goes to admins in [telegram]."""
_COMMUNITIES = """\
Who may search your pictures: web is your own web chat; add servers and chats by their ids, as
discord:1234567890 (right-click a server, Copy Server ID) or telegram:-1001234567890, with commas
between them. * is everybody who finds the bot."""
_NEXT = """\
Wrote {file}, which only you can read. Now:
    tangerine doctor{config}
    tangerine run{config}"""


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """What needs no question: from options and the environment; None where it is not said.

    ``*_api_url`` are other servers than the public ones.
    """

    gallery: Path | None = None
    data_dir: Path | None = None
    model: str | None = None
    web_port: int | None = None
    discord_token: str | None = field(default=None, repr=False)
    telegram_token: str | None = field(default=None, repr=False)
    discord_api_url: str | None = None
    discord_gateway_url: str | None = None
    telegram_api_url: str | None = None


class Init:
    """One run of ``tangerine init``.

    ``asks`` is whether somebody is there to be asked; nobody is with ``--yes``. ``explained``
    is the text of ``config/default.toml``. ``count_pictures`` says how many pictures are in
    a folder; it blocks and raises SourceError. ``check_model`` says whether it is known that
    there is a model of this name; it blocks and raises ModelUnavailable where there is none.
    """

    def __init__(
        self,
        terminal: Terminal,
        known: InitAnswers,
        *,
        asks: bool,
        explained: str,
        count_pictures: Callable[[Path], int],
        check_model: Callable[[str], bool],
    ) -> None:
        self._terminal = terminal
        self._known = known
        self._asks = asks
        self._explained = explained
        self._count = count_pictures
        self._check_model = check_model
        self._links: list[str] = []

    def write(self, file: Path) -> None:
        """Ask, try, and write ``file``. Blocking.

        Nothing is overwritten but what ``tangerine run`` has left there. Raises SettingsError.
        """
        record = is_record(file)
        if file.exists() and not record:
            raise already_there(file)
        known = self._known
        values: dict[str, Value] = {
            "gallery": str(self._gallery()),
            "data_dir": str(self._data_dir(file)),
            "model": self._model(),
        }
        if known.web_port is not None:
            values["web.port"] = known.web_port
        values |= self._discord()
        values |= self._telegram()
        values["communities"] = self._communities(values)
        given = {
            "discord.api_url": known.discord_api_url,
            "discord.gateway_url": known.discord_gateway_url,
            "telegram.api_url": known.telegram_api_url,
        }
        values |= {name: value for name, value in given.items() if value}
        text = settings_text(values, self._explained)
        write_private(file, text, replacing=record)
        for line in self._links:
            self._terminal.note(line)
        # It is found by itself where it is called what it is looked for as.
        found = file.absolute() == Path(NAME).absolute()
        self._terminal.note(_NEXT.format(file=file, config="" if found else f" --config {file}"))

    def _gallery(self) -> Path:
        folder = self._known.gallery
        while True:
            if folder is None:
                if not self._asks:
                    raise SettingsError(
                        "No folder of pictures is named.", remedy="Name one with --gallery."
                    )
                folder = Path(self._ask("Folder of your pictures"))
            folder = whole_path(folder)
            try:
                pictures = self._count(folder)
            except SourceError as error:
                if not self._asks:
                    raise SettingsError(error.message, remedy=error.remedy) from error
                self._terminal.error(error.message, error.remedy)
                folder = None
            else:
                self._terminal.note(f"{counted(pictures, 'picture')} in {folder}.")
                return folder

    def _data_dir(self, file: Path) -> Path:
        default = file.absolute().with_name("data")
        folder = self._known.data_dir or Path(
            self._ask("Folder for catalogue, index and models", str(default))
        )
        return whole_path(folder)

    def _model(self) -> str:
        name = self._known.model
        while True:
            if name is None:
                name = self._ask("Model, by name or folder", "mini").strip()
            try:
                if not self._check_model(name):
                    self._terminal.note(
                        f"The hub cannot be reached: nobody knows yet whether it has {name}."
                    )
            except ModelUnavailable as error:
                if not self._asks:
                    raise SettingsError(error.message, remedy=error.remedy) from error
                self._terminal.error(error.message, error.remedy)
                name = None
            else:
                return name

    def _communities(self, values: Mapping[str, Value]) -> list[str]:
        mine = [f"telegram:{each}" for each in _listed(values.get("telegram.admins"))]
        usual = ", ".join(["web", *mine])
        platforms = {"discord.token", "telegram.token"} & values.keys()
        if not self._asks or not platforms:
            return ["web", *mine]
        self._terminal.note(_COMMUNITIES)
        while True:
            answer = self._ask("Who may search", usual)
            named = tuple(dict.fromkeys(split_list(answer)))
            try:
                return list(known_kinds(named))
            except ValueError as error:
                self._terminal.error(f"{error}.")

    def _own_id(self, steps: str, platform: str) -> list[int]:
        if not self._asks:
            return []
        self._terminal.note(steps)
        while True:
            answer = self._ask(f"Your own {platform} id (empty: none)", "").strip()
            if not answer:
                return []
            if answer.isascii() and answer.isdigit():
                return [int(answer)]
            self._terminal.error(f"{answer} is no id.", "An id is a number, as 123456789.")

    def _discord(self) -> dict[str, Value]:
        token, bot = self._token(
            self._known.discord_token,
            _DISCORD_STEPS,
            "Discord token (empty: no Discord)",
            lambda token: ask_discord(token, self._known.discord_api_url),
        )
        if bot is not None:
            rights = ", ".join(PERMISSIONS)
            self._links.append(
                f"Discord: let {bot.name} into your server ({rights}):\n"
                f"    {invite_link(bot.application_id)}"
            )
        if not token:
            return {}
        values: dict[str, Value] = {"discord.token": token}
        mine = self._own_id(_DISCORD_ID, "Discord")
        return values | ({"discord.admins": mine} if mine else {})

    def _telegram(self) -> dict[str, Value]:
        token, bot = self._token(
            self._known.telegram_token,
            _TELEGRAM_STEPS,
            "Telegram token (empty: no Telegram)",
            lambda token: ask_telegram(token, self._known.telegram_api_url),
        )
        if bot is not None:
            steps = [f"Telegram: open https://t.me/{bot.name}"]
            if not bot.inline:
                steps.append("    /setinline at @BotFather lets people search from any chat")
            if not bot.hears_groups:
                steps.append(
                    "    /setprivacy at @BotFather, Disable, lets it see every photo of a group"
                )
            self._links.append("\n".join(steps))
        if not token:
            return {}
        values: dict[str, Value] = {"telegram.token": token}
        mine = self._own_id(_TELEGRAM_ID, "Telegram")
        return values | ({"telegram.admins": mine} if mine else {})

    def _token(
        self,
        token: str | None,
        steps: str,
        question: str,
        ask: Callable[[str], Coroutine[Any, Any, Bot]],
    ) -> tuple[str, Bot | None]:
        """A token that was tried, and whose it is; empty for none, None for not known."""
        asked = token is None
        if asked:
            if not self._asks:
                return "", None
            self._terminal.note(steps)
        while True:
            if token is None:
                token = (self._ask(question, "", secret=True)).strip()
            if not token:
                return "", None
            try:
                return token, asyncio.run(ask(token))
            except RefusedError as refused:
                finding = refused.finding
                if not refused.for_good:
                    # The network may come later; the doctor asks again.
                    self._terminal.error(finding.message, finding.remedy)
                    return token, None
                if not self._asks:
                    raise SettingsError(finding.message, remedy=finding.remedy) from refused
                self._terminal.error(finding.message, "Copy it once more, or leave it empty.")
                token = None

    def _ask(self, question: str, default: str | None = None, *, secret: bool = False) -> str:
        if not self._asks:
            return default or ""
        answer: str = typer.prompt(
            question,
            default=default,
            hide_input=secret,
            show_default=bool(default),
            err=True,
        )
        return answer


def _listed(value: Value | None) -> list[int] | list[str]:
    return value if isinstance(value, list) else []
