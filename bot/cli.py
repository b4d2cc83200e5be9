"""The command line: ``tangerine`` (= ``python -m bot``).

Exit codes: 0 done, 1 failed (standard error says cause and remedy), 2 usage.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from typer.core import TyperGroup

from bot import cli_collections, cli_learning, cli_map, cli_moderation, cli_operations, cli_tags
from bot.app import serve
from bot.called import called
from bot.chosen import Chosen, as_called
from bot.cli_parts import AsJson, CollectionName, Work
from bot.console import Terminal
from bot.engine import Engine, open_engine
from bot.preflight import check_question
from bot.reloading import configure_logs
from bot.views import (
    classify_view,
    describe_view,
    encoder_lines,
    reindex_view,
    search_view,
    status_view,
)
from config.settings import Settings, WrongSettingError, load
from core.errors import TangerineError
from core.tagging import among
from core.types import ReindexReport, SearchResult
from index.library import LOCAL


class _Commands(TyperGroup):
    """Takes ``--config`` before or behind the command's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _config_first(args))


def _config_first(arguments: list[str]) -> list[str]:
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--config" or argument.startswith("--config="):
            end = place + (2 if argument == "--config" else 1)
            return arguments[place:end] + arguments[:place] + arguments[end:]
    return arguments


app = typer.Typer(
    name="tangerine",
    cls=_Commands,
    help="Semantic image search for your own pictures, in chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Count = Annotated[int, typer.Option("-k", help="How many results.", min=1, max=100)]
PictureFile = Annotated[
    Path, typer.Argument(metavar="IMAGE", help="A picture file.", exists=True, dir_okay=False)
]


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tangerine {version('tangerine')}")
        raise typer.Exit


@app.callback()
def main_options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML); also TANGERINE_CONFIG.")
    ] = None,
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Semantic image search for your own pictures, in chat."""
    context.obj = config


@app.command()
def run(
    context: typer.Context,
    gallery: Annotated[
        Path | None, typer.Option(help="Folder of pictures; also TANGERINE_GALLERY.")
    ] = None,
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="Without a gallery, fetch one to try with.")
    ] = False,
) -> None:
    """Start every adapter that has a token, and the local web chat."""

    async def work(settings: Settings, terminal: Terminal) -> int:
        chosen = Chosen(context.obj, gallery, terminal, demo=demo)
        await serve(
            settings,
            terminal,
            lambda shown: load(context.obj, gallery=shown.gallery),
            choose=chosen.settings,
        )
        return 0

    _execute(context, work, gallery=gallery)


@app.command()
def find(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the pictures show.")],
    k: Count = 5,
    exclude: Annotated[str | None, typer.Option(help="What they should not show.")] = None,
    collection: CollectionName = None,
    *,
    label: Annotated[str | None, typer.Option(help="Only pictures tagged with it.")] = None,
    json: AsJson = False,
) -> None:
    """Find the pictures that a text describes."""

    async def search(engine: Engine) -> SearchResult:
        return await engine.search.find(
            among(label, text) if label else text,
            community=LOCAL,
            collection=engine.collection_name(collection),
            k=k,
            exclude=exclude,
        )

    if not text.strip():
        raise typer.BadParameter(
            'There are no words to search for. Try: tangerine find "orange fruits"',
            param_hint="TEXT",
        )
    _ask(context, search, search_view, Terminal.hits, collection=collection, json=json)


@app.command()
def similar(
    context: typer.Context,
    image: PictureFile,
    text: Annotated[str | None, typer.Option(help="What should be different.")] = None,
    k: Count = 5,
    collection: CollectionName = None,
    *,
    json: AsJson = False,
) -> None:
    """Find the pictures that look like one."""

    async def search(engine: Engine) -> SearchResult:
        return await engine.search.similar(
            image, community=LOCAL, collection=engine.collection_name(collection), k=k, text=text
        )

    _ask(context, search, search_view, Terminal.hits, collection=collection, json=json)


@app.command()
def describe(
    context: typer.Context,
    image: PictureFile,
    k: Count = 5,
    collection: CollectionName = None,
    *,
    json: AsJson = False,
) -> None:
    """Show the stored captions that match a picture best."""
    _ask(
        context,
        lambda engine: engine.search.describe(
            image, community=LOCAL, collection=engine.collection_name(collection), k=k
        ),
        describe_view,
        Terminal.captions,
        collection=collection,
        json=json,
    )


@app.command()
def classify(
    context: typer.Context,
    image: PictureFile,
    labels: Annotated[list[str], typer.Argument(metavar="LABEL LABEL ...", help="2 to 20.")],
    *,
    json: AsJson = False,
) -> None:
    """Say which of some labels fits a picture best."""
    _ask(
        context,
        lambda engine: engine.search.classify(image, labels),
        classify_view,
        Terminal.labels,
        json=json,
    )


@app.command()
def reindex(
    context: typer.Context,
    collection: CollectionName = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Encode every picture anew.")] = False,
    confirm_removals: Annotated[
        bool,
        typer.Option("--confirm-removals", help="Most pictures were removed on purpose."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Bring a collection up to date with its folder."""

    async def work(settings: Settings, terminal: Terminal) -> int:
        async with open_engine(settings) as engine:
            name = engine.collection_name(collection)
            with terminal.progress() as lines:
                report: ReindexReport = await engine.reindexer.reindex(
                    name,
                    full=full,
                    confirm_removals=confirm_removals,
                    on_progress=lambda progress: lines.update(name, progress),
                )
        terminal.json(reindex_view(report)) if json else terminal.report(report)
        return 0

    _execute(context, work)


