"""A killed or cancelled reindex: the old state before, the work done kept, the new one after."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.catalogue.catalogue import Catalogue
from index.maintenance.verify import verify_index
from index.snapshots.store import SnapshotStore
from index.vectors.tuning import IndexRules
from tests.fakes import FakeEmbedder
from tests.galleries import LAYERED, Gallery, until

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[3]

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from index.vectors.tuning import IndexRules
from tests.fakes import FakeEmbedder
from tests.galleries import LAYERED, Gallery

async def main():
    rules = LAYERED if sys.argv[3] == "layered" else IndexRules()
    embedder = FakeEmbedder(delay=0.002)
    gallery = Gallery(Path(sys.argv[1]), embedder=embedder, in_flight=2, rules=rules)
    print("ready", flush=True)
    await gallery.reindex(full=sys.argv[2] == "full")
    print("done", flush=True)

asyncio.run(main())
"""


def _paths(home: Path) -> set[str]:
    """What a process that starts now finds; index and catalogue agree from then on.

    Each picture has the vector of its own file, in the old state as in the new one.
    """
    catalogue = Catalogue.open(home / "data" / "catalogue.sqlite")
    try:
        catalogue.database.check()
        store = SnapshotStore(home / "data" / "index", catalogue)
        snapshot = store.current("gallery")
        assert verify_index(store, "gallery") == []
        return set() if snapshot is None else {picture.path for picture in snapshot.pictures}
    finally:
        catalogue.close()


def _killed(home: Path, mode: str, moment: float, layers: str) -> bool:
    """Reindex in a process of its own and kill it; whether it had said that it was done."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(home), mode, layers],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moment)
        process.kill()
        return "done" in process.stdout.read()


def _kill_many_times(home: Path, seed: int, kills: int, layers: str = "layered") -> int:
    """Kill a first reindex, then that of a changed folder, then a full one; how many hit."""
    chance = random.Random(seed)
    gallery = Gallery(home, rules=LAYERED if layers == "layered" else IndexRules())
    for number in range(150):
        gallery.add(f"{number}.png", "red", number, caption=f"number {number}")
    hits, acknowledged = 0, False
    kept: set[str] = set()
    old: set[str] = set()
    for mode in ("first", "changed", "full"):
        if mode == "changed":
            for number in range(0, 150, 3):
                (gallery.pictures / f"{number}.png").unlink()
                gallery.add(f"new {number}.png", "blue", number)
        new = {file.name for file in gallery.pictures.glob("*.png")}
        for _ in range(kills):
            done = _killed(home, mode, chance.uniform(0.05, 0.6), layers)
            hits += not done
            acknowledged |= done
            states = (new,) if acknowledged else (old, new)
            assert _paths(home) in states, "old or new, never mixed; what was acknowledged stays"
            earlier = kept
            kept = set(gallery.catalogue.encoded_pictures(gallery.embedder.identity.fingerprint))
            assert kept >= earlier or _paths(home) == new, "no kill costs what was kept before it"
        print(f"{mode}: {len(kept)} contents were kept")
        before = gallery.embedder.pictures_encoded
        report = asyncio.run(gallery.reindex())
        assert report.failed == ()
        contents = {picture.sha256 for picture in gallery.snapshot().pictures}
        assert gallery.embedder.pictures_encoded - before == len(contents - kept)
        assert _paths(home) == new == set(gallery.shown())
        assert gallery.verify() == []
        kept = set(gallery.catalogue.encoded_pictures(gallery.embedder.identity.fingerprint))
        old, acknowledged = new, False
    gallery.close()
    return hits


def test_a_killed_reindex_goes_on(tmp_path: Path) -> None:
    """SIGKILL at random moments: every search has one whole state, and kept work is kept."""
    hits = _kill_many_times(tmp_path, seed=20, kills=2)
    print(f"{hits} of 6 kills hit a running reindex")
    assert hits >= 1


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(100, 112))
def test_many_killed_reindexes_go_on(tmp_path: Path, seed: int) -> None:
    """The same rule, over 108 kills, half of them with generations that are always whole."""
    layers = "layered" if seed % 2 else "whole"
    print(f"{_kill_many_times(tmp_path, seed=seed, kills=3, layers=layers)} of 9 kills hit")


async def test_a_cancelled_reindex_goes_on(tmp_path: Path) -> None:
    """A cancelled run keeps every picture that it has encoded, and frees the collection."""
    gallery = Gallery(tmp_path, in_flight=3)
    for number in range(40):
        gallery.add(f"{number}.png", "red", number)
    running = asyncio.create_task(gallery.reindex())
    await until(lambda: gallery.embedder.pictures_encoded >= 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gallery.store.current("gallery") is None
    assert gallery.reindexer.running() == {}
    assert gallery.embedder.pictures_encoded < 40
    assert (await gallery.reindex()).added == 40
    assert gallery.embedder.pictures_encoded == 40


async def test_cancelling_never_leaves_a_writer_behind(tmp_path: Path) -> None:
    """Whenever a run is cancelled, nothing of it writes any more once it has ended."""
    gallery = Gallery(tmp_path, embedder=FakeEmbedder(delay=0.001), in_flight=4)
    for number in range(30):
        gallery.add(f"{number}.png", "red", number)
    chance = random.Random(7)
    cancelled = 0
    for _ in range(12):
        running = asyncio.create_task(gallery.reindex())
        await asyncio.sleep(chance.uniform(0, 0.06))
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            cancelled += 1
        with gallery.store.writer_lock("gallery").acquire(blocking=False):
            state = gallery.catalogue.known("gallery"), gallery.catalogue.generation("gallery")
        await asyncio.sleep(0.005)
        assert state == (
            gallery.catalogue.known("gallery"),
            gallery.catalogue.generation("gallery"),
        )
    print(f"{cancelled} of 12 runs were cancelled before their end")
    await gallery.reindex()
    assert len(gallery.snapshot().pictures) == 30
