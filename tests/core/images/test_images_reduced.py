"""JPEGs are scaled while they are decoded, and nobody can tell by the result."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from core.domain.errors import BadPicture, TooManyPixels
from core.domain.types import DecodedPicture, Pixels, PixelSpec
from core.images.decode import DecodeLimits, read_picture, within
from core.images.reduction import Reduction, covered
from core.images.resize import fit_pixels, smallest_source
from core.images.worker import ToJpeg, ToPixels, perform
from tests.photographs import photograph
from tests.pictures import encode, without_adobe_marker

pytestmark = pytest.mark.model

LIMITS = DecodeLimits(max_bytes=None, max_pixels=10_000_000)
CLIP = PixelSpec(96, 96, "crop", shortest_edge=96)
SPECS = {
    "clip": CLIP,
    "scaled to a shape, then cropped": PixelSpec(90, 90, "crop", scale_to=(110, 101)),
    "stretch": PixelSpec(96, 80, "stretch"),
    "pad": PixelSpec(96, 96, "pad"),
    "pad, bilinear, not square": PixelSpec(80, 96, "pad", resample=2),
}
# Sizes in eighths, and sizes of which every reduction leaves a part of a pixel.
SIZES = [(1200, 800), (1203, 805), (805, 1203), (701, 705), (705, 701), (1483, 741), (1297, 1297)]


def jpeg(size: tuple[int, int], orientation: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    """A photograph of ``size``, as a camera held that way would store it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = photograph(size).convert(mode)
    return encode(image, "JPEG", **{"quality": 90, "exif": exif, **options})


def whole_pixels(data: bytes, spec: PixelSpec) -> Pixels:
    """The pixels by way of every pixel of the file."""
    found = read_picture(data, LIMITS)
    assert found.reduction is None
    return fit_pixels(found.image, spec)


def assert_alike(data: bytes, spec: PixelSpec) -> DecodedPicture:
    """The worker's pixels are those of the whole picture: 4 levels at most, 0.5 on average.

    5 levels where edges are halved: libjpeg then takes colours, which most files hold at half
    the size, as they are, while decoding all of it smooths them.
    """
    reduced = read_picture(data, LIMITS, at_least=lambda size: smallest_source(size, spec))
    assert reduced.reduction is not None, "nothing was reduced"
    halved = 2 * reduced.image.width >= reduced.size[0]
    found = perform(ToPixels(data, LIMITS, spec))
    assert isinstance(found, DecodedPicture)
    difference = np.abs(found.pixels.astype(int) - whole_pixels(data, spec))
    assert difference.max() <= (5 if halved else 4)
    assert difference.mean() < 0.5
    return found


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_reduced_pixels_are_those_of_the_whole(size: tuple[int, int], spec: PixelSpec) -> None:
    """Every fit, for every shape: also where the last pixel is there in part only."""
    found = assert_alike(jpeg(size), spec)
    assert (found.width, found.height) == size


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(769, 501), (501, 769), (775, 505), (1199, 800)], ids=str)
def test_an_eighth_of_a_pixel_is_no_pixel(size: tuple[int, int], fit: Any) -> None:
    """The largest reduction leaves the smallest parts, and sizes that round another way."""
    edge = 32 if max(size) < 1000 else 96
    assert_alike(jpeg(size), PixelSpec(edge, edge, fit, edge if fit == "crop" else None))


def test_the_size_that_counts_is_the_upright_one() -> None:
    """How small a picture may become is asked of, and answered for, the picture as seen."""
    asked = []

    def whole_height(size: tuple[int, int]) -> tuple[int, int]:
        asked.append(size)
        return 1, size[1]

    for orientation, upright in ((1, (1203, 805)), (6, (805, 1203))):
        found = read_picture(jpeg((1203, 805), orientation), LIMITS, at_least=whole_height)
        assert found.reduction is None
        assert asked.pop() == found.size == upright
    thin = jpeg((1203, 101), 6)
    found = read_picture(thin, LIMITS, at_least=lambda _: (50, 300))
    assert found.image.size == (51, 602)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["clip", "stretch", "pad"])
def test_turned_pictures_keep_their_edges(orientation: int, fit: str) -> None:
    """Whichever side the part of a pixel comes to lie on, nothing is shifted."""
    found = assert_alike(jpeg((1203, 805), orientation), SPECS[fit])
    assert (found.width, found.height) == ((1203, 805) if orientation < 5 else (805, 1203))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0}),
        ("RGB", {"subsampling": 1}),
        ("RGB", {"quality": 60}),
        ("L", {}),
        ("CMYK", {}),
    ],
    ids=str,
)
def test_kinds_of_jpeg(mode: str, options: dict[str, Any]) -> None:
    """Progressive ones, any subsampling, grey and print colours are reduced alike."""
    assert_alike(jpeg((1203, 805), mode=mode, **options), CLIP)


def test_four_colours_without_adobes_marker() -> None:
    """What tells inverted from plain CMYK is still read."""
    assert_alike(without_adobe_marker(jpeg((1203, 805), mode="CMYK")), CLIP)


def test_vectors_are_the_same() -> None:
    """To an encoder of the shape of CLIP ViT-B/32 the reduced picture is the picture."""
    torch.manual_seed(0)
    tower = CLIPVisionModelWithProjection(CLIPVisionConfig()).eval()
    spec = PixelSpec(224, 224, "crop", shortest_edge=224)
    sources = [jpeg(size) for size in ((1501, 1345), (1347, 1402))]
    pixels = [assert_alike(data, spec).pixels for data in sources]
    pixels += [whole_pixels(data, spec) for data in sources]
    values = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        vectors = torch.nn.functional.normalize(tower(pixel_values=values).image_embeds)
    assert (vectors[:2] * vectors[2:]).sum(dim=1).min() >= 0.99999
    assert vectors[0] @ vectors[1] < 0.999, "the encoder tells pictures apart"


