"""Frames of pictures that move: chosen by change of scene, bounded, with nothing else opened."""

from __future__ import annotations

import io
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image, ImageDraw

from core.domain.errors import BadPicture, DamagedPicture
from core.domain.types import MAX_FRAMES, PixelSpec
from core.images.formats import reads_videos
from core.images.pool import DecodePool
from tests.moving import ANIMATIONS, VIDEOS, animation, in_last_third, index_first, video

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not reads_videos(), reason="the extra video is not installed"),
]
_LOOP = pytest.mark.asyncio(loop_scope="module")
SPEC = PixelSpec(32, 32, "stretch")


def view(colour: str, kind: int) -> Image.Image:
    """A scene of its own for each kind: a shape on a ground."""
    image = Image.new("RGB", (96, 96), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 60 - 4 * kind, 96, 96), fill="navy")
    draw.ellipse((8 * kind, 8, 40 + 8 * kind, 56), fill=colour)
    return image


def moving() -> list[Image.Image]:
    """Two views, then a third from the last third on."""
    return in_last_third([view("green", 0), view("orange", 3)], view("red", 6), (96, 96))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[DecodePool]:
    """One for all of these tests."""
    async with DecodePool(1, timeout_s=60.0, max_pixels=4_000_000) as decoder:
        yield decoder


@_LOOP
async def test_each_kind_has_its_scenes_once(pool: DecodePool) -> None:
    """Of three views three frames, each where it begins or later, in every format."""
    frames = moving()
    files = {kind: animation(frames, kind) for kind in ANIMATIONS}
    files |= {
        f"{container}/{codec}": video(frames, container, codec) for container, codec in VIDEOS
    }
    for name, data in files.items():
        found = await pool.decode(data, SPEC, frames=True)
        seconds = [frame.at_s for frame in found.frames]
        assert len(seconds) == 3, (name, seconds)
        assert seconds[0] == 0, name
        assert 0.35 < seconds[1] < 0.75 < seconds[2] < 1.3, (name, seconds)
        assert (found.frames[0].pixels == found.pixels).all(), name
        # The thumbnail of that second is that frame, and what is kept has the same frames.
        jpeg = await pool.thumbnail(data, 96, seconds[2])
        with Image.open(io.BytesIO(jpeg)) as image:
            assert image.getpixel((70, 30))[0] > 200, name  # type: ignore[index]
        kept = await pool.decode(await pool.kept(data, 96), SPEC, frames=True)
        assert [f.at_s for f in kept.frames] == pytest.approx(seconds, abs=0.01), name
    assert pool.isolation is not None


@_LOOP
async def test_a_still_view_is_one_frame_and_many_are_eight(pool: DecodePool) -> None:
    """However long it lasts; and a picture that does not move has none."""
    assert not (await pool.decode(animation([view("red", 1)]), SPEC, frames=True)).frames
    still = await pool.decode(video([view("red", 1)] * 60), SPEC, frames=True)
    assert [frame.at_s for frame in still.frames] == [0]
    colours = ("red", "green", "orange", "purple", "black", "gold")
    many = [view(colour, kind) for colour, kind in itertools.product(colours, range(6))]
    found = await pool.decode(animation(many, duration=1000), SPEC, frames=True)
    assert len(found.frames) == MAX_FRAMES


@_LOOP
async def test_what_fades_in_begins_with_what_it_shows(pool: DecodePool) -> None:
    """The first frame that shows something stands for it, also without the others."""
    frames = [Image.new("RGB", (96, 96))] * 4 + [view("red", 6)] * 4
    for data in (animation(frames), video(frames)):
        found = await pool.decode(data, SPEC, frames=True)
        assert [frame.at_s for frame in found.frames] == pytest.approx([0.4], abs=0.11)
        plain = await pool.decode(data, SPEC)
        assert abs(plain.pixels.astype(int) - found.pixels).mean() < 8


async def outcome(pool: DecodePool, data: bytes | Path) -> str:
    """How many frames there are, or the code of an error that has words."""
    try:
        found = await pool.decode(data, SPEC, frames=True)
    except BadPicture as error:
        return error.code if error.message and error.remedy else ""
    return str(len(found.frames)) if len(found.frames) <= MAX_FRAMES else ""


@_LOOP
async def test_of_a_cut_video_what_is_there_is_read(pool: DecodePool) -> None:
    """Its frames up to the cut, also where a later one is asked for."""
    views = [view(colour, kind) for kind, colour in enumerate(("red", "green", "gold", "purple"))]
    whole = index_first(video([each for each in views for _ in range(10)], silent=True))
    seconds = [each.at_s for each in (await pool.decode(whole, SPEC, frames=True)).frames]
    assert len(seconds) == 4
    index = whole.index(b"mdat") + 4
    cut = whole[: index + (len(whole) - index) * 2 // 3]
    found = (await pool.decode(cut, SPEC, frames=True)).frames
    assert 1 <= len(found) < 4
    assert [each.at_s for each in found] == seconds[: len(found)]
    last = await pool.thumbnail(cut, 96, seconds[-1])
    assert last == await pool.thumbnail(cut, 96, 60.0)
    behind = video(moving())
    behind = behind[: behind.rindex(b"moov") + 40]
    for nothing in (whole[: index // 2], whole[: index + 40], behind):
        for asked in (pool.decode(nothing, SPEC, frames=True), pool.thumbnail(nothing, 96, 1.0)):
            with pytest.raises(DamagedPicture, match="MP4/MOV file ends too early"):
                await asked


@pytest.mark.long
@_LOOP
async def test_a_hundred_damaged_files(pool: DecodePool) -> None:
    """Bytes changed and cut anywhere: a picture or a typed error, and no worker is lost."""
    import numpy as np  # noqa: PLC0415

    rng = np.random.default_rng(0)
    files = [animation(moving(), kind) for kind in ANIMATIONS]
    files += [video(moving(), *kind) for kind in VIDEOS]
    restarts = pool.stats().restarts
    for number in range(104):
        data = bytearray(files[number % len(files)])
        for at in rng.integers(8, len(data), 1 + number % 40):
            data[at] = rng.integers(256)
        assert await outcome(pool, bytes(data[: rng.integers(9, len(data))]))
    assert pool.stats().restarts == restarts
