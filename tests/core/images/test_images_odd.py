"""What is odd in a file, but no reason to refuse or to misread its picture."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.domain.errors import DamagedPicture, NotAPicture, TooManyPixels
from core.domain.types import DecodedPicture, PixelSpec
from core.images.decode import DecodeLimits, read_picture
from core.images.formats import foreign, sniff
from core.images.worker import ToJpeg, ToPixels, perform
from tests.odd_files import bitmap, chunk, gif, with_chunk, with_coding, with_light
from tests.picture_files import BLUE, RED, SIZE, encode, photo, scene
from tests.profiles import ADOBE, BT2020, P3, Primaries, profile

LIMITS = DecodeLimits(max_bytes=None, max_pixels=1_000_000)
SPEC = PixelSpec(32, 32, "crop", 32)
DARK, WHITE = (32, 32, 32), (255, 255, 255)


def _read(data: bytes) -> Image.Image:
    return read_picture(data, LIMITS).image


def _apart(one: Image.Image, other: Image.Image) -> float:
    pixels = (np.asarray(image, dtype=np.int16) for image in (one, other))
    return float(np.abs(np.subtract(*pixels)).mean())


def _drawing(colour: tuple[int, int, int], mode: str = "RGBA") -> Image.Image:
    """A ring on nothing."""
    image = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    ImageDraw.Draw(image).ellipse((16, 8, 48, 40), outline=(*colour, 255), width=6)
    return image.convert(mode)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("colour", "background"),
    [
        ((255, 255, 255), DARK),
        ((235, 240, 238), DARK),
        ((0, 0, 0), WHITE),
        ((255, 255, 0), WHITE),
        ((220, 30, 40), WHITE),
    ],
)
def test_a_drawing_lies_on_what_it_is_seen_on(
    format_: str, colour: tuple[int, int, int], background: tuple[int, int, int]
) -> None:
    """A light one on dark grey, any other on white; for the encoder as for the eye."""
    options = {"lossless": True} if format_ == "WEBP" else {}
    data = encode(_drawing(colour), format_, **options)
    corner = _read(data).getpixel((1, 1))
    assert isinstance(corner, tuple)
    assert max(abs(a - b) for a, b in zip(corner, background, strict=True)) <= 3
    decoded = perform(ToPixels(data, LIMITS, SPEC))
    assert isinstance(decoded, DecodedPicture)
    assert decoded.pixels.std() > 20, "there is something to be seen"
    small = perform(ToJpeg(data, LIMITS, edge=64, quality=95))
    assert isinstance(small, bytes)
    with Image.open(io.BytesIO(small)) as thumbnail:
        assert _apart(thumbnail.convert("RGB"), _read(data)) < 6


def test_white_drawings_are_told_apart() -> None:
    """Two of them are two pictures, not one white one."""
    ring, dot = _drawing((255, 255, 255)), Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    ImageDraw.Draw(dot).rectangle((4, 4, 20, 20), fill="white")
    assert _apart(_read(encode(ring, "PNG")), _read(encode(dot, "PNG"))) > 20


def test_nothing_at_all_is_white() -> None:
    """Where nothing is opaque there is no drawing to choose by."""
    assert (
        _read(encode(Image.new("RGBA", (9, 9), (255, 255, 255, 0)), "PNG")).getextrema()
        == ((255, 255),) * 3
    )


def test_exif_turns_a_png_wherever_it_stands() -> None:
    """Also behind the pixels, and beside a text that is broken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encode(scene(), "PNG")
    turned = _read(with_chunk(plain, chunk(b"eXIf", exif.tobytes()[6:])))
    assert turned.size == SIZE[::-1]
    late = with_chunk(plain, chunk(b"eXIf", exif.tobytes()[6:]), before=b"IEND")
    broken = with_chunk(late, chunk(b"tEXt", b"a\0b", wrong=True))
    assert _apart(_read(broken), turned) == 0
    wrong = with_chunk(plain, chunk(b"eXIf", exif.tobytes()[6:], wrong=True))
    assert _read(wrong).size == SIZE


def test_a_png_without_its_pixels_is_damaged_all_the_same() -> None:
    """What is left out never stands for what is missing."""
    plain = encode(scene(), "PNG")
    at = plain.index(b"IDAT") - 4
    for data in (
        with_chunk(plain[:at] + chunk(b"IEND", b""), chunk(b"tEXt", b"a"), before=b"IEND"),
        with_chunk(encode(photo(), "PNG")[:9000], chunk(b"tEXt", b"a\0b", wrong=True)),
        with_chunk(plain, b"\x7f\xff\xff\xffprVt"),
    ):
        with pytest.raises(DamagedPicture):
            _read(data)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_may_lack_its_end(*, progressive: bool, missing: int) -> None:
    """Two bytes that say nothing of the picture."""
    for mode in ("RGB", "L", "CMYK"):
        data = encode(photo().convert(mode), "JPEG", quality=90, progressive=progressive)
        assert _apart(_read(data[:-missing]), _read(data)) == 0


