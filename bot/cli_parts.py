"""What the families of commands share: how their work is done, and options that many take."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from bot.console import Terminal
from config.settings import Settings

Work = Callable[[Settings, Terminal], Coroutine[Any, Any, int]]
"""Does something with the settings; its result is the exit code."""

Execute = Callable[[typer.Context, Work], None]
"""Loads the settings, does the work, and turns errors into lines and exit codes."""

CollectionName = Annotated[str | None, typer.Option("--collection", help="Its name.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")]
