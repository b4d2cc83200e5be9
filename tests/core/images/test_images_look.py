"""What a decode worker tells of a picture beside its pixels: a placeholder and a date."""

from __future__ import annotations

import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from core.domain.types import DecodedPicture, PixelSpec
from core.images.decode import DecodeLimits, read_picture
from core.images.look import PLACEHOLDER_EDGE, placeholder_of
from core.images.worker import ToPixels, perform
from tests.pictures import encode

LIMITS = DecodeLimits(None, 50_000_000)
SPEC = PixelSpec(32, 32, "crop", 32)
NOON = 1_714_564_800.0
"""Noon of 1 May 2024 in UTC."""


def taken(kind: str = "JPEG", **noted: str) -> float | None:
    """When a picture with these notes in its EXIF was taken, as it is read."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({{"at": 0x9003, "zone": 0x9011}[key]: noted[key] for key in noted})
    data = encode(Image.new("RGB", (40, 30), "red"), kind, exif=exif.tobytes())
    found = read_picture(data, LIMITS).taken
    return None if found is None else found.here()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_the_camera_says_when(kind: str) -> None:
    """EXIF's date of taking, in the zone beside it, in every format that has EXIF."""
    assert taken(kind, at="2024:05:01 14:00:00", zone="+02:00") == NOON


def test_without_a_zone_it_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cameras write what their clock shows, and stand where the pictures are kept, as a rule."""
    monkeypatch.setenv("TZ", "UTC-5")
    time.tzset()
    try:
        assert taken(at="2024:05:01 17:00:00") == NOON
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") != "UTC-5"


@pytest.mark.parametrize("at", ["", "0000:00:00 00:00:00", "yesterday", "2024:13:01 00:00:00"])
def test_a_broken_date_is_none(at: str) -> None:
    """A picture is not worth less for it."""
    assert taken(at=at) is None


def test_there_may_be_no_date() -> None:
    """As of pictures that no camera took."""
    assert taken() is None


def test_a_placeholder_has_the_pictures_colours_in_a_few_bytes() -> None:
    """Left red and right blue, in the picture's shape, in no more bytes than a line of text."""
    image = Image.new("RGB", (1200, 600), "red")
    image.paste("blue", (600, 0, 1200, 600))
    data = placeholder_of(image)
    assert len(data) < 100
    tiny = Image.open(io.BytesIO(data))
    assert tiny.format == "WEBP"
    assert tiny.size == (PLACEHOLDER_EDGE, PLACEHOLDER_EDGE // 2)
    pixels = np.asarray(tiny.convert("RGB")).astype(int)
    assert pixels[3, 1, 0] > pixels[3, 1, 2] + 100
    assert pixels[3, -2, 2] > pixels[3, -2, 0] + 100


def test_a_noisy_picture_has_a_small_one_too() -> None:
    """The worst case: nothing in it can be foretold."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    for edges in ((400, 300), (1, 300), (400, 1), (1, 1)):
        assert 0 < len(placeholder_of(Image.fromarray(noise[: edges[0], : edges[1]]))) < 200


def test_decoding_for_an_encoder_tells_both() -> None:
    """So that a reindex, which decodes everything once, need not do it again."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 12:00:00", 0x9011: "+00:00"})
    data = encode(Image.new("RGB", (400, 200), "green"), "JPEG", exif=exif)
    decoded = perform(ToPixels(data, LIMITS, SPEC))
    assert isinstance(decoded, DecodedPicture)
    assert (decoded.width, decoded.height) == (200, 400)
    assert decoded.taken is not None
    assert decoded.taken.here() == NOON
    assert Image.open(io.BytesIO(decoded.placeholder)).size == (6, 12), "upright as the picture"
