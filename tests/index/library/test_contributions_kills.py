"""A process killed while it adds and removes: nothing acknowledged is lost, nothing is half."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.changes import killed, names, states
from tests.galleries import Gallery

pytestmark = pytest.mark.process


async def _look(home: Path) -> tuple[set[str], bool]:
    """What a process that starts now finds, and whether a sweep had anything to put right."""
    gallery = Gallery(home)
    try:
        seen = await gallery.seen()
        found = gallery.upload_files()
        await gallery.contributions.sweep()
        assert await gallery.seen() == seen, "a sweep changes nothing that is seen"
        assert gallery.verify() == []
        view = await gallery.library.open(None, "web")
        shown = {picture.id for picture in view.pictures if picture.path.startswith(".")}
        files = gallery.upload_files()
        assert {name for name, aside in files.items() if not aside} == shown
        for picture_id in shown:
            await gallery.library.picture_file(picture_id, "web")
        return seen, files != found
    finally:
        gallery.close()


def _kill_many_times(home: Path, seed: int, kills: int) -> tuple[int, int]:
    """Kill a process again and again; how often in the middle of a step, and to be repaired."""
    chance = random.Random(seed)
    gallery = Gallery(home)
    gallery.add("sun.png", "yellow", caption="sun")
    asyncio.run(gallery.reindex())
    gallery.close()
    seen = asyncio.run(_look(home))[0]
    hits = repaired = 0
    for number in range(kills):
        said = killed(home, chance.randrange(2**32), number, chance.uniform(0.0, 0.4))
        old, new = states(names(seen), said)
        seen, mended = asyncio.run(_look(home))
        assert names(seen) in (old, new), "what was acknowledged, with or without the last step"
        hits += old != new
        repaired += mended
    return hits, repaired


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL at random moments: the state is the old or the new one, and files agree."""
    hits, repaired = _kill_many_times(tmp_path, seed=4, kills=4)
    print(f"{hits} of 4 kills hit a step, {repaired} left something to put right")


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(200, 210))
def test_many_killed_processes_lose_nothing(tmp_path: Path, seed: int) -> None:
    """The same rule, over 100 kills."""
    hits, repaired = _kill_many_times(tmp_path, seed=seed, kills=10)
    print(f"{hits} of 10 kills hit a step, {repaired} left something to put right")
    assert hits >= 1
