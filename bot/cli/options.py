"""What the families of commands share: how their work is done, and options that many take.

Nothing here and in ``bot/cli*.py`` imports more than typer before a command is called: help,
usage errors and completion come at once, and each command waits for what it uses alone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings

    Work = Callable[[Settings, Terminal], Coroutine[Any, Any, int]]
    """Does something with the settings; its result is the exit code."""

CollectionName = Annotated[str | None, typer.Option("--collection", help="Its name.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")]
Count = Annotated[int, typer.Option("-k", help="How many results.", min=1, max=100)]


def in_a_folder(file: Path | None) -> Path | None:
    """Refuse a file to write whose folder is not there, before the work for it is done."""
    if file is not None and not (folder := file.absolute().parent).is_dir():
        missing = typer.BadParameter(f"folder '{folder}' does not exist.")
        missing.exit_code = 1  # as where it turned out when the file was written
        raise missing
    return file


_ALONE = frozenset({"repair", "verify"})
"""What looks at the disk from outside, and reads everything for minutes."""

_BRIEF = frozenset({"status", "verify"})
"""What reads the data folder and opens no engine."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


def execute(
    context: typer.Context, work: Work, *, brief: bool = False, **overrides: object
) -> None:
    """Load the settings, do the work, and turn what goes wrong into a line and a code."""
    try:
        from bot.tasks.run import carry_out

        code = carry_out(context.obj, work, brief=brief, **overrides)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    raise typer.Exit(code)


def ask(context: typer.Context, task: str, **arguments: Any) -> None:
    """Do one of the tasks of :mod:`bot.tasks.registry` with these arguments.

    A bot that runs on the same data folder does it in a moment; else it is done here.
    """
    if task not in _ALONE:
        try:
            from bot.control.client import done_by_running

            code = done_by_running(context.obj, task, arguments)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        if code is not None:
            raise typer.Exit(code)

    async def work(settings: Settings, terminal: Terminal) -> int:
        from bot.tasks.registry import alone

        return await alone(settings, terminal, task, arguments)

    execute(context, work, brief=task in _BRIEF)
