"""Bad pictures: a typed error for each that says what to do, and nothing else happens."""

import os
import socket
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from core.domain.errors import (
    BadPicture,
    DamagedPicture,
    DecodingFailed,
    NotAPicture,
    PictureTooLarge,
    TooManyPixels,
)
from core.domain.types import DecodedPicture, PixelSpec
from core.images.decode import DecodeLimits
from core.images.formats import reads_videos
from core.images.pool import DecodePool
from core.images.worker import ToJpeg, ToPixels, perform
from tests.bad_pictures import whole_files
from tests.pictures import SIZE, bad_pictures, encode, photo, png, scene

pytestmark = pytest.mark.process

SPEC = PixelSpec(32, 32, "crop", 32)
MIB = 1 << 20


def memory() -> int:
    """Resident bytes of this process and all that it started."""
    here = psutil.Process()
    return sum(process.memory_info().rss for process in (here, *here.children(recursive=True)))


async def outcome(pool: DecodePool, source: bytes | Path) -> DecodedPicture | BadPicture:
    """The picture or the error; any other exception fails the test."""
    try:
        return await pool.decode(source, SPEC)
    except BadPicture as error:
        return error


async def test_every_bad_picture_gives_a_typed_error() -> None:
    """Of over 200 bad pictures none ends a worker, and each gets a cause and a remedy."""
    files = bad_pictures(seed=0)
    bombs = sum(file.name.startswith("bomb-") for file in files)
    assert len(files) >= 200
    assert bombs >= 20
    wrong: list[str] = []
    async with DecodePool(2) as pool:
        await pool.decode(encode(scene(), "PNG"), SPEC)
        before = memory()
        most = before
        for file in files:
            found = await outcome(pool, file.data)
            kind = type(found) if isinstance(found, BadPicture) else None
            if kind not in file.expected:
                wrong.append(f"{file.name}: {found!r}")
            if isinstance(found, BadPicture) and not (found.message and found.remedy):
                wrong.append(f"{file.name}: no words")
            most = max(most, memory())
        stats = pool.stats()
    print(f"{len(files)} bad pictures, {bombs} bombs, growth {(most - before) / MIB:.0f} MiB")
    assert not wrong
    assert most - before < 200 * MIB
    assert stats.restarts == 0
    assert stats.decoded - 1 + sum(stats.failed.values()) == len(files)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 11))
async def test_random_damage_never_ends_a_worker(seed: int) -> None:
    """Other random bytes in other places: still a picture or a typed error."""
    files = [file for file in bad_pictures(seed) if "flipped" in file.name or "rand" in file.name]
    async with DecodePool(2) as pool:
        for file in files:
            found = await outcome(pool, file.data)
            kind = type(found) if isinstance(found, BadPicture) else None
            assert kind in file.expected, file.name
        assert pool.stats().restarts == 0
    print(f"{len(files)} damaged pictures")


async def test_names_do_not_count(tmp_path: Path) -> None:
    """A PNG called .jpg, .txt or nothing at all is a PNG."""
    async with DecodePool(1) as pool:
        for name in ("a.jpg", "a.txt", "a.pdf", "a"):
            path = tmp_path / name
            path.write_bytes(encode(scene(), "PNG"))
            picture = await pool.decode(path, SPEC)
            assert (picture.format, picture.width, picture.height) == ("PNG", *SIZE)
        (tmp_path / "text.png").write_text("not a picture")
        with pytest.raises(NotAPicture):
            await pool.decode(tmp_path / "text.png", SPEC)


