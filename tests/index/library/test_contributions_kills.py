"""A process killed while it adds and removes: nothing acknowledged is lost, nothing is half."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.galleries import Gallery

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[3]

_PROGRAM = """
import asyncio, random, sys
from pathlib import Path
from tests.fakes import picture_bytes
from tests.galleries import Gallery

async def main(home, seed, first):
    chance = random.Random(seed)
    gallery = Gallery(Path(home))
    alive, gone = {}, {}
    view = await gallery.library.open(None, "web")
    for picture in view.pictures:
        alive[picture.caption] = picture.id
    print("ready", flush=True)
    for number in range(first, first + 1000):
        step = chance.choice(["add", "add", "remove", "restore"])
        if step == "remove" and len(alive) > 1:
            name = chance.choice(sorted(alive))
            print("remove", name, flush=True)
            await gallery.contributions.remove(alive[name], community="web", remover="web:1")
            gone[name] = alive.pop(name)
        elif step == "restore" and gone:
            name = chance.choice(sorted(gone))
            print("add", name, flush=True)
            await gallery.contributions.restore(gone[name], community="web")
            alive[name] = gone.pop(name)
        else:
            print("add", number, flush=True)
            rgb = chance.randrange(256), chance.randrange(256), chance.randrange(256)
            picture = await gallery.contributions.add(
                picture_bytes(rgb, number),
                str(number), community="web", uploader="web:1", anyway=True,
            )
            alive[str(number)] = picture.id
        print("done", flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def _killed(home: Path, seed: int, first: int, moment: float) -> list[str]:
    """What a process said that was killed at that moment after it was ready."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(home), str(seed), str(first)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moment)
        process.kill()
        said = process.stdout.read()
    # A line that was cut off in the middle was not said.
    return said[: said.rfind("\n") + 1].splitlines()


def _states(before: set[str], said: list[str]) -> tuple[set[str], set[str]]:
    """What has to be there after the last word, without and with the step under way."""
    old, new = set(before), set(before)
    for line in said:
        if line == "done":
            old = set(new)
            continue
        step, name = line.split()
        if step == "add":
            new.add(name)
        else:
            new.discard(name)
    return old, new


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
        said = _killed(home, chance.randrange(2**32), 1000 * number, chance.uniform(0.0, 0.4))
        old, new = _states({_name(each) for each in seen}, said)
        seen, mended = asyncio.run(_look(home))
        names = {_name(each) for each in seen}
        assert names in (old, new), "what was acknowledged, with or without the last step"
        hits += old != new
        repaired += mended
    return hits, repaired


def _name(seen: str) -> str:
    return seen.removesuffix(".png")


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
