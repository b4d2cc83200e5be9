"""A full disk: what was saved before stays whole, the message says so, and room is enough."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError, UploadsFull
from tests.galleries import Gallery
from tests.small_disk import SmallDisk, no_room, small_disk

pytestmark = pytest.mark.process

_TOLD = re.compile(r"disk|room|space", re.IGNORECASE)
_PICTURES = 40
_ENOUGH = 4 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk."""
    with small_disk(tmp_path) as disk:
        print(f"faults on {disk.kind}")
        yield disk


async def _indexed(disk: SmallDisk) -> Gallery:
    gallery = Gallery(disk.folder)
    for number in range(_PICTURES):
        gallery.add(f"{number}.png", "red", number, caption=f"number {number} " + "word " * 20)
    await gallery.reindex()
    await gallery.post("blue", 500, "a first one")
    return gallery


async def _found_anew(gallery: Gallery) -> set[str]:
    """What a process that starts now finds."""
    other = Gallery(gallery.pictures.parent)
    try:
        return await other.seen()
    finally:
        other.close()


def _check_words(error: CatalogueError) -> None:
    assert _TOLD.search(str(error)), str(error)
    assert error.remedy


def test_the_disk_is_full(disk: SmallDisk) -> None:
    """The harness itself: no room within, room again afterwards."""
    with disk.with_room(0):
        assert no_room(disk.folder)
    assert not no_room(disk.folder)


@pytest.mark.parametrize(
    ("full", "most", "steps"),
    [(False, 240_000, 10), pytest.param(True, 400_000, 40, marks=pytest.mark.long)],
)
async def test_a_reindex_without_room(
    disk: SmallDisk, *, full: bool, most: int, steps: int
) -> None:
    """Wherever it runs out of room: old state or new, a message with a remedy, then it works."""
    gallery = await _indexed(disk)
    old = await gallery.seen()
    stages, refused = set(), 0
    for number, room in enumerate([*range(0, most, most // steps), _ENOUGH]):
        gallery.write(f"{number}.txt", f"number {number} with other words {room}")
        gallery.add(f"new {number}.png", "green", 100 + number)
        new = old | {f"new {number}.png"}
        try:
            with disk.with_room(room):
                await gallery.reindex(full=full)
        except CatalogueError as error:
            refused += 1
            _check_words(error)
            stages.add("index" if "index could not" in error.message else "catalogue")
            assert await gallery.seen() in (old, new)
            assert await _found_anew(gallery) in (old, new)
            await gallery.reindex(full=full)
        assert await gallery.seen() == new
        assert await _found_anew(gallery) == new
        assert gallery.verify() == []
        old = new
    print(f"{refused} of {steps + 1} were refused, at {sorted(stages)}")
    assert 0 < refused <= steps
    assert stages == {"catalogue", "index"} or disk.kind.startswith("RLIMIT")
    gallery.close()


async def test_an_upload_without_room(disk: SmallDisk) -> None:
    """An upload is kept whole or not at all, and what is removed without room stays or goes."""
    gallery = await _indexed(disk)
    refused = 0
    for number, room in enumerate([*range(0, 120_000, 15_000), _ENOUGH]):
        old = await gallery.seen()
        files = gallery.upload_files()
        try:
            with disk.with_room(room):
                await gallery.post("green", 1000 + number, f"upload {number}", anyway=True)
        except (CatalogueError, UploadsFull) as error:
            refused += 1
            if isinstance(error, CatalogueError):
                _check_words(error)
            assert await gallery.seen() == old
            await gallery.contributions.sweep()
            assert gallery.upload_files() == files, "nothing is left of it"
            await gallery.post("green", 1000 + number, f"upload {number}", anyway=True)
        assert await gallery.seen() == await _found_anew(gallery) == old | {f"upload {number}"}
        assert gallery.verify() == []
    print(f"{refused} of 9 were refused")
    assert 0 < refused <= 8
    gallery.close()


async def test_the_first_start_without_room(disk: SmallDisk) -> None:
    """A catalogue that cannot be made says why; with room it is made."""
    with disk.with_room(0), pytest.raises(CatalogueError, match=_TOLD) as refused:
        Gallery(disk.folder)
    assert refused.value.remedy
    gallery = Gallery(disk.folder)
    gallery.add("sun.png", "yellow")
    assert (await gallery.reindex()).added == 1
    gallery.close()


async def test_a_data_folder_that_may_only_be_read(disk: SmallDisk) -> None:
    """It says which folder has to be writable, loses nothing, and works once it is."""
    gallery = await _indexed(disk)
    before = await gallery.seen()
    gallery.close()
    if disk.kind.startswith("RLIMIT") and os.geteuid() == 0:
        pytest.skip("root may write everything, and no tmpfs could be mounted")
    with disk.read_only(), pytest.raises(CatalogueError, match="TANGERINE_DATA_DIR"):
        Gallery(disk.folder)
    again = Gallery(disk.folder)
    assert await again.seen() == before
    assert again.verify() == []
    again.close()
