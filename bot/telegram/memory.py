"""What the bot remembers over restarts: file ids of sent pictures, and who asked for what."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.telegram.store import Store

_TABLES = ("files", "asked", "shown")
_PRUNE_EVERY = 1000
_DAY_S = 86_400.0
KEPT_S = 30 * _DAY_S
"""How long unused entries are remembered, in seconds."""

WaitingKey = tuple[int, int, int]
"""A chat, a message, and when it was edited, in seconds since the epoch: 0 for never."""


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """Whom a message with buttons answers, and which pictures were asked about.

    ``caller`` is a user's id, or the negative id of a chat where somebody spoke in its
    name; ``pictures`` are file ids, ready to be fetched again. ``home`` is the chat for
    which the buttons act where that is not the chat they stand in.
    """

    caller: int
    pictures: tuple[str, ...] = ()
    home: int | None = None


class TelegramMemory:
    """A small SQLite file beside the catalogue; None keeps everything in memory.

    It holds nothing that cannot be found again or done without. ``keep`` rows of each kind
    are held, the ones longest unused go first, and all that is unused for :data:`KEPT_S`.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        keep: int = 200_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = Store(path)
        self._keep = keep
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
        marks = ",".join("?" * len(hashes))
        rows = await self._store.run(
            f"SELECT sha256, file_id, used FROM files WHERE bot = ? AND sha256 IN ({marks})",  # noqa: S608 - question marks only
            (bot, *hashes),
        )
        now = self._now()
        stale = [sha256 for sha256, _, used in rows if used < now - _DAY_S]
        if stale:
            marks = ",".join("?" * len(stale))
            await self._write(
                f"UPDATE files SET used = ? WHERE bot = ? AND sha256 IN ({marks})",  # noqa: S608 - question marks only
                (now, bot, *stale),
            )
        return {sha256: file_id for sha256, file_id, _ in rows}

    async def keep_file_id(self, bot: int, sha256: str, file_id: str) -> None:
        await self._write(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (bot, sha256, file_id, self._now())
        )

    async def forget_file_ids(self, bot: int, hashes: Sequence[str]) -> None:
        """Forget file ids that Telegram refused, or whose picture is gone."""
        for sha256 in hashes:
            await self._write("DELETE FROM files WHERE bot = ? AND sha256 = ?", (bot, sha256))

    async def keep_asked(self, bot: int, chat: int, message: int, asked: AnsweredMessage) -> None:
        pictures = json.dumps(asked.pictures)
        await self._write(
            "INSERT OR REPLACE INTO asked (bot, chat, message, caller, pictures, used, home) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (bot, chat, message, asked.caller, pictures, self._now(), asked.home),
        )

    async def asked(self, bot: int, chat: int, message: int) -> AnsweredMessage | None:
        """Whom a message of ours answers, None where that is forgotten."""
        rows = await self._store.run(
            "SELECT caller, pictures, home FROM asked "
            "WHERE bot = ? AND chat = ? AND message = ? AND used > ?",
            (bot, chat, message, self._now() - KEPT_S),
        )
        return (
            AnsweredMessage(rows[0][0], tuple(json.loads(rows[0][1])), rows[0][2]) if rows else None
        )

    async def keep_shown(self, bot: int, chat: int, pictures: Mapping[int, str]) -> None:
        """Remember which picture (by its id) each message of ours shows."""
        if pictures:
            rows = ",".join(["(?, ?, ?, ?, ?)"] * len(pictures))
            values = ((bot, chat, message, pictures[message], self._now()) for message in pictures)
            await self._write(
                f"INSERT OR REPLACE INTO shown VALUES {rows}",  # noqa: S608 - question marks only
                [value for row in values for value in row],
            )

    async def shown(self, bot: int, chat: int, message: int) -> str | None:
        """The id of the picture that a message of ours shows, None where that is forgotten."""
        rows = await self._store.run(
            "SELECT picture FROM shown WHERE bot = ? AND chat = ? AND message = ? AND used > ?",
            (bot, chat, message, self._now() - KEPT_S),
        )
        return str(rows[0][0]) if rows else None

    async def keep_waiting(self, bot: int, key: WaitingKey, body: str) -> None:
        """Keep an update, as JSON, until its post is taken in."""
        await self._store.run(
            "INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?, ?)",
            (bot, *key, body, self._now()),
        )

    async def drop_waiting(self, bot: int, keys: Sequence[WaitingKey]) -> None:
        marks = ",".join(["(?, ?, ?)"] * len(keys))
        await self._store.run(
            f"DELETE FROM waiting WHERE bot = ? AND (chat, message, edited) IN (VALUES {marks})",  # noqa: S608 - question marks only
            (bot, *(value for key in keys for value in key)),
        )

    async def waiting(self, bot: int) -> Sequence[str]:
        """The updates that wait, in the order of their messages; none older than a day."""
        await self._store.run("DELETE FROM waiting WHERE used <= ?", (self._now() - _DAY_S,))
        rows = await self._store.run(
            "SELECT body FROM waiting WHERE bot = ? ORDER BY chat, message, edited", (bot,)
        )
        return [body for (body,) in rows]

    @property
    def name(self) -> str:
        """What this memory is called where a person asks for what is kept."""
        return "telegram"

    @property
    def kept_days(self) -> int:
        """Days after which it forgets by itself."""
        return round(KEPT_S / _DAY_S)

    async def describe(self, requester: str) -> Sequence[Mapping[str, object]]:
        """The buttons that answer a person, with the pictures that were asked about."""
        rows = await self._store.run(
            "SELECT chat, message, pictures, used FROM asked WHERE caller = ? ORDER BY used",
            (_user(requester),),
        )
        return [
            {
                "chat": chat,
                "message": message,
                "asked_pictures": len(json.loads(pictures)),
                "kept_since": int(used),
            }
            for chat, message, pictures, used in rows
        ]

    async def forget(self, requester: str) -> int:
        """Forget whose those buttons are; how many it were."""
        rows = await self._store.run(
            "DELETE FROM asked WHERE caller = ? RETURNING message", (_user(requester),)
        )
        await self._store.run("PRAGMA wal_checkpoint(TRUNCATE)")  # the journal has it still
        return len(rows)

    async def note(self, bot: int, name: str) -> str | None:
        rows = await self._store.run(
            "SELECT value FROM notes WHERE bot = ? AND name = ?", (bot, name)
        )
        return str(rows[0][0]) if rows else None

    async def keep_note(self, bot: int, name: str, value: str) -> None:
        await self._write("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (bot, name, value))

    async def prune(self) -> None:
        """Drop what is too old, and the oldest of what is too much."""
        for table in _TABLES:
            await self._store.run(
                f"DELETE FROM {table} WHERE used <= ?",  # noqa: S608 - our own table names
                (self._now() - KEPT_S,),
            )
            await self._store.run(
                f"DELETE FROM {table} WHERE used < "  # noqa: S608 - our own table names
                f"(SELECT used FROM {table} ORDER BY used DESC LIMIT 1 OFFSET ?)",
                (self._keep - 1,),
            )

    async def _write(self, statement: str, values: Sequence[object]) -> None:
        await self._store.run(statement, values)
        self._writes += 1
        if self._writes % _PRUNE_EVERY == 0:
            await self.prune()


def _user(requester: str) -> int | None:
    """The Telegram id of a person, None (which equals nothing) for people elsewhere."""
    platform, _, user = requester.partition(":")
    return int(user) if platform == "telegram" and user.isdecimal() else None
