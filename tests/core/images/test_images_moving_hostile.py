"""Files that name others, lie, are broken or never end: typed errors, and nobody is asked."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from core.domain.errors import BadPicture
from core.domain.types import MAX_FRAMES, PixelSpec
from core.images import video
from core.images.decode import DecodeLimits, read_picture
from core.images.formats import reads_videos
from core.images.moving import FrameRequest
from core.images.pool import DecodePool
from tests.hostile_moving import broken, naming
from tests.moving import in_last_third
from tests.moving import video as clip

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not reads_videos(), reason="the extra video is not installed"),
]
_PIXELS = 4_000_000
_MEMORY = 256 << 20
_OPENED, _READ = 0x20, 0x01  # inotify(7): IN_OPEN, IN_ACCESS


def _views() -> list[Image.Image]:
    before, after = (Image.new("RGB", (96, 96), colour) for colour in ("white", "navy"))
    for image, colour in ((before, "green"), (after, "orange")):
        ImageDraw.Draw(image).ellipse((8, 8, 56, 56), fill=colour)
    return in_last_third([before], after, (96, 96))


class Bait:
    """A video and a port of this machine that files name, and whether anybody came."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "secret.mp4"
        self.file.write_bytes(clip(_views()))
        self._port = socket.create_server(("127.0.0.1", 0))
        self._port.setblocking(False)
        self.port: int = self._port.getsockname()[1]
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = -1
        if sys.platform == "linux":
            self._watch = libc.inotify_init1(os.O_NONBLOCK)
            assert libc.inotify_add_watch(self._watch, bytes(self.file), _OPENED | _READ) >= 0

    def taken(self) -> Iterator[str]:
        """What was opened since it was asked last."""
        try:
            self._port.accept()[0].close()
        except BlockingIOError:
            pass
        else:
            yield "port"
        try:
            os.read(self._watch, 4096)
        except BlockingIOError:
            pass
        else:
            yield "file"

    def close(self) -> None:
        self._port.close()
        os.close(self._watch)


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[Bait]:
    """Which is known to tell when it is taken."""
    made = Bait(tmp_path)
    made.file.read_bytes()
    socket.create_connection(("127.0.0.1", made.port)).close()
    assert [*made.taken()] == ["port", "file"]
    assert [*made.taken()] == []
    yield made
    made.close()


def _kinds(told: dict[str, str]) -> Counter[str]:
    """How many files end how; those of which frames were read count as such."""
    return Counter("frames" if what.isdigit() else what for what in told.values())


async def test_hostile_files_end_in_typed_errors(bait: Bait, tmp_path: Path) -> None:
    """Or in what can be read of them, in little memory; the workers live, and open nothing."""
    files = naming(_views(), bait.file, bait.port) | broken(_views())
    assert len(files) >= 100
    told = {}
    async with DecodePool(
        1, timeout_s=60.0, max_pixels=_PIXELS, memory_bytes=_MEMORY, jobs_per_worker=len(files)
    ) as pool:
        for name, data in files.items():
            # As a file of a folder, of which larger ones are read.
            path = tmp_path / name
            path.write_bytes(data)
            try:
                found = await pool.decode(path, PixelSpec(32, 32, "stretch"), frames=True)
            except BadPicture as error:
                told[name] = error.code if error.message else ""
            else:
                assert len(found.frames) <= MAX_FRAMES, name
                told[name] = str(len(found.frames))
        assert pool.stats().restarts == 0
    assert [*bait.taken()] == []
    assert {told[name] for name in told if "-bare." in name} == {"not_a_picture"}
    assert {told[name] for name in told if "-boxed." in name} == {"damaged_picture"}
    assert {told[name] for name in told if "-matroska." in name} == {"damaged_picture"}
    assert {told[name] for name in ("16k.mp4", "16k.gif")} == {"too_many_pixels"}
    assert {told[name] for name in ("sound.mp4", "sound.webm")} == {"not_a_picture"}
    assert set(_kinds(told)) == {"frames", "not_a_picture", "damaged_picture", "too_many_pixels"}


def test_what_they_name_is_refused_without_the_kernel(bait: Bait) -> None:
    """In a process that might open files and connections, none is opened either."""
    video.prepare()
    limits, wanted = DecodeLimits(None, _PIXELS), FrameRequest(scenes=True)
    found = 0
    for data in naming(_views(), bait.file, bait.port).values():
        try:
            found += len(read_picture(data, limits, moving=wanted).frames)
        except BadPicture:
            continue
    assert found, "what a video shows itself is read"
    assert [*bait.taken()] == []
