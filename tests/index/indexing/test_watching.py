"""Watching folders: real files, a real watch, and one reindex at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from watchfiles import Change, watch

from core.domain.errors import CatalogueError
from core.domain.reindex_jobs import OwnReindexJobs
from core.domain.types import Lane, Progress, ReindexReport
from index.catalogue.file_types import ChangeFilter, NameRules
from index.indexing.watch import Counts, FolderWatch, Watching, WatchOptions, relevant
from tests.fakes import FakeEmbedder, picture_bytes
from tests.galleries import Gallery

RULES = NameRules(("#recycle",))
QUICK = WatchOptions(settle_s=0.02, pause_s=0.0, check_s=0.05, poll_s=0.05)


class Runs:
    """The reindexer, with a count of its runs."""

    def __init__(self, gallery: Gallery) -> None:
        self._reindexer = gallery.reindexer
        self.ended = 0
        self.broken = False
        self.named: list[frozenset[str] | None] = []
        self.at_once = 0

    def running(self) -> dict[str, Progress]:
        """What is under way."""
        return dict(self._reindexer.running())

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """One run."""
        assert not full
        assert not confirm_removals
        self.at_once = max(self.at_once, 1 + len(self.running()))
        self.named.append(paths)
        try:
            if self.broken:
                raise CatalogueError("The disk is full.")
            return await self._reindexer.reindex(collection, paths=paths, on_progress=on_progress)
        finally:
            self.ended += 1


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what the system says of files has no event here
            await asyncio.sleep(0.005)


@asynccontextmanager
async def _watching(
    gallery: Gallery,
    options: WatchOptions = QUICK,
    counts: Counts | None = None,
    watching: Watching = watch,
) -> AsyncIterator[tuple[OwnReindexJobs, Runs]]:
    runs = Runs(gallery)
    jobs = OwnReindexJobs(runs, poll_s=0.005)
    folders = {gallery.name: gallery.pictures}
    watcher = FolderWatch(
        jobs, folders, options, counts=counts or ChangeFilter(RULES).counts, watching=watching
    )
    task = asyncio.create_task(watcher.run())
    # A watch is there once it has told of a change; until then, changes may go unseen.
    probe = gallery.write("probe.txt", "0")
    async with asyncio.timeout(20):
        while not runs.ended:
            probe.write_text(probe.read_text() + "0")
            await asyncio.sleep(0.02)
    probe.unlink()
    await _until(lambda: not jobs.running())
    try:
        yield jobs, runs
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await jobs.close()


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Two pictures, indexed."""
    gallery = Gallery(tmp_path, names=RULES)
    gallery.add("red.png", "red", 1)
    gallery.add("sub/blue.png", "blue", 2)
    await gallery.reindex()
    return gallery


class Told:
    """What the system has told so far, path by path, and whether it counted as a change."""

    def __init__(self) -> None:
        self.paths: list[bool] = []

    def counts(self, root: Path, path: str, gone: bool) -> bool:
        """By the rules of the gallery."""
        self.paths.append(ChangeFilter(RULES).counts(root, path, gone))
        return self.paths[-1]


@pytest.mark.parametrize("polling", [False, True])
async def test_changes_are_found_without_being_asked_for(gallery: Gallery, polling: bool) -> None:
    """A new picture, a renamed, an edited and a removed one, other captions, a moved folder."""
    async with _watching(gallery, replace(QUICK, polling=polling)):
        gallery.add("green.png", "green", 3)
        await _until(lambda: "green.png" in gallery.shown())
        before = gallery.ids()["red.png"]
        (gallery.pictures / "red.png").rename(gallery.pictures / "crimson.png")
        await _until(lambda: gallery.shown().get("crimson.png") == "crimson")
        assert gallery.ids()["crimson.png"] == before
        gallery.write("crimson.txt", "a ripe tomato")
        await _until(lambda: gallery.shown()["crimson.png"] == "a ripe tomato")
        (gallery.pictures / "green.png").unlink()
        await _until(lambda: "green.png" not in gallery.shown())
        (gallery.pictures / "sub").rename(gallery.pictures / "other")
        await _until(lambda: "other/blue.png" in gallery.shown())
        gallery.add("other/new/pink.png", "pink", 4)
        await _until(lambda: "other/new/pink.png" in gallery.shown())
        gallery.add("#recycle/purple.png", "purple", 5)
        gallery.write("scan", picture_bytes("pink", 4))
        await _until(lambda: "scan" in gallery.shown())
        assert "#recycle/purple.png" not in gallery.shown()
    assert gallery.embedder.pictures_encoded == 4


