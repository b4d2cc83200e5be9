"""Whether each collection can be searched: told with its reason, and no more once it can."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.observability.health import IndexWatch
from core.domain.errors import CatalogueError
from index.library.library import LOCAL
from tests.galleries import Gallery


@dataclass(frozen=True)
class Index:
    """One that can be opened."""

    generation: int = 1


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the watch sees."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def watching(indexes: IndexWatch) -> AsyncIterator[None]:
    """Let it look again and again."""
    task = asyncio.create_task(indexes.watch())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def watch_of(*galleries: Gallery) -> IndexWatch:
    """The watch that the program has over collections."""
    found = {gallery.name: gallery for gallery in galleries}

    def open_index(name: str) -> Awaitable[Index | None]:
        return found[name].library.view(found[name].spec, LOCAL)  # type: ignore[return-value]

    return IndexWatch(found, open_index, every_s=0.01)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """Three pictures, not yet indexed."""
    made = Gallery(tmp_path)
    for number, colour in enumerate(("red", "green", "blue")):
        made.add(f"{colour}.png", colour, number)
    return made


async def test_a_first_index(gallery: Gallery) -> None:
    """Told until it is there, or why it failed, by whom it was made does not matter."""
    indexes = watch_of(gallery)
    assert "being opened" in indexes.troubles()[0]
    await indexes.look(gallery.name)
    assert indexes.troubles() == ["the collection gallery is being indexed for the first time"]
    assert not indexes.searchable(gallery.name)
    indexes.failed(gallery.name, "gallery: The folder cannot be read.")
    await indexes.look(gallery.name)
    assert indexes.troubles() == ["gallery: The folder cannot be read."]
    async with watching(indexes):
        # Pictures that people added are no index of the folder.
        await gallery.post("orange")
        await indexes.look(gallery.name)
        assert not indexes.searchable(gallery.name)
        await gallery.reindex()
        await until(lambda: indexes.troubles() == [])
    # What failed once is not told of a collection that can be searched.
    indexes.failed(gallery.name, "gallery: The folder cannot be read.")
    await indexes.look(gallery.name)
    assert indexes.troubles() == []


async def test_another_model(gallery: Gallery, tmp_path: Path) -> None:
    """Whoever has the wrong one says so with the remedy, from the moment when it is wrong."""
    await gallery.reindex()
    new = Gallery(tmp_path, model="another")
    old_sees, new_sees = watch_of(gallery), watch_of(new)
    async with watching(old_sees), watching(new_sees):
        await until(lambda: old_sees.searchable("gallery"))
        await until(lambda: "was indexed with the model" in new_sees.troubles()[0])
        assert "tangerine reindex --full" in new_sees.troubles()[0]
        await new.reindex(full=True)
        await until(lambda: new_sees.searchable("gallery"))
        await until(lambda: not old_sees.searchable("gallery"))
    new.close()


async def test_an_index_that_is_made_anew(gallery: Gallery) -> None:
    """Its files are lost: until the catalogue has made them, questions would wait for it."""
    await gallery.reindex()
    shutil.rmtree(gallery.index)
    again = Gallery(gallery.data.parent)
    begun, go, build = asyncio.Event(), asyncio.Event(), again.store._build
    loop = asyncio.get_running_loop()

    def slow(*arguments: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()
        return build(*arguments)  # type: ignore[arg-type]

    again.store._build = slow  # type: ignore[method-assign,assignment]
    indexes = watch_of(again)
    async with watching(indexes):
        looking = asyncio.create_task(indexes.look(again.name))
        await begun.wait()
        assert indexes.troubles() == [
            "the index of the collection gallery is being opened or made anew"
        ]
        go.set()
        await looking
        assert indexes.troubles() == []
    again.close()


async def test_one_that_takes_its_time_holds_up_no_other() -> None:
    """Each collection is looked at by itself."""
    never = asyncio.Event()

    async def open_index(name: str) -> Index:
        if name == "large":
            await never.wait()
        return Index()

    indexes = IndexWatch(["large", "small"], open_index, every_s=0.01)
    async with watching(indexes):
        await until(lambda: indexes.searchable("small"))
        assert not indexes.searchable("large")
        never.set()
        await until(lambda: indexes.troubles() == [])


async def test_what_was_seen_first_is_not_told_last() -> None:
    """A look that was under way when the index came must not say afterwards that it lacks."""
    seen, go = asyncio.Event(), asyncio.Event()
    generations = iter((0, 1))

    async def open_index(_: str) -> Index:
        index = Index(next(generations))
        if not index.generation:
            seen.set()
            await go.wait()
        return index

    indexes = IndexWatch(["shop"], open_index)
    early = asyncio.create_task(indexes.look("shop"))
    await seen.wait()
    late = asyncio.create_task(indexes.look("shop"))
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(early, late)
    assert indexes.troubles() == []


async def test_a_look_that_fails_is_not_the_last() -> None:
    """Told in the error's words; a defect is in the log, once for as long as it stays."""
    errors: list[Exception | None] = [RuntimeError("a defect")] * 3
    errors += [CatalogueError("It cannot be read.", remedy="Mount the disk."), None]
    told = []

    async def open_index(_: str) -> Index:
        error = errors.pop(0)
        if error is not None:
            raise error
        return Index()

    indexes = IndexWatch(["shop"], open_index)
    with capture_logs() as logs:
        while errors:
            await indexes.look("shop")
            told += indexes.troubles()
    assert ["the log says why" in reason for reason in told] == [True] * 3 + [False]
    assert told[-1] == "shop: The catalogue cannot be read or written. The log says more"
    assert [line["event"] for line in logs] == [
        "index not opened",
        "index not opened",
        "index.ready",
    ]
    assert indexes.troubles() == []
