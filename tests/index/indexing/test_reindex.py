"""Reindexing: incremental, isolated, one at a time, and never half."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.engine.engine import SystemClock
from core.domain.errors import (
    Busy,
    EmptyCollection,
    EncodingFailed,
    ModelMismatch,
    NotFound,
    ReindexRunning,
    ShuttingDown,
    SourceError,
)
from core.domain.types import Lane, Progress
from index.indexing.reindexer import Reindexer
from tests.fakes import FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes
from tests.galleries import Gallery, until


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """An empty folder with everything around it."""
    return Gallery(tmp_path)


def _three(gallery: Gallery) -> None:
    for number, colour in enumerate(("red", "green", "blue")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")


async def test_every_picture_is_found_by_its_vector(gallery: Gallery) -> None:
    """Each row's vector is that of its own picture, each caption's that of its words."""
    _three(gallery)
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed, report.unchanged) == (3, 0, 0, 0)
    assert report.failed == ()
    snapshot = gallery.snapshot()
    encoder = FakeEncoder()
    for row, picture in enumerate(snapshot.pictures):
        decoded = await FakeDecoder().decode(gallery.pictures / picture.path, encoder.pixel_spec)
        expected = encoder.encode_images(decoded.pixels[None])
        np.testing.assert_array_equal(snapshot.picture_index.reconstruct(np.array([row])), expected)
        assert (picture.width, picture.height) == (24, 24)
    texts = [text for text, _ in snapshot.captions]
    np.testing.assert_array_equal(
        snapshot.caption_index.reconstruct(np.arange(3)), encoder.encode_texts(texts)
    )
    assert gallery.embedder.lanes == {Lane.CHAT: 0, Lane.BULK: 6}, "the chat goes first"


async def test_a_second_reindex_encodes_nothing(gallery: Gallery) -> None:
    """Where nothing has changed, nothing is decoded, encoded or committed."""
    _three(gallery)
    await gallery.reindex()
    decoded = len(gallery.decoder.decoded)
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 3)
    assert gallery.embedder.pictures_encoded == 3
    assert gallery.embedder.texts_encoded == 3
    assert len(gallery.decoder.decoded) == decoded
    assert gallery.snapshot().generation == 1


async def test_settled_files_are_not_even_read(gallery: Gallery) -> None:
    """A file whose size and time are as they were is not hashed again."""
    _three(gallery)
    for file in gallery.pictures.iterdir():
        os.utime(file, (1, 1))
    await gallery.reindex()
    (gallery.pictures / "red.png").write_bytes(b"x" * (gallery.pictures / "red.png").stat().st_size)
    os.utime(gallery.pictures / "red.png", (1, 1))
    assert (await gallery.reindex()).unchanged == 3


async def test_fresh_files_are_read_again(gallery: Gallery) -> None:
    """A change within the clock's grain, of the same size, is still seen."""
    file = gallery.add("a.png", "red")
    stamp = time.time_ns()
    os.utime(file, ns=(stamp, stamp))
    await gallery.reindex()
    one, other = picture_bytes("red", 0), bytearray(picture_bytes("red", 0))
    other[-30] ^= 1
    assert len(one) == len(other)
    file.write_bytes(other)
    os.utime(file, ns=(stamp, stamp))
    report = await gallery.reindex()
    assert report.changed + len(report.failed) == 1


async def test_a_rename_encodes_nothing(gallery: Gallery) -> None:
    """A picture keeps its id and its vector under another name and in another folder."""
    _three(gallery)
    await gallery.reindex()
    before = gallery.ids()["red.png"]
    (gallery.pictures / "sub").mkdir()
    (gallery.pictures / "red.png").rename(gallery.pictures / "sub" / "crimson.png")
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 1, 0, 2)
    assert gallery.ids()["sub/crimson.png"] == before
    assert gallery.shown()["sub/crimson.png"] == "crimson"
    assert gallery.embedder.pictures_encoded == 3


async def test_a_caption_edit_encodes_no_picture(gallery: Gallery) -> None:
    """Other words cost the words alone; the id stays."""
    _three(gallery)
    await gallery.reindex()
    before = gallery.ids()
    (gallery.pictures / "red.txt").write_text("a ripe tomato")
    report = await gallery.reindex()
    assert (report.changed, report.unchanged) == (1, 2)
    assert gallery.ids() == before
    assert gallery.shown()["red.png"] == "a ripe tomato"
    assert gallery.embedder.pictures_encoded == 3
    assert gallery.embedder.texts_encoded == 4
    assert gallery.snapshot().generation == 2


