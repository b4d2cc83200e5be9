"""Pixels that agree: a part is known again in the whole, whatever was done to it on the way."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.domain.types import Pixels
from core.search.template_matching import EDGE, agreement


def blobs(seed: int, size: tuple[int, int] = (256, 192)) -> Image.Image:
    """A picture of soft spots of many colours, other ones for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def small(image: Image.Image) -> Pixels:
    """With a longer edge as pictures are compared."""
    scale = EDGE / max(image.size)
    width, height = (max(1, round(scale * each)) for each in image.size)
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))


OTHERS = [small(blobs(seed)) for seed in range(4)]


@pytest.mark.parametrize(
    "box", [(0, 0, 256, 192), (76, 57, 256, 192), (0, 30, 128, 160), (60, 0, 160, 190)]
)
def test_a_part_is_known_in_its_whole(box: tuple[int, int, int, int]) -> None:
    """From anywhere, of another shape, and in either order."""
    part = small(blobs(2).crop(box))
    found = agreement(part, OTHERS)
    assert found.argmax() == 2
    assert found[2] > 0.95
    assert np.delete(found, 2).max() < 0.85
    [back] = agreement(OTHERS[2], [part])
    assert back == pytest.approx(found[2], abs=1e-4)


def test_what_is_shown_on_a_screen_is_known() -> None:
    """The whole may be a part of what was posted, with other things around it."""
    screen = Image.new("RGB", (270, 400), (20, 20, 20))
    screen.paste(blobs(1).resize((220, 165)), (25, 120))
    found = agreement(small(screen), OTHERS)
    assert found.argmax() == 1
    assert found[1] > 0.95


def test_damage_changes_little() -> None:
    """Neither blur nor other brightness and contrast; a quarter turn is another picture."""
    worn = blobs(3).crop((20, 20, 220, 180)).filter(ImageFilter.GaussianBlur(3))
    dull = Image.fromarray((np.asarray(worn) * 0.5 + 60).astype(np.uint8))
    for image in (worn, dull):
        assert agreement(small(image), [OTHERS[3]])[0] > 0.95
    turned = small(worn.transpose(Image.Transpose.ROTATE_90))
    assert agreement(turned, [OTHERS[3]])[0] < 0.85


def test_colours_count() -> None:
    """The same shapes in other colours are less alike than the same picture."""
    one = np.asarray(blobs(0))
    other = Image.fromarray(np.ascontiguousarray(one[:, :, ::-1]))
    assert agreement(small(other), [OTHERS[0]])[0] < 0.85


def test_plain_surfaces_agree_with_nothing() -> None:
    """White is a part of nearly everything, and of nothing in particular."""
    white = np.full((EDGE, EDGE, 3), 255, dtype=np.uint8)
    speckled = white - np.random.default_rng(0).integers(0, 5, white.shape, dtype=np.uint8)
    framed = np.full((EDGE, EDGE, 3), 255, dtype=np.uint8)
    framed[20:40, 20:40] = (200, 30, 40)
    for plain in (white, speckled):
        assert agreement(plain, [white, speckled, framed, OTHERS[0]]).max() < 0.5


@pytest.mark.parametrize("shape", [(EDGE, 1), (1, EDGE), (EDGE, 3)])
def test_any_shape_is_compared(shape: tuple[int, int]) -> None:
    """A line of pixels raises nothing, and values stay in their range."""
    line = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = agreement(line, [line, *OTHERS])
    assert found.shape == (5,)
    assert (np.abs(found) <= 1 + 1e-5).all()
    assert agreement(line, []).shape == (0,)
