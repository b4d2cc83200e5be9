"""Every accepted format and colour mode gives the right pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from core.domain.types import DecodedPicture, PixelSpec
from core.images.colours import to_rgb
from core.images.decode import DecodeLimits, Upright, read_picture, to_jpeg
from core.images.formats import FORMATS, foreign, sniff
from core.images.resize import fit_pixels
from core.images.worker import ToJpeg, ToPixels, perform
from tests.pictures import GREEN, RED, SIZE, GoodPicture, encode, good_pictures, photo, scene

LIMITS = DecodeLimits(max_bytes=None, max_pixels=1_000_000)
SPEC = PixelSpec(32, 32, "crop", 32)


@pytest.mark.parametrize("picture", good_pictures(), ids=lambda picture: picture.name)
def test_good_picture_has_its_colours(picture: GoodPicture) -> None:
    """Each mode and format decodes to RGB with the colours that were put in."""
    found = read_picture(picture.data, LIMITS)
    assert (found.format, found.image.mode, found.image.size) == (
        picture.format,
        "RGB",
        picture.size,
    )
    for place, colour in picture.colours:
        pixel = found.image.getpixel(place)
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) <= picture.slack, place


def test_every_format_is_covered() -> None:
    """The good pictures leave out no accepted format."""
    assert {picture.format for picture in good_pictures()} == set(FORMATS)


def test_sixteen_bit_grey_keeps_its_order() -> None:
    """A 16-bit ramp becomes the 8-bit ramp, no two levels swapped and none clipped."""
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(1, -1)
    grey = np.asarray(to_rgb(Image.fromarray(ramp)))[0, :, 0]
    assert grey[0] == 0
    assert grey[-1] == 255
    assert (np.diff(grey.astype(int)) >= 0).all()
    assert len(np.unique(grey)) == 256


def test_float_without_any_number_is_black() -> None:
    """A picture of nothing but NaN or infinity decodes, and to one colour."""
    for value in (np.nan, np.inf):
        image = Image.fromarray(np.full((4, 4), value, np.float32))
        assert to_rgb(image).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_premultiplied_grey_is_laid_on_white() -> None:
    """Half-transparent black, stored multiplied by its alpha, shows as middle grey."""
    assert to_rgb(Image.new("La", (1, 1), (0, 128))).getpixel((0, 0)) == (127, 127, 127)


def test_one_level_has_no_contrast_to_stretch() -> None:
    """A picture of one 32-bit level is black, not a division by zero."""
    image = Image.fromarray(np.full((4, 4), 70_000, np.int32))
    assert to_rgb(image).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_pixels_equal_plain_pillow() -> None:
    """Pixels are those of Pillow's own decoding, with no colour profile.

    To the byte where a JPEG is not reduced on the way (see test_images_reduced.py).
    """
    data = encode(photo((251, 187)), "JPEG", quality=90)
    found = perform(ToPixels(data, LIMITS, SPEC))
    assert isinstance(found, DecodedPicture)
    plain = fit_pixels(Image.open(io.BytesIO(data)).convert("RGB"), SPEC)
    np.testing.assert_array_equal(found.pixels, plain)
    assert (found.width, found.height, found.format) == (251, 187, "JPEG")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # as in a worker
def test_broken_exif_is_no_reason_to_refuse() -> None:
    """A picture with garbage for EXIF decodes as it lies."""
    data = encode(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)
    assert read_picture(data, LIMITS).image.size == SIZE


@pytest.mark.parametrize("orientation", [0, 9, 99])
def test_unknown_orientation_is_upright(orientation: int) -> None:
    """EXIF orientations that do not exist turn nothing."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert read_picture(encode(scene(), "JPEG", exif=exif), LIMITS).image.size == SIZE


def test_heic_ignores_exif_orientation_alone() -> None:
    """In HEIF its own properties turn the picture; EXIF's orientation is to be ignored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(scene(), "HEIF", exif=exif)  # pillow-heif writes it to EXIF only
    assert b"irot" not in data
    assert read_picture(data, LIMITS).image.size == SIZE


def test_thumbnail_carries_no_metadata_but_the_profile() -> None:
    """Place, camera and comments stay behind; an RGB colour profile goes along."""
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    exif.get_ifd(0x8825)[1] = "N"
    profile = bytes(16) + b"RGB " + bytes(200)
    data = encode(scene((400, 300)), "JPEG", exif=exif, comment="secret words", icc_profile=profile)
    assert b"Secret camera" in data
    small = perform(ToJpeg(data, LIMITS, edge=100, quality=80))
    assert isinstance(small, bytes)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (100, 75)
        assert image.format == "JPEG"
        assert image.info["icc_profile"] == profile
        assert not image.getexif()
        assert "comment" not in image.info
    assert b"ecret" not in small


@pytest.mark.parametrize("edge", [16, 64, 1000])
def test_thumbnail_fits_and_is_upright(edge: int) -> None:
    """A thumbnail never exceeds its edge, never grows, and is turned as EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(scene((640, 480)).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    small = perform(ToJpeg(data, LIMITS, edge=edge, quality=90))
    assert isinstance(small, bytes)
    with Image.open(io.BytesIO(small)) as image:
        assert max(image.size) == min(edge, 640)
        assert image.width > image.height
        corner = image.getpixel((1, 1))
        assert isinstance(corner, tuple)
        assert max(abs(a - b) for a, b in zip(corner, GREEN, strict=True)) < 40


def test_profile_of_another_colour_space_stays_behind() -> None:
    """A CMYK or grey profile would be wrong for the RGB that is sent."""
    profile = bytes(16) + b"CMYK" + bytes(200)
    data = encode(scene().convert("CMYK"), "JPEG", icc_profile=profile)
    assert read_picture(data, LIMITS).profile == b""
    assert b"ICC_PROFILE" not in to_jpeg(Upright(scene(), "JPEG", b""), 10, 80)


def test_first_frame_of_an_animation() -> None:
    """Of many frames the first one counts, and no other is decoded."""
    others = [Image.new("RGB", SIZE, (0, 0, 0))] * 5
    for format_ in ("GIF", "WEBP", "PNG", "AVIF"):
        data = encode(scene(), format_, save_all=True, append_images=others)
        pixel = read_picture(data, LIMITS).image.getpixel((24, 48))
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, RED, strict=True)) < 25, format_


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP/Office"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isommp42", "MP4/MOV"),
        (b"<?xml version='1.0'?><SVG>", "SVG"),
        (b"nothing known", None),
    ],
)
def test_common_mistakes_are_named(head: bytes, words: str | None) -> None:
    """Who sends a PDF hears that it is one."""
    assert sniff(head) is None
    assert foreign(head) == words
