"""Refused pictures: remembered by their bytes, and tried again when those may not be to blame."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.app.background import keep_retrying
from bot.engine.engine import circumstances_of
from config.settings import load
from core.domain.errors import BadPicture, DamagedPicture, DecodingFailed, TooManyPixels
from core.domain.reindex_jobs import OwnReindexJobs
from index.indexing.patience import Circumstances
from tests.galleries import Gallery, until

_HOUR = 3600.0


class Times:
    """The same folder in programs of other settings and at other times."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.now = 1_800_000_000.0

    def gallery(self, key: str = "50 megapixels", **errors: BadPicture) -> Gallery:
        """A program with these settings whose decoder refuses these pictures."""
        gallery = Gallery(self._home, circumstances=Circumstances(key, now=lambda: self.now))
        gallery.decoder.errors.update({f"{name}.png": error for name, error in errors.items()})
        return gallery

    async def tried(self, gallery: Gallery) -> list[str]:
        """The pictures that the next reindex decodes."""
        before = len(gallery.decoder.decoded)
        await gallery.reindex()
        return sorted(Path(str(each)).name for each in gallery.decoder.decoded[before:])


@pytest.fixture
def times(tmp_path: Path) -> Times:
    """An empty folder."""
    return Times(tmp_path)


async def test_another_setting_tries_what_was_refused(times: Times) -> None:
    """The same bytes are not tried twice under the same bounds, and once under others."""
    refused = TooManyPixels("This picture has 60 megapixels; at most 50 are accepted.")
    gallery = times.gallery(large=refused, broken=DamagedPicture("It is damaged."))
    for seed, name in enumerate(("fine", "large", "broken")):
        gallery.add(f"{name}.png", "red", seed)
    assert len((await gallery.reindex()).failed) == 2
    times.now += 365 * 24 * _HOUR
    assert await times.tried(gallery) == []
    raised = times.gallery("100 megapixels", broken=DamagedPicture("It is damaged."))
    assert await times.tried(raised) == ["broken.png", "large.png"]
    assert raised.shown().keys() == {"fine.png", "large.png"}
    assert [each.path for each in raised.catalogue.failures(raised.name)] == ["broken.png"]
    assert await times.tried(raised) == []
    assert gallery.verify() == []


async def test_what_load_may_have_caused_is_tried_later(times: Times) -> None:
    """After an hour, then after pauses that grow to a week; another reason is not."""
    slow = DecodingFailed("This picture takes longer than 10 seconds to decode.")
    gallery = times.gallery(slow=slow, broken=DamagedPicture("It is damaged."))
    gallery.add("slow.png", "red", 1)
    gallery.add("broken.png", "red", 2)
    await gallery.reindex()
    for pause in (1, 4, 16, 64, 168, 168):
        times.now += pause * _HOUR - 1
        assert await times.tried(gallery) == []
        times.now += 1
        assert await times.tried(gallery) == ["slow.png"]
    del gallery.decoder.errors["slow.png"]
    times.now += 168 * _HOUR
    assert await times.tried(gallery) == ["slow.png"]
    assert gallery.shown().keys() == {"slow.png"}


async def test_a_clock_that_was_ahead_puts_nothing_off(times: Times) -> None:
    """What was tried in a time to come is tried again now."""
    times.now += 1000 * 24 * _HOUR
    gallery = times.gallery(slow=DecodingFailed("It takes too long."))
    gallery.add("slow.png", "red", 1)
    await gallery.reindex()
    times.now -= 1000 * 24 * _HOUR
    assert await times.tried(gallery) == ["slow.png"]


async def test_pictures_that_failed_before_are_no_broken_machine(times: Times) -> None:
    """Many that fail once more do not stop a reindex, as many new ones in a row do."""
    for start in (0, 20):
        gallery = times.gallery(**{str(seed): DecodingFailed("No.") for seed in range(40)})
        for seed in range(start, start + 20):
            gallery.add(f"{seed}.png", "red", seed)
        await gallery.reindex()
    times.now += _HOUR
    gallery.add("fine.png", "blue", 100)
    report = await gallery.reindex()
    assert (report.added, len(report.failed)) == (1, 40)


async def test_a_running_bot_tries_them_by_itself(times: Times) -> None:
    """Nobody has to touch the folder for a picture that ran out of time under load."""
    gallery = times.gallery(slow=DecodingFailed("It takes too long."))
    gallery.add("fine.png", "red", 1)
    gallery.add("slow.png", "red", 2)
    await gallery.reindex()
    del gallery.decoder.errors["slow.png"]
    times.now += _HOUR
    jobs = OwnReindexJobs(gallery.reindexer)
    retrying = keep_retrying(gallery.catalogue, jobs, [gallery.name], every_s=0.001)
    task = asyncio.create_task(retrying)
    await until(lambda: "slow.png" in gallery.shown())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await jobs.close()


@pytest.mark.usefixtures("empty_environment")
def test_each_bound_of_pictures_counts() -> None:
    """Whatever makes a picture refused or not is part of what a refusal is remembered with."""
    keys = {
        circumstances_of(load(pictures=bounds)).key
        for bounds in (
            *({}, {"timeout_s": 20.0}, {"memory_mb": 2048}),
            *({"max_file_mb": 200.0}, {"max_megapixels": 100.0}),
        )
    }
    assert len(keys) == 5
    same = circumstances_of(load(pictures={"max_mb": 20.0, "workers": 4}))
    assert same.key == circumstances_of(load()).key