@pytest.mark.parametrize("size", [(1, 1), (400, 300), (575, 9000), (3, 2000)], ids=str)
def test_what_is_small_keeps_every_pixel(size: tuple[int, int]) -> None:
    """Below twice the size that is kept nothing changes, to the byte."""
    data = encode(Image.new("RGB", size, (9, 200, 90)), "JPEG")
    found = perform(ToPixels(data, LIMITS, CLIP))
    assert isinstance(found, DecodedPicture)
    np.testing.assert_array_equal(found.pixels, whole_pixels(data, CLIP))


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF", "GIF"])
def test_other_formats_keep_every_pixel(format_: str) -> None:
    """Only JPEG can be scaled while it is decoded; the others are untouched, to the byte."""
    data = encode(photograph((701, 705)), format_)
    found = perform(ToPixels(data, LIMITS, CLIP))
    assert isinstance(found, DecodedPicture)
    np.testing.assert_array_equal(found.pixels, whole_pixels(data, CLIP))


def test_sixteen_bits_keep_every_pixel() -> None:
    """Deep grey goes its own way."""
    grey = np.asarray(photograph((1203, 805)).convert("L")).astype(np.uint16) * 257
    data = encode(Image.fromarray(grey), "PNG")
    found = perform(ToPixels(data, LIMITS, CLIP))
    assert isinstance(found, DecodedPicture)
    np.testing.assert_array_equal(found.pixels, whole_pixels(data, CLIP))


def test_a_filter_that_picks_pixels_gets_them_all() -> None:
    """Nearest neighbours of a reduced picture would be others."""
    spec = PixelSpec(32, 32, "stretch", resample=0)
    data = jpeg((1203, 805))
    found = perform(ToPixels(data, LIMITS, spec))
    assert isinstance(found, DecodedPicture)
    np.testing.assert_array_equal(found.pixels, whole_pixels(data, spec))


def test_the_budget_is_that_of_the_file() -> None:
    """A JPEG of too many pixels is refused by its full size, however small it would come out."""
    data = jpeg((1203, 805))
    small = DecodeLimits(max_bytes=None, max_pixels=1203 * 805 - 1)
    for job in (ToPixels(data, small, CLIP), ToJpeg(data, small, 16, 80)):
        with pytest.raises(TooManyPixels, match=r"\(1203 x 805\)"):
            perform(job)
    perform(ToPixels(data, DecodeLimits(None, 1203 * 805), CLIP))


@pytest.mark.parametrize("progressive", [False, True])
def test_damage_is_found_as_before(*, progressive: bool) -> None:
    """A file cut anywhere gives the very error that decoding all of it gives."""
    data = jpeg((1203, 805), progressive=progressive)
    for cut in [*range(0, len(data), len(data) // 23), len(data) - 2, len(data) - 1]:
        outcomes = []
        for at_least in (None, lambda size: smallest_source(size, CLIP)):
            try:
                read_picture(data[:cut], LIMITS, at_least=at_least)
                outcomes.append(("decoded", ""))
            except BadPicture as error:
                # Rows are larger when reduced, so the share that is missing may differ a little.
                outcomes.append((error.code, re.sub(r"about \d+ %", "a part", error.message)))
        assert outcomes[0] == outcomes[1], cut


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("size", [(1200, 800), (1203, 805), (803, 1201)], ids=str)
def test_thumbnails_are_those_of_the_whole(size: tuple[int, int], orientation: int) -> None:
    """A thumbnail is the whole picture scaled by the best filter, or cannot be told from it."""
    data = jpeg(size, orientation)
    small = perform(ToJpeg(data, LIMITS, edge=160, quality=95))
    assert isinstance(small, bytes)
    found = Image.open(io.BytesIO(small))
    plain = io.BytesIO()
    whole = read_picture(data, LIMITS).image
    size = within(whole.size, 160)
    assert found.size == size
    assert max(size) == 160
    whole.resize(size, Image.Resampling.LANCZOS).save(plain, "JPEG", quality=95)
    difference = np.abs(np.asarray(found, float) - np.asarray(Image.open(plain), float))
    # Both are JPEGs, which quantise: what differed by 0.4 before differs by 1.7.
    assert difference.mean() < 2
    for edge in (difference[0], difference[-1], difference[:, 0], difference[:, -1]):
        assert edge.mean() < 2.5


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from(sorted(SPECS)))
def test_how_small_is_small_enough(width: int, height: int, name: str) -> None:
    """A picture never has to be larger than it is, nor may it lose all of an edge."""
    smallest = smallest_source((width, height), SPECS[name])
    assert 1 <= smallest[0] <= width
    assert 1 <= smallest[1] <= height


def test_a_part_of_a_pixel_weighs_as_much() -> None:
    """Of 501 pixels reduced by four the last is one quarter of a pixel."""
    image = Image.new("RGB", (126, 2), (10, 20, 30))
    weighed = covered(image, Reduction((501, 8), (0.0, 0.0, 0.75, 0.5)).spare)
    alpha = np.asarray(weighed.getchannel("A"))
    assert alpha[0, :2].tolist() == [255, 255]
    assert alpha[:, -1].tolist() == [64, 32]
    assert alpha[1, 0] == 128
    assert covered(image, Reduction((504, 8)).spare) is image