async def test_copies_are_encoded_once(gallery: Gallery) -> None:
    """Ten copies of one file, indexed at once, are ten pictures and one encoding."""
    for number in range(10):
        gallery.add(f"{number}.png", "red", caption="the same words")
    report = await gallery.reindex()
    assert report.added == 10
    assert gallery.embedder.pictures_encoded == 1
    assert gallery.embedder.texts_encoded == 1
    assert len(set(gallery.ids().values())) == 10


async def test_removed_pictures_are_gone(gallery: Gallery) -> None:
    """What is no longer in the folder is no longer found, and its id never comes back."""
    _three(gallery)
    await gallery.reindex()
    removed = gallery.ids()["red.png"]
    (gallery.pictures / "red.png").unlink()
    assert (await gallery.reindex()).removed == 1
    assert set(gallery.ids()) == {"green.png", "blue.png"}
    gallery.add("red.png", "red")
    assert (await gallery.reindex()).added == 1
    assert gallery.ids()["red.png"] != removed


async def test_a_bad_file_fails_alone(gallery: Gallery) -> None:
    """A broken picture is a line with path, code and reason; the others are indexed."""
    _three(gallery)
    gallery.write("empty.png", b"")
    gallery.write("text.jpg", "not a picture")
    gallery.write("cut.png", picture_bytes("red")[:300])
    report = await gallery.reindex()
    assert report.added == 3
    assert {failure.path: failure.code for failure in report.failed} == {
        "cut.png": "damaged_picture",
        "empty.png": "not_a_picture",
        "text.jpg": "not_a_picture",
    }
    assert all(failure.reason for failure in report.failed)
    assert gallery.catalogue.failures("gallery") == report.failed


async def test_a_bad_file_is_tried_again_when_it_changed(gallery: Gallery) -> None:
    """A known bad file costs nothing until its bytes change; renaming it does not help."""
    gallery.add("good.png")
    gallery.write("bad.png", b"broken")
    await gallery.reindex()
    tried = len(gallery.decoder.decoded)
    (gallery.pictures / "bad.png").rename(gallery.pictures / "worse.png")
    report = await gallery.reindex()
    assert [failure.path for failure in report.failed] == ["worse.png"]
    assert len(gallery.decoder.decoded) == tried
    gallery.add("worse.png", "green")
    report = await gallery.reindex()
    assert report.added == 1
    assert report.failed == ()


async def test_a_picture_that_broke_is_gone(gallery: Gallery) -> None:
    """A picture whose file was overwritten by rubbish is no longer shown."""
    _three(gallery)
    await gallery.reindex()
    gallery.write("red.png", b"rubbish")
    report = await gallery.reindex()
    assert (report.removed, len(report.failed)) == (1, 1)
    assert set(gallery.shown()) == {"green.png", "blue.png"}


async def test_an_encoder_that_fails_on_one_caption(tmp_path: Path) -> None:
    """The picture is still found by its looks, the failure is told, and tried again."""
    encoder = FakeEncoder(fails_on=lambda text: text == "poison")
    gallery = Gallery(tmp_path, embedder=FakeEmbedder(encoder))
    gallery.add("a.png", caption="poison")
    gallery.add("b.png", "green", caption="fine")
    report = await gallery.reindex()
    assert [(failure.path, failure.code) for failure in report.failed] == [
        ("a.png", "encoding_failed")
    ]
    assert gallery.shown() == {"a.png": "poison", "b.png": "fine"}
    assert [text for text, _ in gallery.snapshot().captions] == ["fine"]
    encoder.fails_on = lambda _text: False
    assert (await gallery.reindex()).failed == ()


async def test_a_dead_encoder_changes_nothing(gallery: Gallery) -> None:
    """Where nothing can be encoded, the old state stays, also of a full reindex."""
    _three(gallery)
    await gallery.reindex()
    gallery.embedder.error = EncodingFailed("The device is gone.")
    with pytest.raises(EncodingFailed, match=r"Nothing was changed"):
        await gallery.reindex(full=True)
    for number in range(50):
        gallery.add(f"{number}.png", "pink", number)
    with pytest.raises(EncodingFailed, match=r"in a row.*The device is gone"):
        await gallery.reindex()
    assert len(gallery.snapshot().pictures) == 3
    gallery.embedder.error = None
    assert (await gallery.reindex()).added == 50


async def test_a_busy_encoder_is_waited_for(gallery: Gallery) -> None:
    """Bulk work that is turned away comes again, as often as it takes."""
    _three(gallery)
    gallery.embedder.error = Busy("Busy.", retry_after=0.01)
    running = asyncio.create_task(gallery.reindex())
    await until(lambda: gallery.embedder.lanes[Lane.BULK] >= 9)
    gallery.embedder.error = None
    assert (await running).added == 3


