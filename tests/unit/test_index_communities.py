"""Settings of communities: from memory, durable, and never lost to a bad row."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import CatalogueError
from core.types import CommunitySettings
from index.communities import StoredSettings
from index.database import Database, open_database

CHOSEN = CommunitySettings(
    photo_channels=frozenset({"discord:5", "discord:6"}),
    count=7,
    show_weak=True,
    text_cooldown_s=1.5,
    picture_cooldown_s=0.0,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty catalogue's database that waits for nobody."""
    database = open_database(tmp_path / "catalogue.sqlite", busy_seconds=0.05)
    yield database
    database.close()


async def test_settings_outlive_the_process(database: Database) -> None:
    """What was saved is there after a restart, each community's own."""
    settings = StoredSettings.open(database)
    assert settings.of("discord:1") == CommunitySettings()
    await settings.save("discord:1", CHOSEN)
    await settings.save("discord:2", CommunitySettings(count=1))
    assert settings.of("discord:1") == CHOSEN
    again = StoredSettings.open(database)
    assert again.of("discord:1") == CHOSEN
    assert again.of("discord:2") == CommunitySettings(count=1)
    assert again.of("discord:3") == CommunitySettings()


async def test_the_last_one_holds(database: Database) -> None:
    """Of settings saved at the same moment, memory and disk keep the same ones."""
    settings = StoredSettings.open(database)
    await asyncio.gather(
        *(settings.save("discord:1", CommunitySettings(count=n)) for n in range(1, 11))
    )
    assert settings.of("discord:1") == StoredSettings.open(database).of("discord:1")


async def test_what_is_not_kept_does_not_hold(database: Database, tmp_path: Path) -> None:
    """Where the catalogue cannot be written, the old settings hold."""
    settings = StoredSettings.open(database)
    await settings.save("discord:1", CHOSEN)
    holder = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogueError):
        await settings.save("discord:1", CommunitySettings())
    holder.close()
    assert settings.of("discord:1") == CHOSEN
    assert StoredSettings.open(database).of("discord:1") == CHOSEN


@pytest.mark.parametrize(
    "row", ["", "[]", "{}", "null", '{"photo_channels": 3}', '{"photo_channels": [], "new": 1}']
)
async def test_an_unreadable_row_costs_only_itself(database: Database, row: str) -> None:
    """A damaged row counts as the defaults; the others hold."""
    await StoredSettings.open(database).save("discord:1", CHOSEN)
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO community_settings VALUES ('discord:2', ?)", (row,))
    settings = StoredSettings.open(database)
    assert settings.of("discord:1") == CHOSEN
    assert settings.of("discord:2") == CommunitySettings()
