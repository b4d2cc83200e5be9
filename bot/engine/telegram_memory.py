"""What the bot remembers over restarts: file ids of sent pictures, and who asked for what."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, tuple_, update

from bot.engine.telegram_store import Store
from bot.telegram.memory import KEPT_S, AnsweredMessage, WaitingKey
from index.catalogue.database import Database
from index.catalogue.remembered import (
    telegram_asked,
    telegram_files,
    telegram_notes,
    telegram_shown,
    telegram_waiting,
)
from index.catalogue.rows import upsert

FILE = "telegram.sqlite"
"""Its file in a data folder, where no database is set."""

_PRUNE_EVERY = 1000
_DAY_S = 86_400.0


class StoredMemory:
    """The TelegramMemory port: a small SQLite file, or tables of the database that is set.

    None keeps everything in memory.

    It holds nothing that cannot be found again or done without. ``keep`` rows of each kind
    are held, the ones longest unused go first, and all that is unused for :data:`KEPT_S`.
    """

    name = "telegram"
    kept_days = round(KEPT_S / _DAY_S)

    def __init__(
        self,
        place: Path | Database | None = None,
        *,
        keep: int = 200_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = Store(place)
        self._most = keep
        self._now = now
        self._writes = 0

    async def open(self) -> None:
        await self._store.open()
        await self.prune()

    async def close(self) -> None:
        """Close it; remembering and recalling do nothing from then on."""
        await self._store.close()

    async def file_ids(self, bot: int, hashes: Sequence[str]) -> dict[str, str]:
        """The file ids of those pictures (by SHA-256) that this bot has sent before.

        What is asked for stays remembered, so that a picture that nobody may see any more
        is forgotten in the end.
        """
        table, now = telegram_files, self._now()
        mine = and_(table.c.bot == bot, table.c.sha256.in_(hashes))

        def work(connection: Connection) -> dict[str, str]:
            rows = connection.execute(select(table).where(mine)).all()
            if any(row.used < now - _DAY_S for row in rows):
                stale = and_(mine, table.c.used < now - _DAY_S)
                connection.execute(update(table).where(stale).values(used=now))
            return {row.sha256: row.file_id for row in rows}

        return await self._store.run(work, {})

    async def keep_file_id(self, bot: int, sha256: str, file_id: str) -> None:
        row = {"bot": bot, "sha256": sha256, "file_id": file_id, "used": self._now()}
        await self._keep(telegram_files, [row])

    async def forget_file_ids(self, bot: int, hashes: Sequence[str]) -> None:
        table = telegram_files
        mine = and_(table.c.bot == bot, table.c.sha256.in_(hashes))
        await self._store.run(lambda connection: _deleted(connection, table, mine), 0)

    async def keep_asked(self, bot: int, chat: int, message: int, asked: AnsweredMessage) -> None:
        row = {
            "bot": bot,
            "chat": chat,
            "message": message,
            "used": self._now(),
            "caller": asked.caller,
            "home": asked.home,
            "pictures": json.dumps(asked.pictures),
        }
        await self._keep(telegram_asked, [row])

    async def asked(self, bot: int, chat: int, message: int) -> AnsweredMessage | None:
        row = await self._of_message(telegram_asked, bot, chat, message)
        return row and AnsweredMessage(row.caller, tuple(json.loads(row.pictures)), row.home)

    async def keep_shown(self, bot: int, chat: int, pictures: Mapping[int, str]) -> None:
        here = {"bot": bot, "chat": chat, "used": self._now()}
        rows = [{**here, "message": each, "picture": pictures[each]} for each in pictures]
        await self._keep(telegram_shown, rows)

    async def shown(self, bot: int, chat: int, message: int) -> str | None:
        row = await self._of_message(telegram_shown, bot, chat, message)
        return row and str(row.picture)

    async def keep_waiting(self, bot: int, key: WaitingKey, body: str) -> None:
        chat, message, edited = key
        of_message = {"bot": bot, "chat": chat, "message": message, "edited": edited}
        await self._keep(telegram_waiting, [{**of_message, "body": body, "used": self._now()}])

    async def drop_waiting(self, bot: int, keys: Sequence[WaitingKey]) -> None:
        table = telegram_waiting
        these = tuple_(table.c.chat, table.c.message, table.c.edited).in_(keys)
        mine = and_(table.c.bot == bot, these)
        await self._store.run(lambda connection: _deleted(connection, table, mine), 0)

    async def waiting(self, bot: int) -> Sequence[str]:
        table = telegram_waiting
        old = table.c.used <= self._now() - _DAY_S
        query = select(table.c.body).where(table.c.bot == bot)
        query = query.order_by(table.c.chat, table.c.message, table.c.edited)

        def work(connection: Connection) -> Sequence[str]:
            _deleted(connection, table, old)
            return list(connection.execute(query).scalars())

        return await self._store.run(work, ())

    async def describe(self, requester: str) -> Sequence[Mapping[str, object]]:
        table = telegram_asked
        query = select(table).where(table.c.caller == _user(requester)).order_by(table.c.used)

        def work(connection: Connection) -> Sequence[Mapping[str, object]]:
            return [
                {
                    "chat": row.chat,
                    "message": row.message,
                    "asked_pictures": len(json.loads(row.pictures)),
                    "kept_since": int(row.used),
                }
                for row in connection.execute(query)
            ]

        return await self._store.run(work, [])

    async def forget(self, requester: str) -> int:
        table = telegram_asked
        mine = table.c.caller == _user(requester)
        gone = await self._store.run(lambda connection: _deleted(connection, table, mine), 0)
        await self._store.erase()
        return gone

    async def note(self, bot: int, name: str) -> str | None:
        table = telegram_notes
        query = select(table.c.value).where(table.c.bot == bot, table.c.name == name)
        return await self._store.run(lambda connection: connection.execute(query).scalar(), None)

    async def keep_note(self, bot: int, name: str, value: str) -> None:
        await self._keep(telegram_notes, [{"bot": bot, "name": name, "value": value}])

    async def prune(self) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            for table in (telegram_files, telegram_asked, telegram_shown):
                used = table.c.used
                last = select(used).order_by(used.desc()).limit(1).offset(self._most - 1)
                _deleted(connection, table, used <= now - KEPT_S)
                _deleted(connection, table, used < last.scalar_subquery())

        await self._store.run(work, None)

    async def _of_message(self, table: Table, bot: int, chat: int, message: int) -> Any:
        query = select(table).where(
            table.c.bot == bot,
            table.c.chat == chat,
            table.c.message == message,
            table.c.used > self._now() - KEPT_S,
        )
        return await self._store.run(lambda connection: connection.execute(query).first(), None)

    async def _keep(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        await self._store.run(lambda connection: upsert(connection, table, rows), None)
        self._writes += 1
        if self._writes % _PRUNE_EVERY == 0:
            await self.prune()


def _deleted(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(which)).rowcount


def _user(requester: str) -> int | None:
    """The Telegram id of a person, None (which equals nothing) for people elsewhere."""
    platform, _, user = requester.partition(":")
    return int(user) if platform == "telegram" and user.isdecimal() else None
