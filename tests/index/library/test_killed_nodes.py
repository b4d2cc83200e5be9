"""Nodes that are killed while they add and remove: another one goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from index.library.revisions import SharedRevisions
from tests.changes import Changing, names, states
from tests.databases import on_a_server
from tests.galleries import Gallery

pytestmark = pytest.mark.process

_TAKEN_OVER_S = 5.0
"""What is promised, from a kill to the next change at another node."""
_SHOWN_S = 1.0
_LONG = 30.0


@contextmanager
def _node(home: Path, url: str) -> Iterator[Gallery]:
    """The one that is not killed: this process."""
    on_a_server(home, url)
    node = Gallery(home, data=home / "survivor", shared=SharedRevisions)
    assert isinstance(node.revisions, SharedRevisions)
    following = Thread(target=node.revisions.follow)
    following.start()
    try:
        yield node
    finally:
        node.revisions.stop()
        following.join()
        node.close()


async def _questions(node: Gallery) -> None:
    """Ask until cancelled; each is answered."""
    while True:
        await node.seen()
        await asyncio.sleep(0.01)


async def _shown(node: Gallery, old: set[str], new: set[str]) -> float:
    """Seconds until one of these is what is shown."""
    began = time.monotonic()
    while (seen := names(await node.seen())) not in (old, new):
        assert time.monotonic() - began < _LONG, (seen ^ old, seen ^ new)
        await asyncio.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [1, pytest.param(100, marks=pytest.mark.long)])
async def test_a_killed_node_loses_nothing(tmp_path: Path, postgresql_url: str, kills: int) -> None:
    """Another one shows what was acknowledged, with or without the last step, and writes on."""
    chance = random.Random(22)
    with _node(tmp_path, postgresql_url) as node:
        node.add("sun.png", "yellow", caption="sun")
        await node.reindex()
        asking = asyncio.create_task(_questions(node))
        seen, hits, shown_s, wrote_s = {"sun"}, 0, [], []
        for number in range(1, kills + 1):
            data = tmp_path / f"node{number % 2}"
            seed = chance.randrange(2**32)
            process = Changing(tmp_path, seed, number, data, postgresql_url)
            try:
                await asyncio.to_thread(process.ready)
                await asyncio.sleep(chance.uniform(0.0, 0.5))
            finally:
                said = process.kill()
            killed = time.monotonic()
            old, new = states(seen, said)
            hits += old != new
            took = await _shown(node, old, new)
            shown_s.append(took)
            mine = f"mine {number}"
            picture = await node.post("red", number, mine, uploader="web:2", anyway=True)
            wrote_s.append(time.monotonic() - killed)
            await node.contributions.remove(picture.id, community="web", remover="web:2")
            # The server may have committed after the kill what it had been told before.
            seen = names(await node.seen())
            assert seen in (old, new)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await node.contributions.sweep()
        assert names(await node.seen()) == seen, "a sweep changes nothing that is seen"
        assert node.verify() == []
    shown_s.sort()
    wrote_s.sort()
    print(
        f"{hits} of {kills} kills hit a step; another node showed it after "
        f"{shown_s[len(shown_s) // 2]:.2f} s, at most {shown_s[-1]:.2f} s, and had written after "
        f"{wrote_s[len(wrote_s) // 2]:.2f} s, at most {wrote_s[-1]:.2f} s"
    )
    assert shown_s[len(shown_s) // 2] < _SHOWN_S
    assert wrote_s[len(wrote_s) // 2] < _TAKEN_OVER_S
