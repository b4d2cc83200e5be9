"""After an update only such pictures are encoded anew as are read in another way now."""

import os
from pathlib import Path

from PIL import Image, ImageDraw
from sqlalchemy import update

from core.images.changes import read_otherwise
from index.catalogue.schema import picture_vectors
from tests.galleries import Gallery
from tests.odd_files import gif, with_coding
from tests.picture_files import encode, scene


def _drawing(colour: str) -> Image.Image:
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((8, 8, 40, 40), fill=colour)
    return image


def _files() -> dict[str, tuple[bytes, bool]]:
    """Files by name, and whether earlier versions may have read them otherwise."""
    return {
        "sticker.png": (encode(_drawing("white"), "PNG"), True),
        "sticker.webp": (encode(_drawing("white"), "WEBP", lossless=True), True),
        "lossy.webp": (encode(_drawing("white"), "WEBP"), True),
        "part.gif": (gif(scene((40, 40)).quantize(16), (64, 64), (9, 9)), True),
        "key.png": (encode(scene(), "PNG", transparency=(20, 180, 60)), True),
        "sticker.avif": (encode(_drawing("white"), "AVIF"), True),
        "hdr.avif": (with_coding(encode(scene(), "AVIF"), 9, 16), True),
        "hdr.heic": (with_coding(encode(scene(), "HEIF"), 9, 18), True),
        "plain.png": (encode(scene(), "PNG"), False),
        "plain.webp": (encode(scene(), "WEBP"), False),
        "plain.avif": (encode(scene(), "AVIF"), False),
        "plain.heic": (encode(scene(), "HEIF"), False),
        "plain.bmp": (encode(scene(), "BMP"), False),
        "photo.jpg": (encode(scene(), "JPEG"), False),
    }


def test_which_files_were_read_otherwise(tmp_path: Path) -> None:
    """Their first bytes tell; what is gone is for the reader to tell."""
    for name, (data, otherwise) in _files().items():
        path = tmp_path / name
        path.write_bytes(data)
        assert read_otherwise(path) is otherwise, name
    assert read_otherwise(tmp_path / "gone.png")


async def test_only_these_are_encoded_anew(tmp_path: Path) -> None:
    """Their new vectors are searched at once, and the next reindex encodes nothing."""
    gallery = Gallery(tmp_path)
    for name, (data, _) in _files().items():
        # Old enough for its time to be trusted.
        os.utime(gallery.write(name, data), (1_700_000_000, 1_700_000_000))
    first = await gallery.reindex()
    assert not first.failed
    generation = gallery.catalogue.generation(gallery.name)
    with gallery.catalogue.database.write() as connection:
        connection.execute(update(picture_vectors).values(run=-1))
    encoded = gallery.embedder.pictures_encoded
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed) == (0, 0, 0)
    anew = sum(otherwise for _, otherwise in _files().values())
    assert gallery.embedder.pictures_encoded == encoded + anew
    assert gallery.catalogue.generation(gallery.name) == generation + 1, "the index is made anew"
    assert (await gallery.reindex()).unchanged == len(_files())
    assert gallery.embedder.pictures_encoded == encoded + anew


async def test_a_collection_that_shares_a_picture_has_its_new_vector(tmp_path: Path) -> None:
    """Whichever of both encoded it anew: the other one's next reindex takes it into its index."""
    first, second = (Gallery(tmp_path, name=name) for name in ("first", "second"))
    first.write("sticker.png", encode(_drawing("white"), "PNG"))
    await first.reindex()
    await second.reindex()
    with first.catalogue.database.write() as connection:
        connection.execute(update(picture_vectors).values(run=-1))
    generation = second.catalogue.generation("second")
    await first.reindex()
    await second.reindex()
    assert second.catalogue.generation("second") == generation + 1
    assert second.embedder.pictures_encoded == 0, "the vector is there already"
    await second.reindex()
    assert second.catalogue.generation("second") == generation + 1, "once"