@app.command()
def status(context: typer.Context, *, json: AsJson = False) -> None:
    """Say what is loaded and indexed."""

    async def work(settings: Settings, terminal: Terminal) -> int:
        async with open_engine(settings) as engine:
            collections = list(await engine.library.status(LOCAL))
            card = engine.model_card()
        if json:
            terminal.json(status_view(card, collections))
        else:
            terminal.out.print(f"model {card.name} ({card.dimension} dimensions) on {card.place}")
            for line in encoder_lines(card):
                terminal.out.print(line, soft_wrap=True, markup=False)
            terminal.statuses(collections)
        return 0

    _execute(context, work)


def _ask(
    context: typer.Context,
    search: Callable[[Engine], Coroutine[Any, Any, Any]],
    view: Callable[[Any], object],
    show: Callable[[Terminal, Any], None],
    *,
    json: bool,
    collection: str | None = None,
) -> None:
    async def work(settings: Settings, terminal: Terminal) -> int:
        await asyncio.to_thread(check_question, settings, collection)
        async with open_engine(settings) as engine:
            result = await search(engine)
        terminal.json(view(result)) if json else show(terminal, result)
        return 0

    _execute(context, work)


def _execute(
    context: typer.Context,
    work: Work,
    **overrides: Any,
) -> None:
    """Load the settings, do the work, and turn what goes wrong into a line and a code."""
    terminal = Terminal(called(context.obj))
    try:
        settings = load(context.obj, **overrides)
        terminal.called = as_called(terminal.called, settings, context.obj)
        configure_logs(settings)
        code = uvloop.run(work(settings, terminal))
    except TangerineError as error:
        terminal.error(error.message, error.remedy)
        code = 1
    except WrongSettingError as error:
        terminal.error(str(error))
        code = 1
    except KeyboardInterrupt:
        code = 130  # 128 + SIGINT, as shells count
    raise typer.Exit(code)


cli_map.add_to(app, _execute)
cli_learning.add_to(app, _execute)
cli_operations.add_to(app, _execute)
cli_collections.add_to(app, _execute)
cli_moderation.add_to(app, _execute)
cli_tags.add_to(app, _execute)


def main() -> None:
    """Run the command line."""
    if sys.platform == "win32":
        sys.exit("Tangerine runs on Linux and macOS; on Windows, use WSL.")
    app()
