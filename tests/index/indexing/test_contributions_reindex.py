"""Reindexing a collection to which people add, and from which they remove, meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from core.domain.errors import ModelMismatch
from core.domain.types import Lane, Progress
from index.catalogue.schema import caption_vectors, picture_vectors, uploads
from tests.fakes import FakeEmbedder, picture_bytes
from tests.galleries import Gallery, until

pytestmark = pytest.mark.usefixtures("either_database")

FOLDER = {"red.png", "blue.png"}


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """A collection that a community shares and that is open to everybody else."""
    gallery = Gallery(tmp_path, communities="discord:1 *")
    gallery.add("red.png", "red", caption="a red thing")
    gallery.add("blue.png", "blue", 1)
    await gallery.reindex()
    return gallery


async def _populate(gallery: Gallery) -> tuple[str, str]:
    """One upload for all, one of a stranger, and a picture of the folder removed."""
    shared = await gallery.post("green", 2, "a leaf", community="discord:1")
    own = await gallery.post("pink", 3, "a rose", community="discord:8")
    await gallery.contributions.remove(
        gallery.ids()["red.png"], community="discord:1", remover="discord:17"
    )
    return shared.id, own.id


async def _check(gallery: Gallery) -> None:
    assert await gallery.seen("discord:1") == {"blue.png", "a leaf"}
    assert await gallery.seen("discord:8") == {"blue.png", "a leaf", "a rose"}


async def test_a_reindex_takes_nothing_and_brings_nothing_back(gallery: Gallery) -> None:
    """Uploads stay and removed pictures stay away, without a picture being encoded."""
    await _populate(gallery)
    encoded = gallery.embedder.pictures_encoded
    report = await gallery.reindex()
    assert (report.added, report.removed, report.unchanged, report.failed) == (0, 0, 2, ())
    await _check(gallery)
    gallery.add("new.png", "black", 9)
    await gallery.reindex()
    assert gallery.embedder.pictures_encoded == encoded + 1
    (gallery.pictures / "new.png").unlink()
    await gallery.reindex()
    await _check(gallery)
    assert gallery.verify() == []


async def test_a_full_reindex_encodes_uploads(gallery: Gallery) -> None:
    """Those of every scope, also removed ones, which may yet be restored."""
    shared, _ = await _populate(gallery)
    await gallery.contributions.remove(shared, community="discord:1", remover="discord:17")
    encoded, texts = gallery.embedder.pictures_encoded, gallery.embedder.texts_encoded
    report = await gallery.reindex(full=True)
    assert report.failed == ()
    assert gallery.embedder.pictures_encoded == encoded + 4
    assert gallery.embedder.texts_encoded == texts + 4
    await gallery.contributions.restore(shared, community="discord:1")
    await _check(gallery)


async def test_another_model_keeps_uploads(gallery: Gallery) -> None:
    """After a full reindex for another model everything is searched by its vectors."""
    await _populate(gallery)
    other = Gallery(gallery.data.parent, model="other", communities="discord:1 *")
    with pytest.raises(ModelMismatch):
        await other.reindex()
    assert (await other.reindex(full=True)).failed == ()
    await _check(other)
    with pytest.raises(ModelMismatch):
        await gallery.library.open(None, "discord:1")
    assert other.verify() == []
    models = other.catalogue.encoded_pictures(gallery.embedder.identity.fingerprint)
    assert models == {}, "the old model's vectors are gone"
    await other.post("black", 8, "a crow", community="discord:1")
    assert "a crow" in await other.seen("discord:1")
    other.close()


async def test_missing_vectors_are_filled_in(gallery: Gallery) -> None:
    """Whatever vector an upload lacks, the next reindex encodes it, and readers notice."""
    await _populate(gallery)
    await _check(gallery)
    shared = next(file for file in gallery.files.all() if not file.aside)
    with gallery.catalogue.database.write() as connection:
        mine = select(uploads.c.sha256), select(uploads.c.text_hash)
        connection.execute(delete(picture_vectors).where(picture_vectors.c.sha256.in_(mine[0])))
        connection.execute(delete(caption_vectors).where(caption_vectors.c.text_hash.in_(mine[1])))
    with gallery.overlays.change() as change:
        change.touched.add(("gallery", ""))
    assert await gallery.seen("discord:1") == {"blue.png"}
    assert any(f"{shared.picture_id}.jpg has no vector" in line for line in gallery.verify())
    await gallery.reindex()
    await _check(gallery)


@asynccontextmanager
async def _held(gallery: Gallery, *, full: bool = False) -> AsyncIterator[None]:
    """A reindex that waits for its encoder while the body runs, and ends after it."""
    gallery.embedder.gate.clear()
    before = gallery.embedder.lanes[Lane.BULK]
    running = asyncio.create_task(gallery.reindex(full=full))
    await until(lambda: gallery.embedder.lanes[Lane.BULK] > before)
    yield
    gallery.embedder.gate.set()
    await running


@pytest.mark.parametrize("full", [False, True])
async def test_removing_during_a_reindex(gallery: Gallery, *, full: bool) -> None:
    """What was removed while it ran stays away, though the run had seen it there."""
    shared, _ = await _populate(gallery)
    (gallery.pictures / "blue.png").rename(gallery.pictures / "azure.png")
    gallery.add("new.png", "black", 9)
    async with _held(gallery, full=full):
        for picture_id in (gallery.ids()["blue.png"], shared):
            await gallery.contributions.remove(
                picture_id, community="discord:1", remover="discord:17"
            )
        await gallery.contributions.restore(shared, community="discord:1")
        await gallery.contributions.forget("web:1")
    assert await gallery.seen("discord:1") == {"new.png"}
    assert await gallery.seen("discord:8") == {"new.png"}
    assert gallery.upload_files() == {}
    assert gallery.verify() == []


async def test_adding_during_a_reindex(tmp_path: Path) -> None:
    """What was added while it ran is found at once, and after it."""
    waiting = FakeEmbedder()
    gallery = Gallery(tmp_path, embedder=waiting)
    gallery.add("red.png", "red")
    await gallery.reindex()
    gallery.add("blue.png", "blue", 1)
    chat = Gallery(tmp_path)
    async with _held(gallery, full=True):
        await chat.post("green", 2, "a leaf")
        assert await chat.seen() == {"red.png", "a leaf"}
    assert await chat.seen() == await gallery.seen() == {"red.png", "blue.png", "a leaf"}
    assert gallery.verify() == []
    chat.close()


async def test_adding_with_the_old_model_during_a_change(gallery: Gallery) -> None:
    """A process with the old model adds until the new one takes over; nothing is lost."""
    other = Gallery(gallery.data.parent, model="other", communities="discord:1 *")
    async with _held(other, full=True):
        await gallery.post("green", 2, "a leaf", community="discord:1")
        await gallery.post("pink", 3, "a rose", community="discord:8")
        assert await gallery.seen("discord:1") == {*FOLDER, "a leaf"}
    with pytest.raises(ModelMismatch):
        await gallery.post("black", 4, community="discord:1")
    assert await other.seen("discord:1") == {*FOLDER, "a leaf"}
    assert await other.seen("discord:8") == {*FOLDER, "a leaf", "a rose"}
    assert other.verify() == []
    other.close()


@pytest.mark.parametrize("anyway", [False, True])
async def test_a_model_change_between_encoding_and_keeping(
    gallery: Gallery, *, anyway: bool
) -> None:
    """A picture encoded by the old model is not kept once the new one has taken over."""
    gallery.embedder.gate.clear()
    adding = asyncio.create_task(
        gallery.post("green", 2, "a leaf", community="discord:1", anyway=anyway)
    )
    await until(lambda: gallery.embedder.lanes[Lane.CHAT] > 0)
    other = Gallery(gallery.data.parent, model="other", communities="discord:1 *")
    await other.reindex(full=True)
    gallery.embedder.gate.set()
    with pytest.raises(ModelMismatch):
        await adding
    assert other.upload_files() == {}
    assert other.verify() == []
    other.close()


@pytest.mark.parametrize("kind", ["missing", "torn", "another"])
async def test_a_damaged_upload_is_reported(gallery: Gallery, kind: str) -> None:
    """A file that is not what was kept stops nothing and is listed, by id, until it is."""
    shared, _ = await _populate(gallery)
    file = gallery.files.path("gallery", shared)
    whole = file.read_bytes()
    if kind == "missing":
        file.unlink()
    else:
        file.write_bytes(whole[:100] if kind == "torn" else picture_bytes("black", 9))
    lines = gallery.verify()
    assert len(lines) == 1
    assert f"{shared}.jpg" in lines[0]
    for _ in range(2):
        report = await gallery.reindex(full=True)
        [failure] = report.failed
        assert failure.path == f".uploads/{shared}.jpg"
        assert ("missing" if kind == "missing" else "damaged") in failure.reason.lower()
    assert await gallery.seen("discord:8") >= {"blue.png", "a rose"}
    file.write_bytes(whole)
    assert (await gallery.reindex()).failed == ()
    await _check(gallery)
    assert gallery.verify() == []


async def test_a_cancelled_full_reindex_keeps_what_it_did(tmp_path: Path) -> None:
    """What a killed full run has encoded of the uploads is not encoded again."""
    gallery = Gallery(tmp_path, in_flight=1)
    gallery.add("red.png", "red")
    await gallery.reindex()
    for number, colour in enumerate(("green", "pink", "black", "yellow")):
        await gallery.post(colour, number, colour)
    encoded = gallery.embedder.pictures_encoded

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            running.cancel()

    running = asyncio.create_task(gallery.reindex(full=True, on_progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await gallery.seen() == {"red.png", "green", "pink", "black", "yellow"}
    await gallery.reindex(full=True)
    # Cancelled in the middle of the fourth: that one may have been encoded in vain.
    assert encoded + 5 <= gallery.embedder.pictures_encoded <= encoded + 6
    assert await gallery.seen() == {"red.png", "green", "pink", "black", "yellow"}


async def test_the_first_reindex_may_have_another_model(tmp_path: Path) -> None:
    """Uploads before the first reindex bind the collection to their model, as any do."""
    gallery = Gallery(tmp_path)
    await gallery.post("green", 2, "a leaf")
    other = Gallery(tmp_path, model="other")
    other.add("red.png", "red")
    with pytest.raises(ModelMismatch, match="--full"):
        await other.reindex()
    await other.reindex(full=True)
    assert await other.seen() == {"red.png", "a leaf"}
    other.close()


async def test_an_empty_folder_counts_as_indexed(tmp_path: Path) -> None:
    """The first reindex makes the first generation, also where only uploads are there."""
    gallery = Gallery(tmp_path)
    await gallery.post("green", 2, "a leaf")
    assert gallery.store.current("gallery") is None
    await gallery.reindex()
    assert gallery.snapshot().generation == 1
    assert await gallery.seen() == {"a leaf"}
    await gallery.reindex()
    assert gallery.snapshot().generation == 1
    assert gallery.verify() == []


async def test_vectors_of_uploads_outlive_other_collections(tmp_path: Path) -> None:
    """What a reindex of another collection clears away is nothing that an upload needs."""
    first = Gallery(tmp_path, name="first")
    await first.post("green", 2, "a leaf")
    second = Gallery(tmp_path, name="second")
    second.add("red.png", "red")
    await second.reindex()
    again = Gallery(tmp_path, name="first")
    assert await again.seen() == {"a leaf"}
