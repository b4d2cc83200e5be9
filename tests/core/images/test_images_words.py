"""Words are read in confined processes, with the bounds of decoding, and nothing is made up."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PIL import Image

from core.domain.errors import DecodingFailed, NotAPicture, TooManyPixels
from core.images.reader_version import missing_packages
from core.images.reading import WordPool
from recipes.memes import drawn
from tests.pictures import encode, scene

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(bool(missing_packages()), reason="the extra words is not installed"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader() -> AsyncIterator[WordPool]:
    """One pool for all: its models take a second to load."""
    async with WordPool(1, timeout_s=110.0, max_pixels=4_000_000) as pool:
        yield pool


def _jpeg(image: Image.Image, quality: int = 80) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.mark.asyncio(loop_scope="module")
async def test_lines_are_read_from_top_to_bottom(reader: WordPool) -> None:
    """Outlined capitals on noise and letters with accents, each line with how sure it is."""
    image = drawn(("WHEN THE TESTS PASS", "Grüße aus São Paulo"), seed=1)
    lines = await reader.read(_jpeg(image))
    assert [line.text for line in lines] == ["WHEN THE TESTS PASS", "Grüße aus São Paulo"]
    assert all(0.6 <= line.confidence <= 1 for line in lines)
    assert reader.isolation is not None
    assert reader.healthy()


@pytest.mark.asyncio(loop_scope="module")
async def test_pictures_without_words_have_none(reader: WordPool) -> None:
    """A drawn scene, and a single colour of one pixel."""
    assert await reader.read(encode(scene(), "PNG")) == []
    assert await reader.read(_jpeg(Image.new("RGB", (1, 1), "red"))) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_hostile_bytes_are_typed_errors(reader: WordPool) -> None:
    """As for decoding: no picture, too many pixels; the worker lives on."""
    with pytest.raises(NotAPicture):
        await reader.read(b"no picture")
    with pytest.raises(TooManyPixels):
        await reader.read(encode(Image.new("1", (3000, 3000)), "PNG"))
    with pytest.raises(Exception, match=r"."):
        await reader.read(_jpeg(scene())[:400])
    assert reader.stats().restarts == 0


async def test_time_is_bounded() -> None:
    """A picture that takes longer costs its worker, not the program."""
    async with WordPool(1, timeout_s=0.05) as pool:
        with pytest.raises(DecodingFailed):
            await pool.read(_jpeg(drawn(("SLOW",) * 6, seed=2, edge=2000)))
        assert pool.stats().restarts == 1
