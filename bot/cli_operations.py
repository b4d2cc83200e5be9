"""The commands for whoever runs the bot: doctor, verify and init."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.called import called
from bot.cli_parts import Execute
from bot.console import Terminal
from bot.doctor import Doctor
from bot.engine import open_engine
from bot.findings import Finding, Verdict, failed
from bot.init import Init, Known
from bot.preflight import check_model
from bot.reloading import configure_logs
from config.files import config_file
from config.settings import Settings, WrongSettingError, load
from core.errors import CatalogueError, SettingsError
from index.differences import Difference, Fault
from index.repair import Repaired
from index.walk import walk

_EXPLAINED = Path(__file__).parents[1] / "config" / "default.toml"

_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "bold red"}
_WIDTHS = (max(map(len, Verdict)), len("collections"))


def add_to(app: typer.Typer, execute: Execute) -> None:
    """Add the commands; ``execute`` loads the settings and turns errors into exit codes."""

    @app.command()
    def verify(
        context: typer.Context,
        *,
        repair: Annotated[
            bool, typer.Option("--repair", help="Make anew what can be; say what cannot.")
        ] = False,
        json: Annotated[bool, typer.Option("--json", help="One JSON object, only.")] = False,
    ) -> None:
        """Check index, catalogue and files against each other; exit 1 where they differ."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            try:
                found = await _verified(settings, repair=repair)
            except CatalogueError as error:
                if not json:
                    raise
                # Without a catalogue there is no collection to tell of.
                lost = Difference("", Fault.CATALOGUE, error.message, error.remedy)
                found = Repaired(left=(lost,))
            if json:
                terminal.json(_view(found))
            else:
                _show_differences(terminal, found)
            return 1 if found.left else 0

        execute(context, work)

    @app.command()
    def doctor(
        context: typer.Context,
        *,
        json: Annotated[bool, typer.Option("--json", help="One JSON object, only.")] = False,
    ) -> None:
        """Check settings, tokens, model, disk and index; exit 1 where something is wrong."""
        terminal = Terminal(called(context.obj))
        findings = asyncio.run(_examine(context.obj, terminal, quiet=json))
        healthy = all(finding.verdict is not Verdict.FAILED for finding in findings)
        if json:
            terminal.json({"ok": healthy, "checks": [finding.to_json() for finding in findings]})
        raise typer.Exit(0 if healthy else 1)

    @app.command()
    def init(
        context: typer.Context,
        out: Annotated[Path, typer.Option(help="The settings file to make.")] = Path(
            "tangerine.toml"
        ),
        gallery: Annotated[
            Path | None, typer.Option(help="Folder of pictures; also TANGERINE_GALLERY.")
        ] = None,
        *,
        data_dir: Annotated[
            Path | None, typer.Option(help="Folder for the index; also TANGERINE_DATA_DIR.")
        ] = None,
        model: Annotated[str | None, typer.Option(help="Model; also TANGERINE_MODEL.")] = None,
        web_port: Annotated[
            int | None, typer.Option(help="Port of the web chat; also TANGERINE_WEB_PORT.")
        ] = None,
        yes: Annotated[
            bool,
            typer.Option(
                "--yes", help="Ask nothing: tokens come from DISCORD_TOKEN and TELEGRAM_TOKEN."
            ),
        ] = False,
    ) -> None:
        """Ask for tokens and folders, try them, and write a settings file."""
        terminal = Terminal(called(context.obj))
        try:
            known = _known(
                load(look=False, gallery=gallery, data_dir=data_dir, model=model), web_port
            )
            Init(
                terminal,
                known,
                asks=not yes,
                explained=_EXPLAINED.read_text(encoding="utf-8"),
                count_pictures=lambda folder: len(walk(folder).pictures),
                check_model=check_model,
            ).write(out)
        except (SettingsError, WrongSettingError) as error:
            told = (
                (error.message, error.remedy) if isinstance(error, SettingsError) else (str(error),)
            )
            terminal.error(*told)
            raise typer.Exit(1) from None


async def _verified(settings: Settings, *, repair: bool) -> Repaired:
    async with open_engine(settings, take_torn_log=repair) as engine:
        return await engine.repair() if repair else Repaired(left=tuple(await engine.verify()))


def _view(found: Repaired) -> dict[str, object]:
    """The JSON: ``{"ok", "differences": [...], "repaired": [...]}``.

    Each is ``{"collection", "code", "path", "message", "remedy"}``.
    """
    return {
        "ok": not found.left,
        "differences": [difference.to_json() for difference in found.left],
        "repaired": [difference.to_json() for difference in found.mended],
    }


def _show_differences(terminal: Terminal, found: Repaired) -> None:
    for difference in found.mended:
        terminal.note(f"repaired: {difference.collection}: {difference.message}")
    for difference in found.left:
        told = terminal.called.told(str(difference))
        terminal.out.print(told, soft_wrap=True, markup=False)
    if not found.left:
        terminal.note("Index, catalogue and files agree.")


def _known(settings: Settings, web_port: int | None) -> Known:
    """What options and environment said; a default of the program is no answer."""
    said = settings.model_fields_set
    discord, telegram = settings.discord, settings.telegram
    if web_port is None and "port" in settings.web.model_fields_set:
        web_port = settings.web.port
    return Known(
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
