"""A bucket that is away for ten seconds under load: killed, or taking connections and hanging."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.domain.errors import FilesUnreachable
from core.domain.types import Picture
from index.library.bucket import Bucket
from index.library.bucket_files import BucketFiles
from tests.galleries import Gallery
from tests.servers.s3 import S3Server

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.timeout(600)]

_AWAY_S = 10.0
_BACK_S = 5.0
"""What is promised from the return of a part to the recovery."""
_ANSWER_S = 3.0
"""An answer that needs no file, on a machine that others use, too."""
_TOLD_S = 25.0


@dataclass
class _Load:
    """People who add pictures, look at them and ask, and what they were told."""

    gallery: Gallery
    over: asyncio.Event = field(default_factory=asyncio.Event)
    acknowledged: dict[str, Picture] = field(default_factory=dict)
    added_at: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    shown_at: list[float] = field(default_factory=list)
    unseen: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)

    async def add(self, person: int) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            name = f"{person}-{number}"
            begun = time.monotonic()
            try:
                made = await self.gallery.post("blue", 1000 * person + number, name, anyway=True)
            except FilesUnreachable:
                self.refused.append(time.monotonic() - begun)
                await asyncio.sleep(0.05)
            else:
                self.acknowledged[name] = made
                self.added_at.append(time.monotonic())

    async def look(self, picture: Picture) -> None:
        """At a picture that is not on this node's disk."""
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                _, path = await self.gallery.library.picture_file(picture.id, "web")
            except FilesUnreachable:
                self.unseen.append(time.monotonic() - begun)
            else:
                path.unlink()
                self.shown_at.append(time.monotonic())
            await asyncio.sleep(0.05)

    async def ask(self) -> None:
        while not self.over.is_set():
            begun = time.monotonic()
            await self.gallery.seen()
            self.answers.append(time.monotonic() - begun)
            await asyncio.sleep(0.02)


async def _until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it has no event for these
            await asyncio.sleep(0.01)


async def _late(gallery: Gallery, picture: Picture) -> float | None:
    """Look at a picture while the bucket is away; after how long one is told, None where seen."""
    begun = time.monotonic()
    try:
        await gallery.library.picture_file(picture.id, "web")
    except FilesUnreachable:
        return time.monotonic() - begun
    return None


@pytest.mark.parametrize("how", ["hangs", "killed"])
async def test_a_bucket_that_is_away_for_ten_seconds_under_load(
    how: str, own_s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No acknowledged picture is lost, answers go on, and all of it does soon after its return."""
    for name, value in own_s3_server.environment.items():
        monkeypatch.setenv(name, value)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))  # as wait_for_servers
    files = BucketFiles(Bucket(own_s3_server.prefix()), tmp_path / "data" / "files")
    gallery = Gallery(
        tmp_path, data=tmp_path / "data", files=files, now=time.time(), max_uploads=100_000
    )
    load = _Load(gallery)
    first = [await gallery.post("red", number, f"first {number}") for number in range(10)]
    others = [await gallery.post("grey", 100 + number, f"other {number}") for number in range(4)]
    for each in [*first, *others]:
        gallery.files.find(gallery.name, each.id).unlink()
    known = await gallery.seen()
    doing: list[Awaitable[None]] = [
        load.ask(),
        *(load.add(n) for n in range(1, 4)),
        *map(load.look, first),
    ]
    tasks = [asyncio.ensure_future(each) for each in doing]
    await _until(lambda: len(load.added_at) > 5 and len(load.shown_at) > 20)
    before = max(load.answers)
    load.answers.clear()
    stopped = time.monotonic()
    outage = own_s3_server.away(how)
    await asyncio.to_thread(outage.__enter__)
    try:
        await asyncio.sleep(_AWAY_S / 2)
        late = [asyncio.ensure_future(_late(gallery, each)) for each in others]
        await asyncio.sleep(stopped + _AWAY_S - time.monotonic())
        asked = len(load.answers)
    finally:
        await asyncio.to_thread(outage.__exit__, None, None, None)
    back = time.monotonic()
    await _until(lambda: load.added_at[-1] > back and load.shown_at[-1] > back)
    took = max(
        min(each for each in times if each > back) - back
        for times in (load.added_at, load.shown_at)
    )
    load.over.set()
    await asyncio.gather(*tasks)
    told_late = [each for each in await asyncio.gather(*late) if each is not None]
    during, told = max(load.answers), max([*load.refused, *load.unseen], default=0)
    print(
        f"{how}: {len(load.acknowledged)} added; {len(load.refused)} not added and "
        f"{len(load.unseen)} not shown, told after at most {told:.1f} s, who came later after "
        f"{[round(each, 1) for each in told_late]} s; {asked} answers meanwhile, after at most "
        f"{during:.2f} s (before {before:.2f} s); all of it {took:.1f} s after the return"
    )
    assert told < _TOLD_S
    assert len(told_late) >= len(others) - 1, "one tries it for all"
    assert max(told_late) < _ANSWER_S
    assert during < _ANSWER_S
    assert took < _BACK_S
    assert await gallery.seen() == {*load.acknowledged, *known}
    for each in load.acknowledged.values():
        gallery.files.find(gallery.name, each.id).unlink()
        _, path = await gallery.library.picture_file(each.id, "web")
        assert path.stat().st_size
    assert gallery.verify() == []
    gallery.close()