def test_a_jpeg_that_is_cut_says_how_much_is_missing() -> None:
    """In rows of the picture; in passes over all of it nobody can tell."""
    whole = encode(photo((320, 480)), "JPEG", quality=90)
    for share in (10, 50, 80):
        with pytest.raises(DamagedPicture, match=r"about \d+ % of it is missing") as refused:
            _read(whole[: len(whole) * (100 - share) // 100])
        told = int(refused.value.message.split("about ")[1].split(" %")[0])
        assert abs(told - share) < 6
    whole = encode(photo((320, 480)), "JPEG", quality=90, progressive=True)
    with pytest.raises(DamagedPicture, match="a part of it is missing"):
        _read(whole[: len(whole) // 2])


def test_no_cut_goes_unnoticed() -> None:
    """A JPEG whose last bytes are missing is refused, or is the very picture."""
    whole = encode(photo(seed=3), "JPEG", quality=75)
    picture = _read(whole)
    for missing in range(3, 60):
        try:
            assert _apart(_read(whole[:-missing]), picture) == 0, missing
        except DamagedPicture:
            continue


def test_around_the_first_frame_of_a_gif_is_nothing() -> None:
    """It stands where it belongs, on white, whatever colour the palette begins with."""
    image = _read(gif(scene((40, 30)).quantize(16), (90, 70), (30, 20)))
    assert image.size == (90, 70)
    assert image.getpixel((2, 2)) == image.getpixel((80, 60)) == WHITE
    found = [image.getpixel(place) for place in ((35, 45), (65, 45))]
    assert found == [RED, BLUE]


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("size", [(7, 5), (8, 4)])
def test_colours_of_a_bmp_lie_in_any_bits(header: int, size: tuple[int, int]) -> None:
    """Ten bits each, the other way round, five and six of them."""
    samples = np.asarray(scene(size).convert("RGBA"))
    for bits, masks, slack in (
        (32, (0x3FF00000, 0xFFC00, 0x3FF, 0), 1),
        (32, (0xFF00, 0xFF0000, 0xFF000000, 0), 1),
        (16, (0x1F, 0x7E0, 0xF800, 0), 5),
    ):
        data = bitmap(samples, masks, bits, header)
        assert _apart(_read(data), scene(size)) <= slack
        with pytest.raises(DamagedPicture, match="missing"):
            _read(data[:-4])


def test_pixels_of_a_bmp_are_counted_before_they_are_read() -> None:
    """Whatever bits they lie in."""
    data = bytearray(bitmap(np.zeros((1, 1, 4), np.uint8), (0xFF, 0xFF00, 0xFF0000, 0), 32, 40))
    data[18:26] = struct.pack("<ii", 40_000, -40_000)
    with pytest.raises(TooManyPixels):
        _read(bytes(data))


def test_an_avif_may_associate_its_items_one_by_one() -> None:
    """As link-u's encoder does: a box for the colours, and one for what is transparent."""
    whole = encode(_drawing((220, 30, 40)), "AVIF", quality=95)
    at = whole.index(b"ipma") - 4
    length = int.from_bytes(whole[at : at + 4], "big")
    kind, entries = whole[at + 8 : at + 12], whole[at + 16 : at + length]
    first = 3 + entries[2]
    apart = b"".join(
        struct.pack(">I", 16 + len(each)) + b"ipma" + kind + struct.pack(">I", 1) + each
        for each in (entries[:first], entries[first:])
    )
    data = bytearray(whole[:at] + apart + whole[at + length :])
    more = len(apart) - length
    for name in (b"meta", b"iprp"):
        box = data.index(name) - 4
        data[box : box + 4] = struct.pack(">I", int.from_bytes(data[box : box + 4], "big") + more)
    # Where the items lie in the file (ISO/IEC 14496-12, 8.11.3): offsets and lengths of 4 bytes.
    box = data.index(b"iloc") + 4
    for item in range(2):
        place = box + 8 + 14 * item + 6
        data[place : place + 4] = struct.pack(
            ">I", int.from_bytes(data[place : place + 4], "big") + more
        )
    assert data.count(b"ipma") == 2
    assert _apart(_read(bytes(data)), _read(whole)) == 0


@pytest.mark.parametrize("format_", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("coding", "grey"),
    [((1, 13), 128), ((2, 2), 128), ((9, 16), 132), ((9, 18), 99), ((9, 13), 128), ((1, 8), 188)],
)
def test_high_dynamic_range_is_mapped(format_: str, coding: tuple[int, int], grey: int) -> None:
    """PQ, HLG and linear light become what a screen shows; the values are Chromium's."""
    data = with_coding(encode(Image.new("RGB", (64, 64), (128,) * 3), format_, quality=95), *coding)
    pixel = _read(data).getpixel((30, 30))
    assert isinstance(pixel, tuple)
    assert max(abs(level - grey) for level in pixel) <= 3


@pytest.mark.parametrize("format_", ["AVIF", "HEIF", "PNG"])
def test_highlights_are_mapped_by_how_bright_they_are(format_: str) -> None:
    """The brighter the brightest pixel of a PQ picture is, the less light is left for white."""
    grey = encode(Image.new("RGB", (64, 64), (148,) * 3), format_, quality=95)  # 203 nits

    def seen(*nits: int) -> int:
        if format_ == "PNG":
            data = with_chunk(grey, chunk(b"cICP", bytes((9, 16, 0, 1))), b"IDAT")
            for each in nits:
                data = with_chunk(
                    data, chunk(b"cLLI", struct.pack(">II", 10_000 * each, 0)), b"IDAT"
                )
        else:
            data = with_coding(grey, 9, 16)
            for each in nits:
                data = with_light(data, b"clli", struct.pack(">HH", each, 0))
        pixel = _read(data).getpixel((30, 30))
        assert isinstance(pixel, tuple)
        return int(pixel[1])

    unknown = seen()
    assert seen(1000) == seen(0) == unknown
    assert seen(400) > unknown + 30
    assert abs(seen(4000) - unknown) <= 3, "white is never less than half as bright"
    assert seen(203) == seen(1), "and paper is the brightest white"
    if format_ != "PNG":
        mastered = bytes(16) + struct.pack(">II", 4_000_000, 1)
        dim = _read(with_light(with_coding(grey, 9, 16), b"mdcv", mastered)).getpixel((30, 30))
        assert isinstance(dim, tuple)
        assert dim[1] == seen(400)


@pytest.mark.parametrize("format_", ["AVIF", "PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("primaries", "changed"), [(BT2020, True), (P3, False), (ADOBE, False), (None, False)]
)
def test_much_wider_gamuts_are_shown_by_their_profile(
    format_: str, primaries: Primaries | None, *, changed: bool
) -> None:
    """Those that telephones and cameras write are left, and go along with a thumbnail."""
    icc = b"none" if primaries is None else profile(primaries)
    options = {} if format_ == "PNG" else {"quality": 95}
    picture = read_picture(encode(scene(), format_, icc_profile=icc, **options), LIMITS)
    plain = read_picture(encode(scene(), format_, **options), LIMITS)
    assert (_apart(picture.image, plain.image) > 8) is changed
    assert picture.profile == (b"" if changed or primaries is None else icc)


def test_a_profile_may_name_its_coding() -> None:
    """The cicp tag of a PQ profile is gone by, as the box is."""
    icc = profile(BT2020, cicp=bytes((9, 16, 0, 1)))
    grey = Image.new("RGB", (8, 8), (128,) * 3)
    pixel = _read(encode(grey, "PNG", icc_profile=icc)).getpixel((3, 3))
    assert isinstance(pixel, tuple)
    assert max(abs(level - 132) for level in pixel) <= 2


def test_colours_of_any_mode_are_mapped() -> None:
    """16 bits of grey as 8, and those of a palette as those of pixels."""
    grey = scene().convert("L")
    deep = Image.fromarray(np.asarray(grey, dtype=np.uint16) * 257)
    for coding in (bytes((9, 16, 0, 1)), bytes((12, 13, 0, 1))):
        one, other = (
            _read(with_chunk(encode(each, "PNG"), chunk(b"cICP", coding))) for each in (grey, deep)
        )
        assert _apart(one, other) <= 1
    wide = profile(BT2020)
    palette = scene().quantize(16)
    pixels = _read(encode(palette.convert("RGB"), "PNG", icc_profile=wide))
    assert _apart(_read(encode(palette, "PNG", icc_profile=wide)), pixels) <= 1
    assert _apart(pixels, palette.convert("RGB")) > 8
    late = chunk(b"iCCP", b"p\0\0" + zlib.compress(wide))  # behind the palette
    assert _apart(_read(with_chunk(encode(palette, "PNG"), late)), pixels) <= 1


def test_a_targa_picture_is_no_cursor() -> None:
    """Its header begins as that of a cursor that holds none."""
    data = encode(Image.new("RGB", (40, 30)), "TGA")
    assert sniff(data) is None
    assert foreign(data) is None


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\0\0\0\x10ftypmif3avif\0\0\0\x20mini", "mif3"),
        (b"\0\0\0\x18ftypmif2\0\0\0\0mif2vvic", "mif2"),
        (b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 ", "JPEG 2000"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"P6\n9 9\n255\n", "PNM"),
        (b"P1 9 9 ", "PNM"),
        (b"Pf\n9 9\n-1\n", "PNM"),
        (b"\0\0\2\0\1\0\x20\x20", "CUR"),
        (b"\0\0\1\0\1\0\x20\x20", "ICO"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "CR3"),
    ],
)
def test_what_is_not_read_is_named(head: bytes, words: str) -> None:
    """A picture of a kind that is not accepted is no video, and no unknown file."""
    data = head + bytes(64)
    assert sniff(data) is None
    assert words in (foreign(data) or "")
    with pytest.raises(NotAPicture, match=words):
        _read(data)
