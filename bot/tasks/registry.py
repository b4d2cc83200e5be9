"""What commands ask for, by name: of an engine that they open, or of that of a running bot."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bot.engine.specs import collection_named, has_data
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import CatalogueError

if TYPE_CHECKING:
    from bot.engine.encoder import Need

Task = Callable[..., Awaitable[int]]
"""``task(engine, terminal, **arguments)``: shows what it finds; its result is the exit code."""

_TASKS: Mapping[str, tuple[str, str]] = {
    "find": ("search", "find"),
    "similar": ("search", "similar"),
    "describe": ("search", "describe"),
    "classify": ("search", "classify"),
    "reindex": ("reindex", "reindex"),
    "status": ("status", "status"),
    "repair": ("verify", "repair"),
    "import-chat": ("chats", "import_chat"),
    "map": ("map", "draw_map"),
    "tag": ("tags", "tag"),
    "clear-tags": ("tags", "clear_tags"),
    "moderate-list": ("moderation", "list_criteria"),
    "moderate-add": ("moderation", "add_criterion"),
    "moderate-remove": ("moderation", "remove_criterion"),
    "moderate-test": ("moderation", "try_criterion"),
}
"""Module and function: a command imports its own and no other one."""

_QUESTIONS = frozenset({"find", "similar", "describe"})
"""What needs a folder to be there, and a model: looked at before either takes any time."""

_INDEXED = frozenset({"map", "tag", "clear-tags"})
"""What needs something indexed, and says so before it makes a data folder."""

_CHANGED = frozenset({"reindex", "repair"})
"""What needs a collection, and says so before it makes a data folder or loads a model."""

_READ = frozenset({"moderate-list"})
"""What shows an empty list where there is no data folder, and makes none."""

_STORED: Mapping[str, tuple[str, str]] = {
    "status": ("status", "stored_status"),
    "verify": ("verify", "verify"),
}
"""What tells of the data folder alone: given the settings in place of an engine, and no model."""


def task_named(name: str) -> Task:
    """The task of this name. Raises KeyError."""
    return _function(_TASKS[name])


async def alone(
    settings: Settings, terminal: Terminal, name: str, arguments: Mapping[str, Any]
) -> int:
    try:
        if name in _STORED:
            return await _function(_STORED[name])(settings, terminal, **arguments)
        return await _on_engine(settings, terminal, name, arguments)
    except CatalogueError as error:
        if name not in {"verify", "repair"} or not arguments["json"]:
            raise
        from bot.tasks.verify import lost_catalogue  # noqa: PLC0415 - as in _TASKS

        return lost_catalogue(terminal, error)


async def _on_engine(
    settings: Settings, terminal: Terminal, name: str, arguments: Mapping[str, Any]
) -> int:
    from bot.engine.engine import open_engine  # noqa: PLC0415 - slow, and not always needed

    task = task_named(name)
    if name in _QUESTIONS:
        from bot.engine.preflight import check_question  # noqa: PLC0415 - as in _TASKS

        await asyncio.to_thread(check_question, settings, arguments.get("collection"))
    elif name in _INDEXED:
        from bot.engine.preflight import check_indexed  # noqa: PLC0415 - as in _TASKS

        await asyncio.to_thread(check_indexed, settings, arguments.get("collection"))
    elif name in _CHANGED:
        collection_named(settings, arguments.get("collection"))
    # Before the task begins, as the time of a search is bounded.
    need: Need = "all" if arguments.get("image") else "texts" if name == "find" else "nothing"
    with ExitStack() as stack:
        if name in _READ and not has_data(settings.data_dir):
            scratch = stack.enter_context(TemporaryDirectory(prefix="tangerine-"))
            settings = settings.model_copy(update={"data_dir": Path(scratch)})
        async with open_engine(settings, need=need) as engine:
            return await task(engine, terminal, **arguments)


def _function(place: tuple[str, str]) -> Task:
    module, name = place
    function: Task = getattr(importlib.import_module(f"bot.tasks.{module}"), name)
    return function
