"""What commands ask of an engine, by name: one that they open, or that of a running bot."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.console import Terminal
from bot.engine import open_engine
from config.settings import Settings
from core.errors import CatalogueError

Task = Callable[..., Awaitable[int]]
"""``task(engine, terminal, **arguments)``: shows what it finds; its result is the exit code."""

_TASKS: Mapping[str, tuple[str, str]] = {
    "find": ("work_search", "find"),
    "similar": ("work_search", "similar"),
    "describe": ("work_search", "describe"),
    "classify": ("work_search", "classify"),
    "reindex": ("work_index", "reindex"),
    "status": ("work_index", "status"),
    "verify": ("work_operations", "verify"),
    "map": ("work_map", "draw_map"),
    "tag": ("work_tags", "tag"),
    "clear-tags": ("work_tags", "clear_tags"),
    "moderate-list": ("work_moderation", "list_criteria"),
    "moderate-add": ("work_moderation", "add_criterion"),
    "moderate-remove": ("work_moderation", "remove_criterion"),
    "moderate-test": ("work_moderation", "try_criterion"),
}
"""Module and function: a command imports its own and no other one."""


def task_named(name: str) -> Task:
    """The task of this name. Raises KeyError."""
    module, function = _TASKS[name]
    task: Task = getattr(importlib.import_module(f"bot.{module}"), function)
    return task


async def alone(
    settings: Settings, terminal: Terminal, name: str, arguments: Mapping[str, Any]
) -> int:
    """Do a task on an engine that is opened for it alone."""
    task = task_named(name)
    # Only who repairs goes on without what a damaged log held.
    torn = bool(arguments.get("repair"))
    try:
        async with open_engine(settings, take_torn_log=torn) as engine:
            return await task(engine, terminal, **arguments)
    except CatalogueError as error:
        if name != "verify" or not arguments["json"]:
            raise
        from bot.work_operations import lost_catalogue  # noqa: PLC0415 - see _TASKS

        return lost_catalogue(terminal, error)
