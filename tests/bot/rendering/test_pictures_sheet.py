"""Contact sheets and label bars as PNG."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.protocol.replies import LabelBar
from bot.rendering.contact_sheet import ACCENT, PAPER, QUERY_TILE, Painter, Tile
from bot.rendering.thumbnails import Thumbnails
from core.domain.errors import NotFound
from core.domain.types import Band
from tests.fakes import COLOURS, FakeDecoder, picture_bytes

PAINTER = Painter()


def jpeg(colour: str, size: tuple[int, int] = (300, 200)) -> bytes:
    """A picture in one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, COLOURS[colour]).save(out, "JPEG", quality=95)
    return out.getvalue()


def opened(png: bytes) -> Image.Image:
    """The drawing, checked to be a PNG."""
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image


def close_to(pixel: tuple[int, ...], colour: tuple[int, int, int]) -> bool:
    """Whether a pixel is this colour but for JPEG's losses."""
    return all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))


def tile(number: int, colour: str | None, caption: str = "a caption") -> Tile:
    """A hit in one colour."""
    data = jpeg(colour) if colour else None
    return Tile(number, caption, "0.31 · strong", Band.STRONG, data)


def test_the_sheet_shows_the_query_beside_its_hits() -> None:
    """The query stands large on the left, the hits in reading order on the right."""
    hits = [tile(n, c) for n, c in enumerate(["red", "green", "blue", "yellow", "pink"], 1)]
    sheet = opened(PAINTER.contact_sheet(jpeg("orange"), "Similar pictures", hits))
    assert close_to(sheet.getpixel((24 + QUERY_TILE // 2, 24 + QUERY_TILE // 2)), COLOURS["orange"])
    left, step, down = 24 + QUERY_TILE + 24, 232 + 24, 232 + 62 + 24
    for index, colour in enumerate(["red", "green", "blue", "yellow", "pink"]):
        x, y = left + index % 3 * step + 116, 24 + index // 3 * down + 116
        assert close_to(sheet.getpixel((x, y)), COLOURS[colour])


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 10])
def test_any_page_fits_what_platforms_take(count: int) -> None:
    """Zero to ten hits, with or without a query: at most 10,000 for width + height."""
    hits = [tile(n, "red" if n % 2 else None) for n in range(1, count + 1)]
    for query in (None, jpeg("blue")):
        sheet = opened(PAINTER.contact_sheet(query, "label", hits))
        assert sum(sheet.size) < 10_000
        assert sheet.width <= 1900


def test_captions_in_any_script_are_drawn_within_their_tile() -> None:
    """Line breaks, right-to-left text and megabytes of caption do no harm."""
    for caption in ("a\nb\tc", "תפוז כתום", "橙子" * 40, "w" * 1_000_000, ""):
        opened(PAINTER.contact_sheet(None, caption, [tile(1, "red", caption)]))


def test_bars_are_as_long_as_their_probability() -> None:
    """Half a probability is half the bar; none at all draws no bar."""
    bars = [
        LabelBar("a", 1.0, 0, "1.00"),
        LabelBar("b", 0.5, 0, "0.50"),
        LabelBar("c", 0.0, 0, "0"),
    ]
    sheet = opened(PAINTER.label_bars(bars))
    lengths = []
    for index in range(3):
        y = 24 + index * 56 + 26
        lengths.append(sum(sheet.getpixel((x, y)) == ACCENT for x in range(300, 800)))
    assert abs(lengths[0] - 2 * lengths[1]) <= 2
    assert lengths[2] == 0
    assert sheet.getpixel((2, 2)) == PAPER


def test_bars_grow_to_the_left_for_whoever_reads_that_way() -> None:
    """Labels stand on the right, numbers on the left, and the bars are the mirrored ones."""
    bars = [LabelBar("كلب", 0.75, 0, "0.75"), LabelBar("cat", 0.25, 0, "0.25")]
    plain, turned = (
        np.asarray(opened(PAINTER.label_bars(bars, rtl=rtl)).convert("RGB"))
        for rtl in (False, True)
    )
    filled = [(sheet == ACCENT).all(axis=2) for sheet in (plain, turned)]
    # Both ends of a box belong to it, so that mirrored ones stand one pixel further.
    assert np.array_equal(filled[1][:, 1:], filled[0][:, ::-1][:, :-1])
    ink = (turned < 120).all(axis=2)
    assert ink[:, 640:].any()
    assert ink[:, :100].any()
    assert not ink[:, 110:600].any()


async def test_a_thumbnail_is_made_once(tmp_path: Path) -> None:
    """However many ask at a time and later, a picture is decoded once; the cache is bounded."""
    file = tmp_path / "a.png"
    file.write_bytes(picture_bytes("red", edge=400))
    made = []

    class Counting(FakeDecoder):
        async def thumbnail(self, source: bytes | Path, edge: int, at_s: float = 0.0) -> bytes:
            made.append(edge)
            return await super().thumbnail(source, edge, at_s)

    thumbnails = Thumbnails(Counting(), capacity=100_000)
    first, *others = await asyncio.gather(*(thumbnails.get("sha", file, 100) for _ in range(8)))
    assert all(other == first for other in others)
    assert Image.open(io.BytesIO(first)).size == (100, 100)
    await thumbnails.get("sha", file, 100)
    assert made == [100]
    tiny = Thumbnails(Counting(), capacity=10)
    await tiny.get("sha", file, 100)
    await tiny.get("sha", file, 100)
    assert made == [100] * 3


async def test_one_caller_that_leaves_takes_nothing_from_the_others(tmp_path: Path) -> None:
    """Cancelling one of two requests for a thumbnail leaves the other its picture."""
    file = tmp_path / "a.png"
    file.write_bytes(picture_bytes("red"))
    thumbnails = Thumbnails(FakeDecoder())
    leaver, stayer = (asyncio.create_task(thumbnails.get("sha", file, 9)) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    assert await stayer
    with pytest.raises(NotFound):
        await thumbnails.get("other", tmp_path / "gone.png", 9)
    await thumbnails.close()
