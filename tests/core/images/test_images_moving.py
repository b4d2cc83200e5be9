"""Frames of pictures that move: chosen by change of scene, bounded, with nothing else opened."""

from __future__ import annotations

import io
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image, ImageDraw

from core.domain.errors import BadPicture
from core.domain.types import MAX_FRAMES, PixelSpec
from core.images.pool import DecodePool
from core.images.video import reads_videos
from tests.moving import ANIMATIONS, VIDEOS, animation, in_last_third, sound, video

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


def _huge(data: bytes) -> bytes:
    """An MP4 that says it is 16,384 x 16,384 pixels, in its track and in its sample entry."""
    changed = bytearray(data)
    track, entry = data.index(b"tkhd"), data.index(b"avc1", data.index(b"stsd"))
    struct.pack_into(">II", changed, track + 4 + 76, 16384 << 16, 16384 << 16)
    struct.pack_into(">HH", changed, entry + 28, 16384, 16384)
    return bytes(changed)


def hostile(secret: Path, port: int) -> dict[str, bytes]:
    """Broken, lying and endless files; some name a file of this machine, or an address of it."""
    gif, mp4 = animation(moving()), video(moving())
    webm = video(moving(), "webm", "libvpx")
    url = f"http://127.0.0.1:{port}/a.ts"
    one = animation([Image.new("P", (1, 1)), Image.new("P", (1, 1), 1)])
    frame = b"\x21\xf9\x04\x04\0\0\0\0" + b"\x2c\0\0\0\0\1\0\1\0\0" + b"\2\2\x44\1\0"
    return {
        "no-frames.gif": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff;",
        "a-million-frames.gif": one[:-1] + frame * 1_000_000 + b";",
        "16k.gif": b"GIF89a" + struct.pack("<HH", 16000, 16000) + gif[10:],
        "cut.gif": gif[: len(gif) // 2],
        "cut.webm": webm[: len(webm) // 2],
        "cut.mp4": mp4[: len(mp4) // 2],
        "no-index.mp4": mp4.replace(b"moov", b"mooo"),
        "lying-16k.mp4": _huge(mp4),
        "16k.mp4": video([Image.new("RGB", (16384, 256))]),
        "head.mp4": mp4[:200],
        "sound.mp4": sound(),
        "sound.webm": sound("webm", "libopus"),
        "playlist.m3u8": f"#EXTM3U\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n".encode(),
        "file.m3u8": f"#EXTM3U\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode(),
        "list.ffconcat": f"ffconcat version 1.0\nfile {secret}\n".encode(),
        "reference.mov": mp4.replace(b"url \0\0\0\0\0\0\0\1", b"url \0\0\0\0\0\0\0\0"),
        "session.sdp": f"v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n".encode(),
    }


@_LOOP
async def test_hostile_files_end_in_typed_errors(pool: DecodePool, tmp_path: Path) -> None:
    """Or in what can be read of them; the workers live, and nobody is asked for anything else."""
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(video(moving()))
    with socket.create_server(("127.0.0.1", 0)) as asked:
        asked.setblocking(False)
        told = {}
        for name, data in hostile(secret, asked.getsockname()[1]).items():
            # As files of a folder, of which larger ones are read.
            path = tmp_path / name
            path.write_bytes(data)
            told[name] = await outcome(pool, path)
        with pytest.raises(BlockingIOError):
            asked.accept()
    print(told)
    readable = {"a-million-frames.gif", "cut.gif", "cut.webm", "cut.mp4", "lying-16k.mp4"}
    readable |= {"reference.mov"}
    assert {name for name, what in told.items() if what.isdigit()} <= readable
    assert {told[name] for name in ("16k.mp4", "16k.gif")} == {"too_many_pixels"}
    assert {told[name] for name in ("sound.mp4", "sound.webm")} == {"not_a_picture"}
    assert told["playlist.m3u8"] == told["list.ffconcat"] == "not_a_picture"
    assert pool.stats().restarts == 0


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
