"""Removing and restoring pictures in chat, and who notices it when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError, ExpiredButton, NotFound
from index.catalogue.catalogue import Catalogue
from index.library.library import FolderLibrary
from index.library.overlay import Overlays
from index.library.upload_files import UploadFiles
from index.snapshots.store import SnapshotStore
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("either_database")


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Two indexed pictures."""
    gallery = Gallery(tmp_path)
    gallery.add("red.png", "red", caption="a red thing")
    gallery.add("blue.png", "blue", 1)
    await gallery.reindex()
    return gallery


async def test_a_removed_upload_is_gone_at_once(gallery: Gallery) -> None:
    """Not found, not served, not counted; its file is deleted after five minutes."""
    picture = await gallery.post("green", 7, "a leaf")
    gone = await gallery.contributions.remove(picture.id, community="web", remover="web:1")
    assert gone == picture
    assert await gallery.seen() == {"red.png", "blue.png"}
    with pytest.raises(NotFound):
        await gallery.library.picture_file(picture.id, "web")
    [status] = await gallery.library.status("web")
    assert (status.pictures, status.captions) == (2, 2)
    with pytest.raises(NotFound):
        await gallery.contributions.remove(picture.id, community="web", remover="web:1")
    assert gallery.upload_files() == {picture.id: True}
    gallery.now += 299
    await gallery.contributions.sweep()
    assert gallery.upload_files() == {picture.id: True}
    gallery.now += 1
    await gallery.contributions.sweep()
    assert gallery.upload_files() == {}
    assert gallery.verify() == []
    encoded = gallery.catalogue.encoded_pictures(gallery.embedder.identity.fingerprint)
    assert picture.sha256 not in encoded, "its vector is forgotten, too"


async def test_a_removed_file_of_the_folder_stays_on_disk(gallery: Gallery) -> None:
    """It is shown nowhere any more, under no name and after no reindex, but lies where it was."""
    picture = gallery.ids()["red.png"]
    gone = await gallery.contributions.remove(picture, community="web", remover="web:1")
    assert gone.path == "red.png"
    file = gallery.pictures / "red.png"
    assert file.exists()
    file.rename(gallery.pictures / "crimson.png")
    gallery.add("copy.png", "red")
    await gallery.reindex()
    await gallery.reindex(full=True)
    assert await gallery.seen() == {"blue.png"}
    [status] = await gallery.library.status("web")
    assert (status.pictures, status.captions) == (1, 1)
    with pytest.raises(NotFound):
        await gallery.library.picture_file(picture, "web")
    assert gallery.verify() == []


async def test_a_removal_outlives_the_process(gallery: Gallery) -> None:
    """What was added and removed is so after a restart."""
    await gallery.post("green", 7, "a leaf")
    await gallery.contributions.remove(gallery.ids()["red.png"], community="web", remover="web:1")
    gallery.close()
    again = Gallery(gallery.data.parent)
    assert await again.seen() == {"blue.png", "a leaf"}


async def test_a_removal_can_be_undone(gallery: Gallery) -> None:
    """For five minutes, and not a second longer; what was never removed is no removal."""
    upload = await gallery.post("green", 7, "a leaf")
    for picture_id in (upload.id, gallery.ids()["red.png"]):
        with pytest.raises(ExpiredButton):
            await gallery.contributions.restore(picture_id, community="web")
        everything = await gallery.seen()
        before = await gallery.contributions.remove(picture_id, community="web", remover="web:1")
        gallery.now += 299
        assert await gallery.contributions.restore(picture_id, community="web") == before
        assert await gallery.seen() == everything
        found, file = await gallery.library.picture_file(picture_id, "web")
        assert found == before
        assert file.exists()
        await gallery.contributions.remove(picture_id, community="web", remover="web:1")
        gallery.now += 300
        with pytest.raises(ExpiredButton, match="five minutes"):
            await gallery.contributions.restore(picture_id, community="web")
    assert await gallery.seen() == {"blue.png"}
    assert gallery.verify() == []