@pytest.mark.parametrize("polling", [False, True])
async def test_what_has_changed_is_looked_at_alone(gallery: Gallery, polling: bool) -> None:
    """The first look is at everything, as nobody knows since when; later ones at what is named."""
    async with _watching(gallery, replace(QUICK, polling=polling)) as (_, runs):
        assert runs.named[0] is None
        seen = len(runs.named)
        gallery.add("sub/green.png", "green", 3)
        await _until(lambda: "sub/green.png" in gallery.shown())
        assert None not in runs.named[seen:]
        assert set().union(*(names or () for names in runs.named[seen:])) <= {
            "sub/green.png",
            "sub",
            "probe.txt",
            *([""] if polling else []),  # it may tell late of the folder that the probe went into
        }


async def test_after_a_failure_everything_is_looked_at(gallery: Gallery) -> None:
    """What a run that failed was told is looked for with the next change."""
    async with _watching(gallery) as (_, runs):
        runs.broken = True
        ended = runs.ended
        gallery.add("green.png", "green", 3)
        await _until(lambda: runs.ended > ended and not runs.running())
        runs.broken = False
        seen = len(runs.named)
        gallery.add("pink.png", "pink", 4)
        await _until(lambda: {"green.png", "pink.png"} <= gallery.shown().keys())
        assert runs.named[seen] is None


async def test_a_reindex_causes_no_other(gallery: Gallery) -> None:
    """Reading the files is no change of them, and what cannot be indexed is none."""
    async with _watching(gallery) as (_, runs):
        ended = runs.ended
        gallery.write("notes.md", "x")
        gallery.write(".hidden.png", picture_bytes("red"))
        gallery.write(".folder/red.png", picture_bytes("red"))
        gallery.add("green.png", "green", 3)
        await _until(lambda: "green.png" in gallery.shown())
        gallery.add("pink.png", "pink", 4)
        await _until(lambda: "pink.png" in gallery.shown())
        assert runs.ended - ended <= 4, "two changes, each maybe seen in two parts"


async def test_it_waits_for_a_reindex_that_is_under_way(gallery: Gallery) -> None:
    """An administrator's goes on alone; the change during it is found by another one after it."""
    told = Told()
    async with _watching(gallery, counts=told.counts) as (jobs, runs):
        embedder: FakeEmbedder = gallery.embedder
        embedder.gate.clear()
        encoded = embedder.lanes[Lane.BULK]
        gallery.add("green.png", "green", 3)
        mine = jobs.of(gallery.name) or await jobs.start(gallery.name, full=False)
        await _until(lambda: embedder.lanes[Lane.BULK] > encoded)
        told.paths.clear()
        gallery.add("pink.png", "pink", 4)
        await _until(lambda: any(told.paths))
        # Whoever would begin another one has had the chance to.
        for _ in range(10):
            await asyncio.sleep(0)
        assert not mine.task.done()
        embedder.gate.set()
        await _until(lambda: {"green.png", "pink.png"} <= gallery.shown().keys())
        assert runs.at_once == 1


async def test_its_pause_bounds_how_often_it_runs(gallery: Gallery) -> None:
    """However often the folder changes, the next run waits."""
    told, rare = Told(), WatchOptions(settle_s=0.02, pause_s=30, check_s=0.05)
    async with _watching(gallery, rare, told.counts) as (jobs, runs):
        ended = runs.ended
        told.paths.clear()
        for seed in range(20):
            gallery.add(f"{seed}.png", "green", seed)
            await asyncio.sleep(0.005)
        await _until(lambda: len(told.paths) > 1)
        await asyncio.sleep(0)
        assert not jobs.running()
        assert runs.ended == ended


