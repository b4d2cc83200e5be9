"""Files that are made to keep a decoder busy are refused before they are decoded."""

import io
import struct
import time

import pytest
from PIL import Image

from core.domain.errors import BadPicture, PictureTooComplex
from core.domain.types import PixelSpec
from core.images.decode import DecodeLimits
from core.images.effort import check_effort
from core.images.pool import DecodePool
from core.images.worker import ToPixels, perform
from tests.costly_pictures import COSTLY, grid, jpeg_scans
from tests.pictures import encode, photo

pytestmark = pytest.mark.process

SPEC = PixelSpec(224, 224, "crop", 224)
LIMITS = DecodeLimits(10 << 20, 50_000_000)
CHEAP = {"gif-comments", "gif-extensions", "tiff-tags", "tiff-loop", "heic-nested"}
"""Those whose decoders take little longer than reading the bytes does, or have bounds of their
own."""


@pytest.mark.parametrize("name", COSTLY)
def test_no_file_takes_long(name: str) -> None:
    """Too much of anything costs less than four seconds of processor time, on shared cores too."""
    data = COSTLY[name]()
    assert len(data) <= 10 << 20
    started = time.thread_time()  # of this test alone, not of pools beside it
    try:
        perform(ToPixels(data, LIMITS, SPEC))
        refused = None
    except BadPicture as error:
        refused = error
    assert time.thread_time() - started < 4
    assert isinstance(refused, PictureTooComplex) is (name not in CHEAP), refused
    if isinstance(refused, PictureTooComplex):
        assert "takes too long" in refused.message
        assert refused.remedy


async def test_many_scans_cost_no_worker_its_time() -> None:
    """2,500 passes over 12 megapixels in 90 KB: refused at once, and the worker lives."""
    async with DecodePool(1, timeout_s=10) as pool:
        for _ in range(3):
            with pytest.raises(PictureTooComplex, match="parts"):
                await pool.decode(jpeg_scans(2500, (4000, 3000)), SPEC)
        assert pool.stats().restarts == 0
        assert pool.stats().failed == {"picture_too_complex": 3}


@pytest.mark.parametrize(
    "data",
    [
        jpeg_scans(40),
        grid("HEIF", 12),
        grid("AVIF", 12),
        encode(photo(), "JPEG", progressive=True, comment=b"\xff\xda" * 500),
        encode(photo(), "JPEG", comment=b"\xff\xda" * 500),
        encode(photo(), "JPEG", progressive=True) + b"\xff\xda\0\2" * 500,
    ],
    ids=["scans", "heic", "avif", "metadata", "baseline", "after the end"],
)
def test_usual_files_pass(data: bytes) -> None:
    """Some forty passes, the grids of phones, and what only looks like a scan, are decoded."""
    assert perform(ToPixels(data, LIMITS, SPEC)).width > 0


def test_large_pictures_have_fewer_passes() -> None:
    """Passes and pixels are bounded together: twice a usual file's passes remain to the largest."""
    size = 7000, 7000
    plain = io.BytesIO()
    Image.new("L", size).save(plain, "JPEG", progressive=True)
    own = plain.getvalue().count(b"\xff\xda")
    head = jpeg_scans(20 - own, size)
    assert head.count(b"\xff\xda") == 20
    check_effort("JPEG", io.BytesIO(head), len(head))
    more = jpeg_scans(21 - own, size)
    with pytest.raises(PictureTooComplex, match="20 parts"):
        check_effort("JPEG", io.BytesIO(more), len(more))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "TIFF", "HEIF", "AVIF"])
def test_broken_heads_are_the_decoders_business(name: str) -> None:
    """A head that ends anywhere, or says nonsense, is a damaged picture and no other error."""
    data = encode(photo(), name)
    for end in range(0, 200, 3):
        for tail in (b"", struct.pack("<I", 0xFFFFFFFF) * 4):
            with pytest.raises(BadPicture):
                perform(ToPixels(data[:end] + tail, LIMITS, SPEC))
