"""Tables of nodes that share a database on a server, beside the catalogue's and those of jobs.

They belong to no version of the schema: a program that does not know them works beside one that
does, and a catalogue in a file has none. All of them can be done without.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    literal_column,
)

from index.catalogue.schema import String, Text

node_tables = MetaData()

NOW: Final = literal_column("extract(epoch FROM clock_timestamp())", Float)
"""Seconds since the epoch by the clock of the server, which is the same for all nodes."""

# How many requests a bucket of core.domain.rate_limits (by a number made of its name) has counted,
# until when it is a pause, and when it was asked for last. What is unlogged costs no wait for the
# server's disk; a crash of the server empties it.
request_buckets = Table(
    "request_buckets",
    node_tables,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("free_at", Float, nullable=False),
    Column("used", Float, nullable=False),
    prefixes=["UNLOGGED"],
)

# When each of them was counted: numbered, so that whether there is room is told by one row.
request_times = Table(
    "request_times",
    node_tables,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    prefixes=["UNLOGGED"],
)

# What buttons stand for that is too long for one, and for whom.
button_texts = Table(
    "button_texts",
    node_tables,
    Column("community", Text, primary_key=True),
    Column("key", String(16), primary_key=True),
    Column("requester", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("used", Float, nullable=False, server_default=NOW),
    Index("ix_button_texts_requester", "requester"),
)

# Updates of Telegram, as JSON by their numbers, that ask something and are not answered yet; how
# often one was begun.
telegram_questions = Table(
    "telegram_questions",
    node_tables,
    Column("bot", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("used", Float, nullable=False, server_default=NOW),
    prefixes=["UNLOGGED"],
)

# Codes that let a chat in, by their SHA-256 in hexadecimal, and until when each holds.
claim_codes = Table(
    "claim_codes",
    node_tables,
    Column("digest", String(64), primary_key=True),
    Column("until", Float, nullable=False),
)
