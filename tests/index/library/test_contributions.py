"""Adding, removing and restoring pictures in chat, in one community."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import (
    Busy,
    CatalogueError,
    CollectionFull,
    CommunityUnknown,
    DuplicatePicture,
    EncodingFailed,
    ModelMismatch,
    NotAPicture,
    QueryTooLong,
    UploadsFull,
)
from core.domain.types import Lane
from core.search.service import Search
from index.library.uploads import UploadQuota
from tests.fakes import FakeDecoder, FakeEncoder, picture_bytes
from tests.galleries import Gallery, until
from tests.moving import animation

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Two indexed pictures."""
    gallery = Gallery(tmp_path)
    gallery.add("red.png", "red", caption="a red thing")
    gallery.add("blue.png", "blue", 1)
    await gallery.reindex()
    return gallery


def _nothing_kept(gallery: Gallery) -> None:
    assert gallery.upload_files() == {}
    assert gallery.verify() == []


async def test_the_next_query_finds_it(gallery: Gallery) -> None:
    """What was added is found by its looks and by its caption at once, with its file."""
    picture = await gallery.post("green", 7, "  a leaf\nfrom the  garden ")
    assert picture.caption == "a leaf from the garden"
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    result = await search.find("something green", community="web", k=1)
    assert result.hits[0].picture == picture
    described = await search.describe(picture_bytes("green", 7), community="web", k=5)
    assert "a leaf from the garden" in {hit.caption for hit in described.hits}
    found, file = await gallery.library.picture_file(picture.id, "web")
    assert found == picture
    with Image.open(file) as image:
        assert (image.format, image.size) == ("JPEG", (picture.width, picture.height))
    assert gallery.embedder.lanes[Lane.BULK] == 4, "the reindex alone, none for the chat"
    assert gallery.verify() == []


async def test_the_vector_is_that_of_the_file(gallery: Gallery) -> None:
    """What is encoded is what is kept, so that encoding it again gives the same."""
    picture = await gallery.post("green", 7, "a leaf")
    view = await gallery.library.open(None, "web")
    row = view.row_of(picture.id)
    assert row is not None
    _, file = await gallery.library.picture_file(picture.id, "web")
    encoder = FakeEncoder()
    decoded = await FakeDecoder().decode(file, encoder.pixel_spec)
    np.testing.assert_array_equal(
        view.picture_index.reconstruct(np.array([row])), encoder.encode_images(decoded.pixels[None])
    )
    text, owner = view.captions[len(view.captions) - 1]
    assert (text, owner) == ("a leaf", row)
    np.testing.assert_array_equal(
        view.caption_index.reconstruct(np.array([len(view.captions) - 1])),
        encoder.encode_texts(["a leaf"]),
    )


async def test_nothing_of_the_file_but_the_picture_is_kept(gallery: Gallery) -> None:
    """Where and with what it was taken is not kept; a large one is made smaller."""
    exif = Image.Exif()
    exif[0x010F] = "a camera of mine"
    out = io.BytesIO()
    Image.new("RGB", (4000, 1000), (20, 150, 40)).save(out, "JPEG", exif=exif.tobytes())
    posted = out.getvalue()
    assert b"camera" in posted
    picture = await gallery.contributions.add(posted, "", community="web", uploader="web:1")
    _, file = await gallery.library.picture_file(picture.id, "web")
    assert b"camera" not in file.read_bytes()
    assert (picture.width, picture.height) == (2048, 512)
    assert picture.caption == ""
    view = await gallery.library.open(None, "web")
    assert picture.id not in {view.pictures[row].id for _, row in view.captions}


async def test_the_same_snapshot_while_nothing_changes(gallery: Gallery) -> None:
    """Equal questions share one object, which calibration relies on; a change makes another."""
    base = gallery.snapshot()
    assert await gallery.library.open(None, "web") is base, "nothing lies over it"
    picture = await gallery.post("green", 7)
    first = await gallery.library.open(None, "web")
    assert first is not base
    assert await gallery.library.open(None, "web") is first
    await gallery.contributions.remove(picture.id, community="web", remover="web:1")
    assert await gallery.library.open(None, "web") is base