async def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """Pipes, sockets, devices, folders and missing files are errors, and at once."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.jpg"))
        async with DecodePool(1) as pool:
            started = time.monotonic()
            for path in (tmp_path / "pipe.jpg", tmp_path / "link.jpg", tmp_path / "s.jpg"):
                assert isinstance(await outcome(pool, path), NotAPicture), path
            for path in (Path("/dev/zero"), tmp_path):
                assert isinstance(await outcome(pool, path), NotAPicture), path
            for path in (tmp_path / "none.jpg", tmp_path / "loop.jpg", Path("a\0b")):
                error = await outcome(pool, path)
                assert isinstance(error, BadPicture), path
                assert error.code == "bad_picture"
                assert error.remedy
            assert time.monotonic() - started < 5
            assert pool.stats().restarts == 0


async def test_bytes_are_counted_before_decoding(tmp_path: Path) -> None:
    """One byte too many is refused with both numbers, for uploads and for files."""
    data = encode(photo(), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    exact = DecodePool(1, max_bytes=len(data), max_file_bytes=len(data))
    async with exact as pool:
        await pool.decode(data, SPEC)
        await pool.decode(path, SPEC)
    async with DecodePool(1, max_bytes=len(data) - 1, max_file_bytes=len(data) - 1) as pool:
        for source in (data, path):
            with pytest.raises(PictureTooLarge, match="MiB"):
                await pool.decode(source, SPEC)
            with pytest.raises(PictureTooLarge):
                await pool.thumbnail(source, 10)
        assert pool.stats().failed == {"picture_too_large": 4}
    async with DecodePool(1, max_bytes=1, max_file_bytes=None) as pool:
        await pool.decode(path, SPEC)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"])
async def test_pixels_are_counted_before_decoding(format_: str) -> None:
    """The budget is exact in every format: so many pixels pass, one row more does not."""
    async with DecodePool(1, max_pixels=80 * 64) as pool:
        await pool.decode(encode(scene((80, 64)), format_), SPEC)
        with pytest.raises(TooManyPixels, match="megapixels"):
            await pool.decode(encode(scene((80, 65)), format_), SPEC)


async def test_memory_limit_fails_one_picture() -> None:
    """A picture that wants more memory than allowed fails; the same worker does the next."""
    data = png((6000, 6000, 8, 2), bytes(18001 * 6000))
    async with DecodePool(1, memory_bytes=64 * MIB) as pool:
        with pytest.raises(DecodingFailed, match="memory"):
            await pool.decode(data, SPEC)
        await pool.decode(encode(scene(), "PNG"), SPEC)
        assert pool.stats().restarts == 0


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (b"", "This file is empty"),
        (b"hello", "That file is not a picture in a known format"),
        (b"%PDF-1.7", "This is a PDF file"),
        (b"GIF89a", "This GIF file is damaged"),
        (whole_files()["heic"][:900], "This HEIC file"),
        (whole_files()["bmp"][:-100], "This BMP file ends too early"),
        (whole_files()["png"] + bytes(1 << 16), "MiB; at most"),
        (png((1000, 1001, 8, 2), b"\0"), r"has 1.001 megapixels \(1000 x 1001\); at most 1 mega"),
        (png((9000, 9000, 8, 2), b"\0"), "has too many pixels; at most 1 megapixels"),
        (Path("/none"), "cannot be opened: no such file"),
        (Path("/dev/null"), "a folder, a pipe or a device"),
        (Path(__file__), "not a picture in a known format"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_words_for_who_sent_it(source: bytes | Path, cause: str, monkeypatch: Any) -> None:
    """Each refusal names its cause in words and says what to do."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)  # no warning between
    limits = DecodeLimits(max_bytes=1 << 16, max_pixels=1_000_000)
    for job in (ToPixels(source, limits, SPEC), ToJpeg(source, limits, 32, 80)):
        with pytest.raises(BadPicture, match=cause) as caught:
            perform(job)
        assert caught.value.remedy.endswith(".")


def test_refusals_name_what_is_read() -> None:
    """Pictures, and videos where something is installed that reads them."""
    with pytest.raises(NotAPicture) as caught:
        perform(ToPixels(b"hello", DecodeLimits(max_bytes=None, max_pixels=9), SPEC))
    assert ("MP4/MOV, WebM/MKV" in caught.value.remedy) is reads_videos()
    assert "JPEG, PNG, WebP" in caught.value.remedy


async def test_cut_file_says_that_it_is_cut() -> None:
    """Who sends half a picture hears that a part is missing."""
    async with DecodePool(1) as pool:
        for format_ in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
            data = encode(photo(), format_)
            with pytest.raises(DamagedPicture, match="ends too early") as caught:
                await pool.decode(data[: len(data) // 2], SPEC)
            assert "Send it again" in caught.value.remedy
