"""What ``tangerine migrate-database`` does: all of one database into another, or nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Connection

from bot.engine.instance import only_one
from bot.engine.specs import make_data_dir
from bot.engine.telegram_memory import FILE as MEMORY
from bot.engine.telegram_store import Store
from bot.tasks.steps import in_steps
from bot.terminal.console import Terminal
from core.domain.errors import CatalogueError
from core.domain.types import Progress
from index.catalogue.database import BUSY_SECONDS, FILE, Database, open_database
from index.catalogue.remembered import remembered
from index.catalogue.sqlite import Sqlite
from index.transfer.databases import CATALOGUE, Side, Tell, copy_tables, refuse_full

_REMEMBERED = remembered.sorted_tables


@dataclass(frozen=True, slots=True)
class _DatabasePlace:
    """A data folder, or the address of a database."""

    folder: Path | None
    url: str

    @classmethod
    def of(cls, text: str) -> _DatabasePlace:
        if "://" in text:
            return cls(None, text)
        path = Path(text).expanduser()
        return cls(path.parent if path.name == FILE else path, "")

    @property
    def file(self) -> Path | None:
        return self.folder and self.folder / FILE

    @property
    def memory(self) -> Path | None:
        return self.folder and self.folder / MEMORY


async def migrate_database(terminal: Terminal, source: str, target: str, *, json: bool) -> int:
    """``tangerine migrate-database``."""
    begun = time.monotonic()
    from_, to = _DatabasePlace.of(source), _DatabasePlace.of(target)
    if from_.memory is not None and from_.memory.exists():
        # One of an earlier version is brought up to date by whoever opens it.
        memory = Store(from_.memory)
        await memory.open()
        await memory.close()
    names, rows = await in_steps(
        terminal,
        lambda tell: _migrate(
            from_, to, lambda table, done, total: tell(table, Progress("copy", done, total))
        ),
    )
    seconds, total = time.monotonic() - begun, sum(rows.values())
    if json:
        view = dict(zip(("from", "to"), names, strict=True))
        terminal.json({**view, "tables": rows, "rows": total, "seconds": round(seconds, 1)})
        return 0
    terminal.line(
        f"{total} rows of {len(rows)} tables copied and compared, from {names[0]} to {names[1]}"
    )
    if from_.file is not None:
        terminal.note(
            f"{from_.file} is left as it is: move it away once the bot runs on the other one."
        )
    return 0


def _migrate(
    from_: _DatabasePlace, to: _DatabasePlace, tell: Tell
) -> tuple[tuple[str, str], dict[str, int]]:
    with ExitStack() as stack:
        for place in (from_, to):
            if place.folder is not None:
                _refuse_missing(place, source=place is from_)
                stack.enter_context(only_one(place.folder))
        source = stack.enter_context(closing(_source(from_)))
        made = stack.enter_context(_Made(to))
        target = stack.enter_context(closing(_target(to)))
        # Nobody changes anything meanwhile, and what is read is one consistent view.
        stack.enter_context(source.write())
        old = Side(source.backend, stack.enter_context(source.read()))
        new = Side(target.backend, stack.enter_context(target.write()))
        for database, side in ((source, old), (target, new)):
            # A newer program may have added what this one would leave behind.
            database.refuse_newer(side.connection, alone=True)
        tables = [(old, new, CATALOGUE)]
        theirs = _memory(from_, old, stack)
        if theirs is not None:
            ours = _memory(to, new, stack, made=True)
            assert ours is not None
            tables.append((theirs, ours, _REMEMBERED))
        for _, side, some in tables:
            refuse_full(side, some)
        rows: dict[str, int] = {}
        for before, after, some in tables:
            rows |= copy_tables(before, after, some, tell)
        made.keep()
        names = source.name, target.name
    return names, rows


def _refuse_missing(place: _DatabasePlace, *, source: bool) -> None:
    assert place.file is not None
    if source and not place.file.exists():
        raise CatalogueError(
            f"There is no catalogue {place.file}.",
            remedy="Name a data folder, or an address as postgresql://USER@HOST/DATABASE.",
        )


class _Made:
    """Files of the target that were not there: deleted again where it comes to nothing."""

    def __init__(self, place: _DatabasePlace) -> None:
        files = [each for each in (place.file, place.memory) if each is not None]
        self._new = [each for each in files if not each.exists()]

    def keep(self) -> None:
        self._new = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._new:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)


def _source(place: _DatabasePlace) -> Database:
    return open_database(place.file if place.file is not None else place.url)


def _target(place: _DatabasePlace) -> Database:
    if place.file is None:
        return open_database(place.url)
    # The folder may have indexes and uploads, to which this catalogue belongs.
    database = Database(_sqlite(place.file))
    database.migrate()
    return database


def _sqlite(file: Path) -> Sqlite:
    make_data_dir(file.parent)
    url = URL.create("sqlite", database=str(file))
    return Sqlite(url, busy_seconds=BUSY_SECONDS, file=file)


def _memory(
    place: _DatabasePlace, side: Side, stack: ExitStack, *, made: bool = False
) -> Side | None:
    """Where the Telegram bot remembers: beside the rest, or in its file; None without one."""
    if place.memory is None:
        return side
    if not made and not place.memory.exists():
        return None
    backend = _sqlite(place.memory)
    stack.callback(backend.reading.dispose)
    remembered.create_all(backend.writing)
    engine = backend.writing if made else backend.reading
    connection: Connection = stack.enter_context(engine.begin())
    return Side(backend, connection)