async def test_a_vector_that_is_none_is_refused(gallery: Gallery) -> None:
    """A vector with a NaN in it never reaches the catalogue."""
    gallery.add("a.png")
    gallery.add("b.png", "green")
    encode, spoiled = gallery.embedder.encoder.encode_images, []

    def spoil_one(pixels: np.ndarray) -> np.ndarray:
        vectors = encode(pixels)
        if not spoiled:
            vectors[0, 0] = np.nan
            spoiled.append(True)
        return vectors

    gallery.embedder.encoder.encode_images = spoil_one
    report = await gallery.reindex()
    assert report.added == 1
    assert [failure.code for failure in report.failed] == ["encoding_failed"]


async def test_an_empty_folder_removes_nothing(gallery: Gallery) -> None:
    """A mount that vanished does not look like "all removed"."""
    _three(gallery)
    await gallery.reindex()
    moved = gallery.pictures.rename(gallery.pictures.with_name("unmounted"))
    with pytest.raises(SourceError, match="cannot be read"):
        await gallery.reindex()
    gallery.pictures.mkdir()
    with pytest.raises(SourceError, match=r"no pictures, though 3 .*mounted"):
        await gallery.reindex()
    assert len(gallery.snapshot().pictures) == 3
    gallery.pictures.rmdir()
    moved.rename(gallery.pictures)
    assert (await gallery.reindex()).unchanged == 3


async def test_an_empty_new_collection_is_empty(gallery: Gallery) -> None:
    """A folder that never held a picture is no error."""
    report = await gallery.reindex()
    assert (report.added, report.failed) == (0, ())
    with pytest.raises(EmptyCollection):
        await gallery.library.open(None, "web")


async def test_an_update_of_the_model_is_told_as_one(tmp_path: Path) -> None:
    """Both have the same name: that the one is not the other would help nobody."""
    first = Gallery(tmp_path)
    _three(first)
    await first.reindex()
    updated = FakeEncoder()
    updated.identity = replace(updated.identity, fingerprint="0" * 64)
    second = Gallery(tmp_path, embedder=FakeEmbedder(updated))
    told = r"as it was before an update\. A bot encodes it anew.*reindex --full"
    with pytest.raises(ModelMismatch, match=told):
        await second.reindex()
    with pytest.raises(ModelMismatch, match=told):
        await second.library.open(None, "web")
    assert (await second.reindex(full=True)).unchanged == 3
    await second.library.open(None, "web")


async def test_another_model_needs_a_full_reindex(tmp_path: Path) -> None:
    """Vectors of two models are never mixed; a full reindex builds beside and swaps."""
    first = Gallery(tmp_path)
    _three(first)
    await first.reindex()
    ids = first.ids()
    second = Gallery(tmp_path, model="another")
    with pytest.raises(ModelMismatch, match=r"reindex --full"):
        await second.reindex()
    with pytest.raises(ModelMismatch, match=r"reindex --full"):
        await second.library.open(None, "web")
    report = await second.reindex(full=True)
    assert (report.unchanged, report.failed) == (3, ())
    assert second.embedder.pictures_encoded == 3
    snapshot = await second.library.open(None, "web")
    assert snapshot.identity == second.embedder.identity
    assert second.ids() == ids
    with pytest.raises(ModelMismatch):
        await first.library.open(None, "web")


async def test_full_encodes_everything_anew(gallery: Gallery) -> None:
    """A full reindex trusts nothing that was encoded before, bad files included."""
    _three(gallery)
    gallery.write("bad.png", b"broken")
    await gallery.reindex()
    before, tried = gallery.snapshot(), len(gallery.decoder.decoded)
    report = await gallery.reindex(full=True)
    assert (report.unchanged, len(report.failed)) == (3, 1)
    assert gallery.embedder.pictures_encoded == 6
    assert gallery.embedder.texts_encoded == 6
    assert len(gallery.decoder.decoded) == 2 * tried
    assert gallery.snapshot().generation == before.generation + 1
    assert gallery.ids() == {picture.path: picture.id for picture in before.pictures}


async def test_one_reindex_at_a_time(tmp_path: Path) -> None:
    """A second one is refused at once, in this process and in others, with the progress."""
    gallery = Gallery(tmp_path)
    _three(gallery)
    gallery.embedder.gate.clear()
    running = asyncio.create_task(gallery.reindex())
    await until(lambda: sum(gallery.embedder.lanes.values()) >= 3)
    with pytest.raises(ReindexRunning, match="0 of 3 pictures") as refused:
        await gallery.reindex()
    assert refused.value.retry_after > 0
    assert gallery.reindexer.running() == {"gallery": Progress("encode", 0, 3)}
    other = Gallery(tmp_path)
    with pytest.raises(ReindexRunning, match="already"):
        await other.reindex()
    gallery.embedder.gate.set()
    assert (await running).added == 3
    assert gallery.reindexer.running() == {}
    assert (await other.reindex()).unchanged == 3


