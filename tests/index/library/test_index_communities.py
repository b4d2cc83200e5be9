"""Settings of communities: from memory, durable, and never lost to a bad row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from bot.app.background import keep_fresh
from core.domain.errors import CatalogueError
from core.domain.types import CommunitySettings
from index.catalogue.schema import community_settings
from index.library.community_rows import purge_community
from index.library.community_settings import REVISIONS, StoredSettings
from index.library.overlay import Overlays
from index.library.retention import Retention
from index.library.upload_files import UploadFiles
from tests.databases import database_at
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("database")

CHOSEN = CommunitySettings(
    photo_channels=frozenset({"discord:5", "discord:6"}),
    count=7,
    show_weak=True,
    text_cooldown_s=1.5,
    picture_cooldown_s=0.0,
)


@pytest.fixture
def overlays(tmp_path: Path) -> Iterator[Overlays]:
    """Those of an empty catalogue that waits for nobody."""
    database = database_at(tmp_path, busy_seconds=0.05)
    yield Overlays(database, UploadFiles(tmp_path / "uploads"))
    database.close()


async def test_settings_outlive_the_process(overlays: Overlays) -> None:
    """What was saved is there after a restart, each community's own."""
    settings = StoredSettings.open(overlays)
    assert settings.of("discord:1") == CommunitySettings()
    await settings.save("discord:1", CHOSEN)
    await settings.save("discord:2", CommunitySettings(count=1))
    assert settings.of("discord:1") == CHOSEN
    again = StoredSettings.open(overlays)
    assert again.of("discord:1") == CHOSEN
    assert again.of("discord:2") == CommunitySettings(count=1)
    assert again.of("discord:3") == CommunitySettings()


async def test_the_last_one_holds(overlays: Overlays) -> None:
    """Of settings saved at the same moment, memory and disk keep the same ones."""
    settings = StoredSettings.open(overlays)
    await asyncio.gather(
        *(settings.save("discord:1", CommunitySettings(count=n)) for n in range(1, 11))
    )
    assert settings.of("discord:1") == StoredSettings.open(overlays).of("discord:1")


async def test_what_is_not_kept_does_not_hold(overlays: Overlays, tmp_path: Path) -> None:
    """Where the catalogue cannot be written, the old settings hold."""
    settings = StoredSettings.open(overlays)
    await settings.save("discord:1", CHOSEN)
    with database_at(tmp_path).write(), pytest.raises(CatalogueError):
        await settings.save("discord:1", CommunitySettings())
    assert settings.of("discord:1") == CHOSEN
    assert StoredSettings.open(overlays).of("discord:1") == CHOSEN


@pytest.mark.parametrize(
    "row", ["", "[]", "{}", "null", '{"photo_channels": 3}', '{"photo_channels": [], "new": 1}']
)
async def test_an_unreadable_row_costs_only_itself(overlays: Overlays, row: str) -> None:
    """A damaged row counts as the defaults; the others hold."""
    await StoredSettings.open(overlays).save("discord:1", CHOSEN)
    with overlays.change() as change:
        damaged = insert(community_settings).values(community="discord:2", settings=row)
        change.connection.execute(damaged)
    settings = StoredSettings.open(overlays)
    assert settings.of("discord:1") == CHOSEN
    assert settings.of("discord:2") == CommunitySettings()


async def test_what_another_process_changes_is_seen(overlays: Overlays, tmp_path: Path) -> None:
    """Saved, moved and deleted settings, each after one look; without a change none is read."""
    mine, theirs = StoredSettings.open(overlays), StoredSettings.open(_process(tmp_path))
    assert not await theirs.catch_up()
    await mine.save("discord:1", CHOSEN)
    assert theirs.of("discord:1") == CommunitySettings()
    assert await theirs.catch_up()
    assert theirs.of("discord:1") == CHOSEN
    assert not await theirs.catch_up()
    upkeep = Retention(overlays)
    upkeep.moved("discord:1", "discord:2")
    assert await theirs.catch_up()
    assert theirs.of("discord:2").count == CHOSEN.count
    with overlays.change() as change:
        change.touched.update(purge_community(change.connection, "discord:2", 0.0).touched)
    assert await theirs.catch_up()
    assert theirs.of("discord:2") == CommunitySettings()
    # And the one that made the changes asked nobody.
    assert mine.of("discord:1") == CHOSEN
    await mine.catch_up()
    assert mine.of("discord:1") == CommunitySettings()
    assert Retention(overlays).sweep() is False


async def test_a_change_is_not_missed_that_is_announced_before_it_can_be_read(
    overlays: Overlays, tmp_path: Path
) -> None:
    """Until then every look reads again; where its process was killed, until the next sweep."""
    theirs = StoredSettings.open(_process(tmp_path))
    overlays.files.announce(REVISIONS, 1)
    assert await theirs.catch_up()
    assert await theirs.catch_up()
    assert theirs.of("discord:1") == CommunitySettings()
    Retention(overlays).sweep()
    assert not await theirs.catch_up()
    await StoredSettings.open(overlays).save("discord:1", CHOSEN)
    assert await theirs.catch_up()
    assert theirs.of("discord:1") == CHOSEN


async def test_a_running_program_follows(overlays: Overlays, tmp_path: Path) -> None:
    """Whatever fails once in between."""
    mine, theirs = StoredSettings.open(overlays), StoredSettings.open(_process(tmp_path))
    task = asyncio.create_task(keep_fresh(theirs, every_s=0.0))
    await mine.save("discord:1", CHOSEN)
    async with asyncio.timeout(10):
        while theirs.of("discord:1") != CHOSEN:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_of_which_communities_something_is_kept(tmp_path: Path) -> None:
    """Pictures, removals or settings; neither those who only share, nor people."""
    gallery = Gallery(tmp_path, communities="discord:1 discord:2 *")
    gallery.add("red.png", "red", 1)
    await gallery.reindex()
    assert await gallery.contributions.communities() == frozenset()
    await gallery.post("green", 2, community="discord:1", uploader="discord:17")
    await gallery.post("pink", 3, community="telegram:8", uploader="telegram:9")
    picture_id = gallery.ids()["red.png"]
    await gallery.contributions.remove(picture_id, community="discord:3", remover="discord:17")
    await gallery.settings.save("discord:dm:4", CHOSEN)
    kept = {"discord:1", "telegram:8", "discord:3", "discord:dm:4"}
    assert await gallery.contributions.communities() == kept
    gallery.close()


def _process(tmp_path: Path) -> Overlays:
    """What another process has of the same data folder."""
    database = database_at(tmp_path, busy_seconds=0.05)
    return Overlays(database, UploadFiles(tmp_path / "uploads"))
