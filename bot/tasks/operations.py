"""What ``tangerine doctor`` and ``init`` do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from rich.markup import escape

from bot.doctor.doctor import Doctor
from bot.doctor.findings import Finding, Severity, failed
from bot.doctor.init import Init, InitAnswers
from bot.engine.preflight import check_model
from bot.engine.specs import name_rules
from bot.observability.logs import configure_logs
from bot.terminal.console import Terminal
from bot.terminal.invocation import called
from config.files import config_file
from config.settings import Settings, WrongSettingError, load
from core.domain.errors import SettingsError
from index.catalogue.walk import walk

_EXPLAINED = Path(__file__).parents[2] / "config" / "default.toml"

_COLOURS = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.FAILED: "bold red"}
_WIDTHS = (max(map(len, Severity)), len("collections"))


def examine(config: Path | None, *, json: bool) -> int:
    """``tangerine doctor``; 1 where something is wrong."""
    terminal = Terminal(called=called(config))
    findings = asyncio.run(_examine(config, terminal, quiet=json))
    healthy = all(finding.verdict is not Severity.FAILED for finding in findings)
    if json:
        terminal.json({"ok": healthy, "checks": [finding.to_json() for finding in findings]})
    return 0 if healthy else 1


def write_settings(
    config: Path | None,
    out: Path,
    *,
    gallery: Path | None,
    data_dir: Path | None,
    model: str | None,
    web_port: int | None,
    yes: bool,
) -> int:
    """``tangerine init``."""
    terminal = Terminal(called=called(config))
    try:
        settings = load(look=False, gallery=gallery, data_dir=data_dir, model=model)
        rules = name_rules(settings)
        Init(
            terminal,
            _known(settings, web_port),
            asks=not yes,
            explained=_EXPLAINED.read_text(encoding="utf-8"),
            count_pictures=lambda folder: len(walk(folder, rules=rules).pictures),
            check_model=check_model,
        ).write(out)
    except SettingsError as error:
        terminal.error(error.message, error.remedy)
        return 1
    except WrongSettingError as error:
        terminal.error(str(error))
        return 1
    return 0


def _known(settings: Settings, web_port: int | None) -> InitAnswers:
    """What options and environment said; a default of the program is no answer."""
    said = settings.model_fields_set
    discord, telegram = settings.discord, settings.telegram
    if web_port is None and "port" in settings.web.model_fields_set:
        web_port = settings.web.port
    return InitAnswers(
        gallery=settings.gallery,
        data_dir=settings.data_dir if "data_dir" in said else None,
        model=settings.model if "model" in said else None,
        web_port=web_port,
        discord_token=discord.token.get_secret_value() if discord.token else None,
        telegram_token=telegram.token.get_secret_value() if telegram.token else None,
        discord_api_url=discord.api_url,
        discord_gateway_url=discord.gateway_url,
        telegram_api_url=telegram.api_url,
    )


async def _examine(config: Path | None, terminal: Terminal, *, quiet: bool) -> Sequence[Finding]:
    findings = []
    async for finding in _findings(config):
        findings.append(finding)
        if not quiet:
            _show(terminal, finding)
    return findings


async def _findings(config: Path | None) -> AsyncIterator[Finding]:
    try:
        settings = load(config)
    except WrongSettingError as error:
        remedy = "Correct it in the settings file or the environment; nothing else was checked."
        yield failed("settings", str(error), remedy)
        return
    # What is tried may tell of itself in the log, which must not get among the findings.
    configure_logs(settings)
    async for finding in Doctor(settings, config_file(config)).findings():
        yield finding


def _show(terminal: Terminal, finding: Finding) -> None:
    colour, (wide, wider) = _COLOURS[finding.verdict], _WIDTHS
    head = f"[{colour}]{finding.verdict:<{wide}}[/] {finding.check:<{wider}}"
    terminal.out.print(f"{head} {escape(finding.message)}", soft_wrap=True)
    if finding.remedy:
        remedy = escape(terminal.called.told(finding.remedy))
        terminal.out.print(f"{'':<{wide + wider + 1}} → {remedy}", soft_wrap=True)