async def test_a_vanished_folder_is_told_and_empties_nothing(gallery: Gallery) -> None:
    """What was indexed stays found; once the folder is back, its changes are found again."""
    with capture_logs() as logs:
        async with _watching(gallery):
            away = gallery.pictures.with_name("away")
            gallery.pictures.rename(away)
            await _until(lambda: any("not indexed" in line["event"] for line in logs))
            (line,) = [line for line in logs if "not indexed" in line["event"]][:1]
            assert line["code"] == "source"
            assert line["remedy"]
            assert set(gallery.shown()) == {"red.png", "sub/blue.png"}
            (away / "green.png").write_bytes(picture_bytes("green", 3))
            away.rename(gallery.pictures)
            await _until(lambda: "green.png" in gallery.shown())
            gallery.add("pink.png", "pink", 4)
            await _until(lambda: "pink.png" in gallery.shown())


async def test_a_folder_that_takes_its_place_is_watched(gallery: Gallery) -> None:
    """As when something is mounted there: the old folder says nothing of it."""
    async with _watching(gallery):
        gallery.pictures.rename(gallery.pictures.with_name("away"))
        gallery.add("red.png", "red", 1)
        gallery.add("sub/blue.png", "blue", 2)
        gallery.add("green.png", "green", 3)
        await _until(lambda: "green.png" in gallery.shown())
        gallery.add("pink.png", "pink", 4)
        await _until(lambda: "pink.png" in gallery.shown())


async def test_where_the_system_watches_no_more_it_looks_itself(gallery: Gallery) -> None:
    """The limit of watches is the machine's; the log names the remedy."""

    def limited(
        *paths: Path, force_polling: bool | None = None, **options: Any
    ) -> Iterator[set[tuple[Change, str]]]:
        if not force_polling:
            raise OSError(28, "OS file watch limit reached")
        return watch(*paths, force_polling=force_polling, **options)

    with capture_logs() as logs:
        async with _watching(gallery, watching=limited):
            gallery.add("green.png", "green", 3)
            await _until(lambda: "green.png" in gallery.shown())
    assert [line for line in logs if "max_user_watches" in line.get("remedy", "")]


def test_what_counts_as_a_change(tmp_path: Path) -> None:
    """Pictures, captions and folders; nothing hidden or excluded, nothing that is no picture."""
    changes = ChangeFilter(RULES)
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "file.d").write_text("x")

    def counts(path: str, change: Change = Change.added) -> bool:
        there = os.path.join(tmp_path, path)  # noqa: PTH118 - as the system says it
        found = relevant(tmp_path, {(change, there)}, changes.counts)
        assert found <= {path}
        return bool(found)

    assert counts("a.JPG")
    assert counts("sub/captions.csv", Change.modified)
    assert counts("folder.d")
    assert counts("gone.d", Change.deleted)
    assert not counts("#Recycle/a.jpg")
    assert not counts("film.avi")
    assert not counts("a.jpg.part")
    assert not counts(".a.jpg")
    assert not counts(".trash/a.jpg", Change.deleted)
    assert relevant(tmp_path, {(Change.modified, str(tmp_path))}, changes.counts) == {""}


def test_what_says_nothing_by_its_name_is_looked_into(tmp_path: Path) -> None:
    """A log without an ending that grows all day is looked at once, and again as a picture."""
    changes, log = ChangeFilter(RULES), tmp_path / "log"

    def counts(data: bytes) -> bool:
        log.write_bytes(data)
        return changes.counts(tmp_path, log.name, False)

    assert counts(b"x"), "it may have been a picture until now"
    assert not counts(b"xy")
    assert counts(picture_bytes("red"))
    assert counts(picture_bytes("blue"))
    assert counts(b"x")
    assert not counts(b"xy")