async def test_a_view_copies_nothing_and_changes_nothing(gallery: Gallery) -> None:
    """Whoever holds a snapshot keeps it, whatever is added and removed meanwhile."""
    picture = await gallery.post("green", 7, "a leaf")
    held = await gallery.library.open(None, "web")
    paths = [each.path for each in held.pictures]
    await gallery.contributions.remove(picture.id, community="web", remover="web:1")
    await gallery.contributions.remove(gallery.ids()["red.png"], community="web", remover="web:1")
    assert [each.path for each in held.pictures] == paths
    assert held.pictures[-1] == picture
    assert held.pictures[:2] == tuple(held.pictures)[:2]
    with pytest.raises(IndexError):
        held.pictures[3]
    view = await gallery.library.open(None, "web")
    assert [each.path for each in view.pictures] == ["blue.png"]
    assert [(text, view.pictures[row].path) for text, row in view.captions] == [
        ("blue", "blue.png")
    ]
    assert [view.captions[n] for n in range(len(view.captions))] == list(view.captions)
    assert view.row_of(gallery.ids()["red.png"]) is None
    assert view.row_of(gallery.ids()["blue.png"]) == 0


async def test_a_collection_that_was_never_indexed(tmp_path: Path) -> None:
    """Pictures can be added before the first reindex, which then keeps them."""
    gallery = Gallery(tmp_path)
    assert await gallery.seen() == set()
    await gallery.post("green", 7, "a leaf")
    assert await gallery.seen() == {"a leaf"}
    assert await gallery.library.open(None, "web") is await gallery.library.open(None, "web")
    [status] = await gallery.library.status("web")
    assert (status.pictures, status.captions, status.index) == (1, 1, "exact")
    assert gallery.verify() == []
    gallery.add("red.png", "red")
    report = await gallery.reindex()
    assert (report.added, report.failed) == (1, ())
    assert await gallery.seen() == {"red.png", "a leaf"}
    assert gallery.snapshot().generation == 1


async def test_equal_bytes_are_refused(gallery: Gallery) -> None:
    """What is there already is named, whether it is the folder's or was added."""
    for colour, seed in (("red", 0), ("green", 7)):
        if colour == "green":
            await gallery.post(colour, seed, "a leaf")
        encoded = gallery.embedder.pictures_encoded
        for anyway in (False, True):
            with pytest.raises(DuplicatePicture) as refused:
                await gallery.post(colour, seed, anyway=anyway)
            assert refused.value.exact
            assert refused.value.score == 1.0
            assert refused.value.picture.caption in {"a red thing", "a leaf"}
        assert gallery.embedder.pictures_encoded == encoded, "known without encoding"
    assert len(gallery.upload_files()) == 1


async def test_another_file_of_the_same_picture_is_equal(gallery: Gallery) -> None:
    """Bytes that differ but lead to the same file, and that file itself, are the same."""
    picture = await gallery.post("green", 7)
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture_bytes("green", 7))) as image:
        image.save(out, "BMP")
    _, file = await gallery.library.picture_file(picture.id, "web")
    for data in (out.getvalue(), file.read_bytes()):
        with pytest.raises(DuplicatePicture) as refused:
            await gallery.contributions.add(data, "", community="web", uploader="web:1")
        assert (refused.value.exact, refused.value.picture) == (True, picture)


async def test_nearly_the_same_needs_a_second_word(tmp_path: Path) -> None:
    """A picture that looks the same is added only where somebody insists."""
    gallery = Gallery(tmp_path, duplicate_cosine=0.9)
    first = await gallery.post("green", 7)
    with pytest.raises(DuplicatePicture) as refused:
        await gallery.post("green", 8)
    assert not refused.value.exact
    assert 0.9 <= refused.value.score < 1
    assert refused.value.picture == first
    await gallery.post("red", 9)
    second = await gallery.post("green", 8, anyway=True)
    assert len(await gallery.seen()) == 3
    assert second.id != first.id


async def test_clips_that_begin_alike_are_two(tmp_path: Path) -> None:
    """What moves is known where all its frames are; not by its opening, nor as its first frame."""
    gallery = Gallery(tmp_path, duplicate_cosine=0.9)

    def clip(*colours: str, seed: int = 0) -> bytes:
        frames = [Image.open(io.BytesIO(picture_bytes(each, seed))) for each in colours]
        return animation([frame.convert("RGB") for frame in frames])

    async def added(data: bytes) -> None:
        await gallery.contributions.add(data, "", community="web", uploader="web:1")

    for each in (clip("white", "green"), clip("white", "cyan"), picture_bytes("white")):
        await added(each)
    for each in (clip("white", "cyan", seed=1), picture_bytes("white", 1)):
        with pytest.raises(DuplicatePicture):
            await added(each)


