"""``tangerine`` one version later, over a schema that it expands.

``python -m tests.newer_program run`` is the real program. Its uploads have one column more, which
it reads and writes, and its step to that schema is one as the next release may bring it.
"""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Column, Connection, Index, Text, text

from bot.cli.main import main
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import BUSY_SECONDS, open_database
from index.catalogue.migrations import NEWEST, OLDEST, STEPS, SchemaVersions
from index.catalogue.schema import uploads


def _expand(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE uploads ADD COLUMN mood TEXT DEFAULT 'calm' NOT NULL"))
    connection.execute(text("CREATE INDEX ix_uploads_mood ON uploads (mood)"))


EXPANDED = SchemaVersions(NEWEST + 1, {**STEPS, NEWEST + 1: _expand}, OLDEST)


class NewerCatalogue(Catalogue):
    """Opens databases as the next version does."""

    @classmethod
    def open(
        cls,
        location: Path | str,
        *,
        busy_seconds: float = BUSY_SECONDS,
        beside: Path | None = None,
    ) -> NewerCatalogue:
        """See the catalogue's."""
        opened = open_database(location, busy_seconds=busy_seconds, beside=beside, schema=EXPANDED)
        return cls(opened)


if __name__ == "__main__":
    uploads.append_column(Column("mood", Text, nullable=False, server_default="calm"))
    Index("ix_uploads_mood", uploads.c.mood)
    with patch("bot.engine.database.Catalogue", NewerCatalogue):
        main()
