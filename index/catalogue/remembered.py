"""What the Telegram bot remembers: tables that can be done without, apart from the catalogue's.

Beside a catalogue in a file they have a file of their own, so that no answer waits for a reindex
that writes. On a server, where rows are locked and not all of the database, they are beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import BigInteger, Column, Float, Index, MetaData, Table

from index.catalogue.schema import String, Text

remembered = MetaData()


def _of_message() -> Iterator[Column[int]]:
    """The key of a message: a table has columns of its own."""
    for name in ("bot", "chat", "message"):
        yield Column(name, BigInteger, primary_key=True, autoincrement=False)


# By which Telegram shows a picture (by its content) again, to each bot.
telegram_files = Table(
    "telegram_files",
    remembered,
    Column("bot", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", String(64), primary_key=True),
    Column("file_id", Text, nullable=False),
    # Seconds since the epoch, as below.
    Column("used", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Whom a message of ours answers, and the pictures that were asked about, as a JSON list.
telegram_asked = Table(
    "telegram_asked",
    remembered,
    *_of_message(),
    Column("caller", BigInteger, nullable=False),
    Column("pictures", Text, nullable=False),
    Column("used", Float, nullable=False),
    Column("home", BigInteger),
    Index("ix_telegram_asked_caller", "caller"),
    sqlite_with_rowid=False,
)

# Which picture a message of ours shows.
telegram_shown = Table(
    "telegram_shown",
    remembered,
    *_of_message(),
    Column("picture", Text, nullable=False),
    Column("used", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Updates, as JSON, whose posts were acknowledged and not taken in yet.
telegram_waiting = Table(
    "telegram_waiting",
    remembered,
    *_of_message(),
    # When it was edited, 0 for never.
    Column("edited", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("used", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Where the bot has come to, as the number of the next update.
telegram_notes = Table(
    "telegram_notes",
    remembered,
    Column("bot", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
