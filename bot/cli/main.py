"""The command line: ``tangerine`` (= ``python -m bot``).

Exit codes: 0 done, 1 failed (standard error says cause and remedy), 2 usage.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bot.cli import access as cli_access
from bot.cli import collections as cli_collections
from bot.cli import learning as cli_learning
from bot.cli import map as cli_map
from bot.cli import moderation as cli_moderation
from bot.cli import operations as cli_operations
from bot.cli import processes as cli_processes
from bot.cli import tags as cli_tags
from bot.cli.options import AsJson, CollectionName, Count, ask, execute
from bot.cli.suggestions import suggested

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings


_OF_SHELLS = {"install_completion", "show_completion"}


class _Commands(TyperGroup):
    """Takes ``--config`` before or behind the command's name.

    Options that are used once, to set up a shell, stand in the documentation and not in help.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        found = super().get_params(ctx)
        for option in found:
            if option.name in _OF_SHELLS:
                option.hidden = True  # type: ignore[attr-defined]  # an option's
        return list(found)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _suggesting():
            return super().parse_args(ctx, _config_first(args))

    def invoke(self, ctx: Any) -> Any:
        with _suggesting():
            return super().invoke(ctx)


@contextmanager
def _suggesting() -> Iterator[None]:
    """Have the error for an unknown option of any command name the one that may be meant."""
    try:
        yield
    except Exception as error:
        # NoSuchOption of the copy of click that typer brings along, and does not hand out.
        unknown: Any = error
        if hasattr(unknown, "possibilities") and unknown.ctx is not None:
            known = [name for each in unknown.ctx.command.params for name in each.opts]
            unknown.possibilities = suggested(unknown.option_name, known)
        raise


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
    pretty_exceptions_enable=False,
    # Boxes around help and usage errors cost more than everything else of them together.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PictureFile = Annotated[
    Path, typer.Argument(metavar="IMAGE", help="A picture file.", exists=True, dir_okay=False)
]


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

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
        from bot.app.gallery import GalleryChoice
        from bot.app.serve import serve
        from config.settings import load

        chosen = GalleryChoice(context.obj, gallery, terminal, demo=demo)
        await serve(
            settings,
            terminal,
            lambda shown: load(context.obj, gallery=shown.gallery),
            choose=chosen.settings,
            keep=chosen.keep,
        )
        return 0

    execute(context, work, gallery=gallery)


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
    if not text.strip():
        raise typer.BadParameter(
            'There are no words to search for. Try: tangerine find "orange fruits"',
            param_hint="TEXT",
        )
    ask(
        context,
        "find",
        text=text,
        k=k,
        exclude=exclude,
        collection=collection,
        label=label,
        json=json,
    )


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
    ask(context, "similar", image=image, text=text, k=k, collection=collection, json=json)


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
    ask(context, "describe", image=image, k=k, collection=collection, json=json)


@app.command()
def classify(
    context: typer.Context,
    image: PictureFile,
    labels: Annotated[list[str], typer.Argument(metavar="LABEL LABEL ...", help="2 to 20.")],
    *,
    json: AsJson = False,
) -> None:
    """Say which of some labels fits a picture best."""
    ask(context, "classify", image=image, labels=labels, json=json)


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
    ask(
        context,
        "reindex",
        collection=collection,
        full=full,
        confirm_removals=confirm_removals,
        json=json,
    )


@app.command()
def status(context: typer.Context, *, json: AsJson = False) -> None:
    """Say what is loaded and indexed."""
    ask(context, "status", json=json)


cli_map.add_to(app)
cli_learning.add_to(app)
cli_operations.add_to(app)
cli_processes.add_to(app)
cli_collections.add_to(app)
cli_moderation.add_to(app)
cli_tags.add_to(app)
cli_access.add_to(app)


def main() -> None:
    """Run the command line."""
    if sys.platform == "win32":
        sys.exit("Tangerine runs on Linux and macOS; on Windows, use WSL.")
    app()
