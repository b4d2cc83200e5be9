"""What the recipes write into the documentation, and the damage that they do to pictures."""

from __future__ import annotations

import gzip
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.indexing.scan import scan_folder
from recipes.damage import DAMAGES, EDGE, Damage, original
from recipes.documents import put, table
from recipes.fashion import write_gallery
from recipes.mini.fashion import FASHION, LABELS

pytestmark = pytest.mark.model


def picture(width: int, height: int) -> Image.Image:
    """Noise, half of it transparent."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[: height // 2, :, 3] = 0
    return Image.fromarray(pixels)


def test_a_measured_table_replaces_the_one_before(tmp_path: Path) -> None:
    """What is around the marks stays; putting twice leaves one; no marks are an error."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- here -->\nold\n<!-- end of here -->\nafter\n")
    for _ in range(2):
        put(page, "here", table(("a", "b"), [("x", "1"), ("y", "2")]))
    assert page.read_text() == (
        "before\n<!-- here -->\n| a | b |\n| --- | --: |\n| x | 1 |\n| y | 2 |\n"
        "<!-- end of here -->\nafter\n"
    )
    with pytest.raises(ValueError, match="no place marked there"):
        put(page, "there", "text")


def test_every_page_has_the_places_that_its_recipe_fills() -> None:
    """A table that could not be written would be noticed after an hour of measuring."""
    docs = Path(__file__).parents[2] / "docs"
    for page, marks in (
        ("training.md", ("losses on stamps", "losses on Fashion-MNIST")),
        ("damaged.md", ("strengths", "views")),
        ("fashion.md", ("by class",)),
        ("scores.md", ("without captions",)),
        ("classify.md", ("stamps", "clothes", "zero-shot")),
    ):
        text = (docs / page).read_text(encoding="utf-8")
        for mark in marks:
            assert text.count(f"<!-- {mark} -->") == 1, mark
            assert text.count(f"<!-- end of {mark} -->") == 1, mark


def idx(root: Path, part: str, count: int) -> None:
    """Write a part of the data set as Debian ships it: each picture of one grey, labels in turn."""
    (root / FASHION).mkdir(parents=True, exist_ok=True)
    grey = np.arange(count, dtype=np.uint8)
    pixels = np.repeat(grey, 28 * 28).tobytes()
    for kind, header, content in (
        ("images-idx3", 16, pixels),
        ("labels-idx1", 8, (grey % 10).tobytes()),
    ):
        with gzip.open(root / FASHION / f"{part}-{kind}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + content)


def test_the_clothes_are_a_gallery_with_captions(tmp_path: Path) -> None:
    """Training pictures first, then test pictures; another count writes it anew."""
    idx(tmp_path / "root", "train", 12)
    idx(tmp_path / "root", "t10k", 5)
    gallery = tmp_path / "gallery"
    for count in (3, 15, 15):
        write_gallery(tmp_path / "root", gallery, count)
        found = scan_folder(gallery).pictures
        assert len(found) == count
        captions = sorted(caption for picture in found for caption in picture.captions)
        assert captions == sorted([*LABELS, *LABELS[:2], *LABELS[:3]][:count])
    with Image.open(gallery / "trousers-00001.png") as image:
        assert (image.size, image.getpixel((100, 100))) == ((224, 224), 1)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_stronger_damage_leaves_less(damage: Damage) -> None:
    """Each strength gives another picture, and the same one every time."""
    whole = original(picture(300, 200))
    assert whole.size == (EDGE, 341)
    assert np.array(whole)[:160].min() == 255
    made = [np.array(damage.apply(whole, s, random.Random(1))) for s in damage.strengths]
    again = [np.array(damage.apply(whole, s, random.Random(1))) for s in damage.strengths]
    assert {damage.asked, *damage.targets} <= set(damage.strengths)
    assert all(np.array_equal(one, other) for one, other in zip(made, again, strict=True))
    for one, other in pairwise(made):
        assert one.shape != other.shape or not np.array_equal(one, other)


def test_a_crop_of_70_percent_keeps_that_of_each_edge_and_a_turn_keeps_every_pixel() -> None:
    """The two damages whose strength can be read off the picture's size."""
    by_name = {damage.name: damage for damage in DAMAGES}
    whole = original(picture(400, 400))
    cropped = by_name["crop"].apply(whole, 70, random.Random(3))
    assert cropped.size == (358, 358)
    turned = by_name["rotation"].apply(whole, 90, random.Random(3))
    assert np.array_equal(np.array(turned), np.rot90(np.array(whole)))
