"""How the work of a command is done: with the settings, and with what goes wrong told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from bot.observability.logs import configure_logs
from bot.terminal.console import Terminal
from bot.terminal.invocation import as_called, called
from config.settings import Settings, WrongSettingError, load
from core.domain.errors import TangerineError

Work = Callable[[Settings, Terminal], Coroutine[Any, Any, int]]
"""Does something with the settings; its result is the exit code."""


def carry_out(config: Path | None, work: Work, *, brief: bool = False, **overrides: Any) -> int:
    """Load the settings, do the work, and turn what goes wrong into a line; the exit code.

    ``brief``: it only reads the data folder, for which a faster event loop is not imported.
    """
    terminal = Terminal(called=called(config))
    try:
        settings = load(config, **overrides)
        terminal.called = as_called(terminal.called, settings, config)
        configure_logs(settings)
        if brief:
            return asyncio.run(work(settings, terminal))
        import uvloop  # noqa: PLC0415 - not for all

        return uvloop.run(work(settings, terminal))
    except TangerineError as error:
        terminal.error(error.message, error.remedy)
    except WrongSettingError as error:
        terminal.error(str(error))
    return 1