@pytest.mark.parametrize("seeds", [(7, 7), (7, 8)])
async def test_two_at_the_same_moment(tmp_path: Path, seeds: tuple[int, int]) -> None:
    """Of two equal or nearly equal pictures at the same moment one is added, one refused."""
    gallery = Gallery(tmp_path, duplicate_cosine=0.9)
    gallery.embedder.gate.clear()
    adding = [asyncio.create_task(gallery.post("green", seed)) for seed in seeds]
    await until(lambda: gallery.embedder.lanes[Lane.CHAT] == 2)
    gallery.embedder.gate.set()
    results = await asyncio.gather(*adding, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["DuplicatePicture", "Picture"]
    assert len(gallery.upload_files()) == 1


async def test_no_more_than_the_operator_allows(tmp_path: Path) -> None:
    """A full scope takes nothing until something is removed; none at all is said plainly."""
    gallery = Gallery(tmp_path, max_uploads=2)
    first = await gallery.post("red", 1)
    await gallery.post("green", 2)
    with pytest.raises(CollectionFull, match="2 pictures"):
        await gallery.post("blue", 3)
    await gallery.contributions.remove(first.id, community="web", remover="web:1")
    await gallery.post("blue", 3)
    off = Gallery(tmp_path / "off", max_uploads=0)
    with pytest.raises(CollectionFull, match="switched off"):
        await off.post("blue", 3)
    assert off.decoder.decoded == []


async def test_only_so_many_at_the_same_moment(tmp_path: Path) -> None:
    """The bound holds for pictures that come together, too."""
    gallery = Gallery(tmp_path, max_uploads=3)
    colours = ("red", "green", "blue", "yellow", "pink", "black")
    results = await asyncio.gather(
        *(gallery.post(colour, seed) for seed, colour in enumerate(colours)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, CollectionFull) for each in results) == 3
    assert len(await gallery.seen()) == len(gallery.upload_files()) == 3


async def test_what_cannot_be_added_leaves_nothing(gallery: Gallery) -> None:
    """A bad picture, a long caption, a busy or failing encoder: nothing is kept."""
    add = gallery.contributions.add
    with pytest.raises(NotAPicture):
        await add(b"no picture", "", community="web", uploader="web:1")
    with pytest.raises(QueryTooLong, match="500"):
        await gallery.post("green", 7, "x" * 501)
    with pytest.raises(CommunityUnknown):
        await gallery.post("green", 7, community="discord:1")
    gallery.embedder.error = Busy("Too many wait.")
    with pytest.raises(Busy):
        await gallery.post("green", 7)
    gallery.embedder.error = None
    gallery.embedder.encoder.fails_on = lambda text: "leaf" in text
    with pytest.raises(EncodingFailed):
        await gallery.post("green", 7, "a leaf")
    gallery.embedder.encoder.fails_on = lambda _text: False
    _nothing_kept(gallery)
    assert (await gallery.post("green", 7, "x" * 500)).caption == "x" * 500


async def test_another_model_is_refused(gallery: Gallery) -> None:
    """Vectors of another model never come beside those that are there."""
    other = Gallery(gallery.data.parent, model="other")
    with pytest.raises(ModelMismatch):
        await other.post("green", 7)
    _nothing_kept(gallery)


async def test_a_full_disk_leaves_nothing(gallery: Gallery) -> None:
    """Where the file cannot be written, no row says that it is there, and it works later."""
    gallery.files.fault = "write"
    with pytest.raises(CatalogueError, match="No space left"):
        await gallery.post("green", 7)
    gallery.files.fault = ""
    _nothing_kept(gallery)
    await gallery.post("green", 7, "a leaf")
    assert "a leaf" in await gallery.seen()


async def test_no_more_than_fits_from_all_chats_together(tmp_path: Path) -> None:
    """Many communities add no more than one: pictures, bytes, and what stays free on the disk.

    Each is refused before anything is decoded, and says which setting it is.
    """
    everybody = "telegram:-1 telegram:-2 telegram:-3"
    gallery = Gallery(tmp_path, communities="*", room=UploadQuota(pictures_total=2))
    for seed, community in enumerate(everybody.split()[:2]):
        await gallery.post("red", seed, community=community, anyway=True)
    with pytest.raises(UploadsFull, match=r"max_pictures_total"):
        await gallery.post("blue", 3, community="telegram:-3")
    taken = gallery.files.kept_bytes()
    assert taken > 0
    for room, named in (
        (UploadQuota(bytes_total=taken), "max_total_mb"),
        (UploadQuota(free_bytes=1 << 60), "min_free_mb"),
    ):
        full = Gallery(tmp_path, communities="*", room=room)
        with pytest.raises(UploadsFull, match=named):
            await full.post("blue", 3, community="telegram:-3")
        if named == "min_free_mb":
            assert full.decoder.decoded == []
        full.close()
    assert len(gallery.upload_files()) == 2
    gallery.close()
