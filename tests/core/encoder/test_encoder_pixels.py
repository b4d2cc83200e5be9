"""Pictures become exactly the pixels that transformers makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from core.domain.types import PixelSpec
from core.images.resize import fit_pixels, to_rgb

pytestmark = pytest.mark.model

CLIP = PixelSpec(224, 224, "crop", shortest_edge=224, resample=3)
SPECS = {
    "clip": PixelSpec(32, 32, "crop", shortest_edge=32, resample=3),
    "clip, larger edge": PixelSpec(29, 32, "crop", shortest_edge=37, resample=2),
    "clip, edge below the crop": PixelSpec(33, 32, "crop", shortest_edge=20, resample=3),
    "clip, no scaling": PixelSpec(32, 31, "crop", resample=3),
    "scaled to a shape, then cropped": PixelSpec(32, 32, "crop", resample=2, scale_to=(41, 45)),
    "siglip": PixelSpec(32, 32, "stretch", resample=3),
    "siglip, not square": PixelSpec(24, 40, "stretch", resample=2),
    "lanczos": PixelSpec(32, 32, "crop", shortest_edge=32, resample=1),
    "nearest": PixelSpec(32, 32, "stretch", resample=0),
}
SIZES = [(1, 1), (1, 9), (17, 333), (333, 17), (32, 32), (31, 33), (640, 480), (480, 641)]


def picture(size: tuple[int, int], mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Noise on a slope, so that shifted, flipped and differently filtered pixels show."""
    width, height = size
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 160, width)[None, :, None] + np.linspace(0, 60, height)[:, None, None]
    pixels = (slope + rng.integers(0, 36, (height, width, 3))).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def by_transformers(image: Image.Image, spec: PixelSpec) -> NDArray[np.uint8]:
    """The pixels of transformers' own processor before it rescales and normalises."""
    options: dict[str, Any] = {
        "resample": spec.resample,
        "do_rescale": False,
        "do_normalize": False,
    }
    if spec.fit == "stretch":
        size = {"height": spec.height, "width": spec.width}
        processor = SiglipImageProcessorPil(size=size, **options)
    else:
        if spec.scale_to is not None:
            options["size"] = {"height": spec.scale_to[0], "width": spec.scale_to[1]}
        elif spec.shortest_edge is not None:
            options["size"] = {"shortest_edge": spec.shortest_edge}
        else:
            options["do_resize"] = False
        crop = {"height": spec.height, "width": spec.width}
        processor = CLIPImageProcessorPil(crop_size=crop, **options)
    values = processor(images=[image], return_tensors="np")["pixel_values"][0]
    assert values.dtype == np.uint8
    return np.moveaxis(values, 0, -1)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pixels_equal_those_of_transformers(spec: PixelSpec, size: tuple[int, int]) -> None:
    """Every fit and filter gives the processor's own bytes, for any shape of picture."""
    image = picture(size)
    np.testing.assert_array_equal(fit_pixels(image, spec), by_transformers(image, spec))


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (4000, 30), (333, 17), (225, 224)], ids=str)
def test_pixels_equal_at_the_size_of_real_models(size: tuple[int, int]) -> None:
    """The longer edge is rounded as transformers rounds it, also for very long pictures."""
    image = picture(size)
    np.testing.assert_array_equal(fit_pixels(image, CLIP), by_transformers(image, CLIP))


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    edge=st.integers(8, 48),
    crop_height=st.integers(8, 48),
    crop_width=st.integers(8, 48),
)
@settings(max_examples=60, deadline=None)
def test_any_crop_of_any_picture_is_exact(
    width: int, height: int, edge: int, crop_height: int, crop_width: int
) -> None:
    """Rounding, odd margins and black borders agree for every combination."""
    spec = PixelSpec(crop_height, crop_width, "crop", shortest_edge=edge, resample=3)
    image = picture((width, height))
    np.testing.assert_array_equal(fit_pixels(image, spec), by_transformers(image, spec))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_modes_are_turned_into_rgb_as_transformers_does(mode: str) -> None:
    """Grey, palette, print and scientific modes give the processor's own bytes."""
    image = picture((50, 41), mode)
    spec = SPECS["clip"]
    np.testing.assert_array_equal(fit_pixels(image, spec), by_transformers(image, spec))


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P with a transparent entry", "RGB with a key"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    """What is transparent is white, not what the colour channels happen to hold there."""
    if kind.startswith("P "):
        image = Image.new("P", (40, 30), 3)
        image.putpalette([0, 0, 0] * 256)
        image.info["transparency"] = 3
    elif kind.startswith("RGB "):
        image = Image.new("RGB", (40, 30), (9, 9, 9))
        image.info["transparency"] = (9, 9, 9)
    else:
        image = Image.new("RGBA", (40, 30), (0, 0, 0, 0)).convert(kind)
    spec = SPECS["siglip"]
    pixels = fit_pixels(image, spec)
    assert (pixels == 255).all()
    np.testing.assert_array_equal(pixels, by_transformers(image, spec))


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    """Alpha counts by degrees, as in transformers."""
    image = Image.new("RGBA", (40, 30), (200, 0, 100, 128))
    spec = SPECS["clip"]
    pixels = fit_pixels(image, spec)
    assert pixels[5, 5].tolist() == pytest.approx([227, 127, 177], abs=1)
    np.testing.assert_array_equal(pixels, by_transformers(image, spec))


@pytest.mark.parametrize("size", [*SIZES, (2100, 3000), (3000, 2100), (5, 4096)], ids=str)
def test_padding_equals_a_white_square_scaled(size: tuple[int, int]) -> None:
    """Strip by strip or in one go, the padded picture is the same."""
    image = picture(size)
    side = max(size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(image, ((side - size[0]) // 2, (side - size[1]) // 2))
    spec = PixelSpec(48, 48, "pad", resample=3)
    expected = np.asarray(square.resize((48, 48), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(fit_pixels(image, spec), expected)


@pytest.mark.parametrize("size", [(3_000_000, 1), (1, 3_000_000), (2_000_003, 7)], ids=str)
@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_the_longest_pictures_take_bounded_memory(fit: Any, size: tuple[int, int]) -> None:
    """A picture whose scaled form would hold 10^11 pixels comes out like any other."""
    spec = PixelSpec(224, 224, fit, shortest_edge=224 if fit == "crop" else None)
    pixels = fit_pixels(Image.new("RGB", size, (10, 200, 30)), spec)
    assert pixels.shape == (224, 224, 3)
    if fit != "pad":
        assert (pixels == (10, 200, 30)).all()


@given(width=st.integers(1, 90), height=st.integers(1, 90), wide=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_window_of_a_long_picture_is_the_centre_of_the_whole(
    width: int, height: int, *, wide: bool
) -> None:
    """Scaling the centre alone differs from scaling everything by rounding, in both passes."""
    size = (width * 20, height) if wide else (width, height * 20)
    image = picture(size)
    for spec in (SPECS["clip"], SPECS["clip, edge below the crop"], SPECS["lanczos"]):
        whole = fit_pixels(image, spec)
        window = fit_pixels(image, spec, whole_up_to=0)
        assert np.abs(whole.astype(int) - window.astype(int)).max() <= 2


def test_pixels_are_a_writable_copy() -> None:
    """Nobody else holds the pixels, not even a picture of the right size already."""
    image = picture((32, 32))
    pixels = fit_pixels(image, SPECS["siglip"])
    pixels[:] = 0
    assert np.asarray(image).any()
    assert pixels.flags.c_contiguous


def test_rgb_without_transparency_is_not_copied() -> None:
    """The common case costs nothing."""
    image = picture((32, 32))
    assert to_rgb(image) is image
