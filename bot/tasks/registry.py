"""What commands ask for, by name: of an engine that they open, or of that of a running bot."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import CatalogueError

if TYPE_CHECKING:
    from bot.engine.encoder import Need

Task = Callable[..., Awaitable[int]]
"""``task(engine, terminal, **arguments)``: shows what it finds; its result is the exit code."""

_TASKS: Mapping[str, tuple[str, str]] = {
    "find": ("work_search", "find"),
    "similar": ("work_search", "similar"),
    "describe": ("work_search", "describe"),
    "classify": ("work_search", "classify"),
    "reindex": ("work_index", "reindex"),
    "status": ("work_status", "status"),
    "repair": ("work_verify", "repair"),
    "map": ("work_map", "draw_map"),
    "tag": ("work_tags", "tag"),
    "clear-tags": ("work_tags", "clear_tags"),
    "moderate-list": ("work_moderation", "list_criteria"),
    "moderate-add": ("work_moderation", "add_criterion"),
    "moderate-remove": ("work_moderation", "remove_criterion"),
    "moderate-test": ("work_moderation", "try_criterion"),
}
"""Module and function: a command imports its own and no other one."""

_QUESTIONS = frozenset({"find", "similar", "describe"})
"""What needs a folder to be there, and a model: looked at before either takes any time."""

_STORED: Mapping[str, tuple[str, str]] = {
    "status": ("work_status", "stored_status"),
    "verify": ("work_verify", "verify"),
}
"""What tells of the data folder alone: given the settings in place of an engine, and no model."""


def task_named(name: str) -> Task:
    """The task of this name. Raises KeyError."""
    return _function(_TASKS[name])


async def alone(
    settings: Settings, terminal: Terminal, name: str, arguments: Mapping[str, Any]
) -> int:
    """Do a task without a running bot."""
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
    # Before the task begins, as the time of a search is bounded.
    need: Need = "all" if arguments.get("image") else "texts" if name == "find" else "nothing"
    async with open_engine(settings, need=need) as engine:
        return await task(engine, terminal, **arguments)


def _function(place: tuple[str, str]) -> Task:
    module, name = place
    function: Task = getattr(importlib.import_module(f"bot.{module}"), name)
    return function