async def test_searches_go_on_with_their_generation(gallery: Gallery) -> None:
    """While a reindex runs, and after it for whoever holds one, answers are of the old state."""
    _three(gallery)
    await gallery.reindex()
    held = await gallery.library.open(None, "web")
    gallery.add("pink.png", "pink")
    (gallery.pictures / "red.png").unlink()
    gallery.embedder.gate.clear()
    running = asyncio.create_task(gallery.reindex())
    await until(lambda: gallery.embedder.lanes[Lane.BULK] >= 7)
    assert await gallery.library.open(None, "web") is held
    gallery.embedder.gate.set()
    await running
    after = await gallery.library.open(None, "web")
    assert [picture.path for picture in held.pictures] == ["blue.png", "green.png", "red.png"]
    assert [picture.path for picture in after.pictures] == ["blue.png", "green.png", "pink.png"]
    assert held.picture_index.search(held.picture_index.reconstruct(np.array([2])), 1)[1] == 2


async def test_progress_is_told_in_order(gallery: Gallery) -> None:
    """Progress goes from the scan to the commit, never backwards, and ends complete."""
    for number in range(20):
        gallery.add(f"{number}.png", "red", number)
    told: list[Progress] = []
    await gallery.reindex(on_progress=told.append)
    stages = list(dict.fromkeys(progress.stage for progress in told))
    assert stages == ["scan", "encode", "commit"]
    for stage in stages:
        done = [progress.done for progress in told if progress.stage == stage]
        assert done == sorted(done)
        assert done[-1] == 20
    assert [progress.done for progress in told if progress.stage == "encode"] == list(range(21))


async def test_the_look_ahead_is_bounded(tmp_path: Path) -> None:
    """No more pictures are decoded at once than was asked for."""
    gallery = Gallery(tmp_path)
    for number in range(40):
        gallery.add(f"{number}.png", "red", number)
    reindexer = Reindexer(
        [gallery.spec],
        catalogue=gallery.catalogue,
        store=gallery.store,
        overlays=gallery.overlays,
        embedder=gallery.embedder,
        decoder=gallery.decoder,
        clock=SystemClock(),
        decoding=3,
    )
    assert (await reindexer.reindex("gallery")).added == 40
    assert 1 < gallery.decoder.at_once <= 3


async def test_a_file_that_changes_while_it_is_read(gallery: Gallery) -> None:
    """A vector always belongs to the bytes under whose hash it is kept."""
    file = gallery.add("a.png", "red")
    decode = gallery.decoder.decode
    changes = [picture_bytes("green"), b"half a file", picture_bytes("blue")]

    def change() -> None:
        if changes:
            file.write_bytes(changes.pop(0))

    async def decode_and_change(source: Path, spec: object, **how: object) -> object:
        try:
            return await decode(source, spec, **how)
        finally:
            change()

    gallery.decoder.decode = decode_and_change
    report = await gallery.reindex()
    assert [failure.code for failure in report.failed] == ["source"]
    assert "changes while it is read" in report.failed[0].reason
    assert gallery.embedder.pictures_encoded == 0
    report = await gallery.reindex()
    assert (report.added, report.failed) == (1, ())


async def test_a_file_that_vanishes_is_no_failure(gallery: Gallery) -> None:
    """A file that is removed between scan and reading is simply not there."""
    _three(gallery)
    decode = gallery.decoder.decode

    def remove(file: Path) -> None:
        if file.name == "red.png":
            file.unlink()

    async def decode_and_remove(source: Path, spec: object, **how: object) -> object:
        remove(source)
        return await decode(source, spec, **how)

    gallery.decoder.decode = decode_and_remove
    report = await gallery.reindex()
    assert (report.added, report.failed) == (2, ())


async def test_an_unknown_collection(gallery: Gallery) -> None:
    """A name that is not in the settings is answered with the names that are."""
    with pytest.raises(NotFound, match="gallery"):
        await gallery.reindexer.reindex("other")


async def test_a_stop_keeps_what_is_done(tmp_path: Path) -> None:
    """Shutting down ends the run with its own error, and the next one goes on."""
    gallery = Gallery(tmp_path, in_flight=1)
    for number in range(10):
        gallery.add(f"{number}.png", "red", number)
    running = asyncio.create_task(gallery.reindex())
    await until(lambda: gallery.embedder.pictures_encoded >= 4)
    gallery.embedder.error = ShuttingDown("Stopping.")
    with pytest.raises(ShuttingDown):
        await running
    done = gallery.embedder.pictures_encoded
    gallery.embedder.error = None
    assert (await gallery.reindex()).added == 10
    assert gallery.embedder.pictures_encoded == 10
    assert 4 <= done < 10
