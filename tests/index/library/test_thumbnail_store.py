"""Thumbnails on the disk: bounded, derived, never of what was posted, gone with the picture."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.background import keep_thumbnails
from bot.rendering.thumbnails import Thumbnails
from index.library.thumbnail_store import ThumbnailStore
from tests.fakes import FakeDecoder, picture_bytes
from tests.galleries import Gallery, until

_DAY = 86_400.0


class Stored:
    """A store of up to 1,000 bytes in a folder of files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.now = 1_800_000_000.0
        self.path = home / "thumbnails.sqlite"
        self.store = self.opened()

    def opened(self) -> ThumbnailStore:
        """The store as the next start of the program finds it."""
        store = ThumbnailStore(self.path, 1000, now=lambda: self.now)
        store.open()
        return store

    def put(self, name: str, size: int = 10, edge: int = 360) -> str:
        """Keep a JPEG of so many bytes, made of a file with this name; its content."""
        file = self.home / name
        file.write_text(name)
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        self.store.put(sha256, edge, b"x" * size, file)
        return sha256


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    """An empty store."""
    stored = Stored(tmp_path)
    yield stored
    stored.store.close()


def test_what_is_kept_is_there_after_a_restart(stored: Stored) -> None:
    """By content and edge; of nothing else there is one."""
    sha256 = stored.put("a")
    stored.store.close()
    assert stored.store.get(sha256, 360) is None, "closed"
    stored.store = stored.opened()
    assert stored.store.get(sha256, 360) == b"x" * 10
    assert stored.store.get(sha256, 240) is None
    assert stored.store.get("0" * 64, 360) is None


def test_what_was_not_used_for_longest_goes_first(stored: Stored) -> None:
    """Its bytes are bounded, also over a restart; one that is too large is not kept at all."""
    names = [f"picture {number}" for number in range(9)]
    kept = {}
    for name in names:
        kept[name] = stored.put(name, 100)
        stored.now += 1
    stored.now += 2 * _DAY
    assert stored.store.get(kept["picture 0"], 360)
    stored.store.close()
    stored.store = stored.opened()
    stored.put("a further one", 150)
    left = stored.store.contents()
    assert kept["picture 0"] in left, "it was looked at"
    assert kept["picture 1"] not in left
    assert kept["picture 8"] in left
    assert stored.put("large", 1001) not in stored.store.contents()


def test_a_file_that_changed_is_not_kept(stored: Stored) -> None:
    """Its thumbnail would stand for other files with the content that it had."""
    stored.store.put("0" * 64, 360, b"x", stored.home / "nowhere")
    file = stored.home / "changed"
    file.write_text("something else")
    stored.store.put("0" * 64, 360, b"x", file)
    assert stored.store.contents() == set()


def test_what_is_dropped_is_not_in_the_file(stored: Stored) -> None:
    """Its bytes are overwritten, not only forgotten."""
    file = stored.home / "a"
    file.write_text("a")
    sha256 = hashlib.sha256(b"a").hexdigest()
    stored.store.put(sha256, 360, b"a very private picture", file)
    stored.store.drop([sha256])
    assert stored.store.get(sha256, 360) is None
    stored.store.close()
    assert all(b"private" not in each.read_bytes() for each in stored.home.glob("thumb*"))


def test_a_damaged_file_is_made_anew(stored: Stored) -> None:
    """Nobody is told of it but the log: what is lost is time."""
    sha256 = stored.put("a")
    stored.store.close()
    stored.path.write_bytes(b"no database " * 1000)
    stored.store = stored.opened()
    assert stored.store.get(sha256, 360) is None
    assert stored.store.get(stored.put("b"), 360)


def test_without_a_file_it_is_empty(tmp_path: Path) -> None:
    """As where the folder may not be written."""
    store = ThumbnailStore(tmp_path / "nowhere" / "thumbnails.sqlite", 1000)
    store.open()
    (tmp_path / "a").write_text("a")
    store.put(hashlib.sha256(b"a").hexdigest(), 360, b"x", tmp_path / "a")
    assert store.contents() == set()
    store.drop(["0" * 64])
    store.close()


async def test_pictures_of_folders_are_decoded_once_and_uploads_not_kept(
    stored: Stored, tmp_path: Path
) -> None:
    """What people post in chat is deleted with its file, and lies nowhere else."""
    data = picture_bytes("red")
    file = tmp_path / "red.png"
    file.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    for of_folder, kept in ((False, set()), (True, {sha256})):
        thumbnails = Thumbnails(FakeDecoder(), store=stored.store)
        first = await thumbnails.get(sha256, file, 360, of_folder=of_folder)
        await thumbnails.close()
        assert stored.store.contents() == kept
    restarted = Thumbnails(FakeDecoder(errors={"red.png": AssertionError}), store=stored.store)  # type: ignore[dict-item]
    assert await restarted.get(sha256, file, 360, of_folder=True) == first
    await restarted.close()


async def test_thumbnails_go_with_their_pictures(stored: Stored, tmp_path: Path) -> None:
    """Those of what no folder has any more, beside the running bot."""
    gallery = Gallery(tmp_path / "home")
    file = gallery.add("a.png", "red")
    await gallery.reindex()
    (picture,) = gallery.snapshot().pictures
    stored.store.put(picture.sha256, 360, b"a jpeg", file)
    stored.put("what no folder has")
    task = asyncio.create_task(keep_thumbnails(gallery.looks, stored.store, every_s=0.01))
    await until(lambda: stored.store.contents() == {picture.sha256})
    file.unlink()
    gallery.add("b.png", "blue")
    await gallery.reindex(confirm_removals=True)
    await until(lambda: not stored.store.contents())
    task.cancel()
    gallery.close()
