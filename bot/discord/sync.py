"""Tells Discord of the commands when they changed, and only then.

Discord takes 200 new commands a day, and every change makes clients load the menu anew: a
bot that told it at every start would soon be refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import structlog

from bot.discord.menu import CommandMenu
from bot.discord.targets import DELIVERY_ERRORS

_log = structlog.get_logger("bot.discord")


async def sync_commands(menu: CommandMenu, application_id: int, state_file: Path) -> bool:
    """Whether Discord was told. ``state_file`` keeps a hash of what it was told last.

    A failure is logged, not raised: the commands that Discord knows work as before, and the
    next start tries again.
    """
    told = json.dumps([application_id, await menu.payload()], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(told.encode()).hexdigest()
    if await asyncio.to_thread(_read, state_file) == digest:
        return False
    try:
        await menu.sync()
    except DELIVERY_ERRORS as error:
        _log.warning("commands not registered", error=type(error).__name__)
        return False
    try:
        await asyncio.to_thread(_write, state_file, digest)
    except OSError as error:
        _log.warning("cannot remember the registered commands", reason=error.strerror)
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, digest: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(f"{digest}\n", encoding="ascii")
    part.replace(path)
