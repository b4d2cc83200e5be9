"""What ``tangerine jobs`` does: list the jobs of all nodes, and cancel one."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from bot.engine.database import open_catalogue
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import SettingsError
from index.catalogue.job_rows import JobRow, JobTable

_SHOWN = 50


async def jobs(settings: Settings, terminal: Terminal, *, cancel: int | None, json: bool) -> int:
    """The command. Raises SettingsError without a database that is shared."""
    if settings.database_url is None:
        raise SettingsError(
            "Jobs are kept where several programs share a database.",
            remedy="Set TANGERINE_DATABASE_URL (docs/cluster.md); without one, see: tangerine "
            "status",
        )
    catalogue = await asyncio.to_thread(open_catalogue, settings)
    try:
        table = JobTable(catalogue.database)
        await asyncio.to_thread(table.make)
        if cancel is not None and not await asyncio.to_thread(table.cancel, cancel):
            terminal.error(
                f"There is no job {cancel} that waits or is under way.",
                "See which there are: tangerine jobs",
            )
            return 1
        found = await asyncio.to_thread(table.latest, _SHOWN)
    finally:
        await asyncio.to_thread(catalogue.close)
    if json:
        terminal.json({"jobs": [_view(row) for row in found]})
        return 0
    terminal.table(
        ("job", "collection", "state", "done", "of", "worker"),
        [
            (
                *(str(row.id), row.collection, row.state),
                *(str(row.progress.done), str(row.progress.total), row.worker or "-"),
            )
            for row in found
        ],
    )
    return 0


def _view(row: JobRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "collection": row.collection,
        "state": row.state,
        "full": row.full,
        "worker": row.worker,
        "progress": asdict(row.progress),
        "outcome": row.outcome,
    }