async def test_adding_again_is_not_undoing(gallery: Gallery) -> None:
    """An upload that was removed and is added anew has another id, and the old one is gone."""
    old = await gallery.post("green", 7, "a leaf")
    await gallery.contributions.remove(old.id, community="web", remover="web:1")
    new = await gallery.post("green", 7, "another leaf")
    assert new.id != old.id
    with pytest.raises(ExpiredButton):
        await gallery.contributions.restore(old.id, community="web")
    assert gallery.upload_files() == {new.id: False}
    assert await gallery.seen() == {"red.png", "blue.png", "another leaf"}


async def test_posting_a_removed_picture_shows_it_again(gallery: Gallery) -> None:
    """The folder's own picture comes back instead of a copy of it, whenever that is."""
    picture = gallery.ids()["red.png"]
    await gallery.contributions.remove(picture, community="web", remover="web:1")
    gallery.now += 86_400
    assert (await gallery.post("red", 0, "other words")).id == picture
    assert await gallery.seen() == {"red.png", "blue.png"}
    assert gallery.upload_files() == {}
    await gallery.contributions.remove(picture, community="web", remover="web:1")
    (gallery.pictures / "red.png").unlink()
    await gallery.reindex()
    assert (await gallery.post("red", 0, "a tomato")).path.startswith(".uploads/")
    assert await gallery.seen() == {"blue.png", "a tomato"}


async def test_equal_files_go_and_come_together(gallery: Gallery) -> None:
    """Whoever removes a picture does not meet it again as a copy of itself."""
    gallery.add("sub/copy.png", "red")
    await gallery.reindex()
    await gallery.contributions.remove(
        gallery.ids()["sub/copy.png"], community="web", remover="web:1"
    )
    assert await gallery.seen() == {"blue.png"}
    await gallery.contributions.restore(gallery.ids()["sub/copy.png"], community="web")
    assert await gallery.seen() == {"blue.png", "red.png", "sub/copy.png"}


async def test_other_processes_notice(gallery: Gallery) -> None:
    """A change by one process is seen by the next question to another one."""
    other = Gallery(gallery.data.parent)
    assert await other.seen() == {"red.png", "blue.png"}
    picture = await gallery.post("green", 7, "a leaf")
    assert "a leaf" in await other.seen()
    await other.contributions.remove(picture.id, community="web", remover="web:1")
    assert "a leaf" not in await gallery.seen()
    other.close()


async def test_a_change_that_failed_hides_no_later_one(gallery: Gallery) -> None:
    """What was announced and then not kept leaves nobody with an old state."""
    other = Gallery(gallery.data.parent)
    await gallery.post("green", 7, "a leaf")
    gallery.files.fault = "announce"
    with pytest.raises(CatalogueError):
        await gallery.post("pink", 8, "a rose")
    gallery.files.fault = ""
    before = await other.library.open(None, "web")
    assert await other.library.open(None, "web") is before
    assert await other.seen() == {"red.png", "blue.png", "a leaf"}
    await gallery.post("pink", 8, "a rose")
    assert "a rose" in await other.seen()
    other.close()


async def test_a_reader_meets_no_half_state(gallery: Gallery) -> None:
    """While changes are made, every snapshot is one of the states between them."""
    states = [frozenset({"red.png", "blue.png"})]
    met: set[frozenset[str]] = set()
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            met.add(frozenset(await gallery.seen()))

    reader = asyncio.create_task(read())
    for seed, colour in enumerate(("green", "pink", "black")):
        picture = await gallery.post(colour, seed, colour)
        states.append(states[0] | {colour})
        assert frozenset(await gallery.seen()) == states[-1]
        await gallery.contributions.remove(picture.id, community="web", remover="web:1")
        assert frozenset(await gallery.seen()) == states[0]
    done.set()
    await reader
    assert met <= set(states)


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)  # looks at its file
async def test_looking_needs_no_model(gallery: Gallery) -> None:
    """A program that only looks opens the same view without a model."""
    await gallery.post("green", 7, "a leaf")
    catalogue = Catalogue.open(gallery.data / "catalogue.sqlite")
    library = FolderLibrary(
        [gallery.spec],
        catalogue,
        SnapshotStore(gallery.data / "index", catalogue),
        Overlays(catalogue.database, UploadFiles(gallery.data / "uploads")),
    )
    assert len((await library.open(None, "web")).pictures) == 3
    catalogue.close()
