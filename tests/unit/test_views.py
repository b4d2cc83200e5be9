"""Views of a query: what each undoes, what it costs, and which of them is searched for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.types import Pixels
from core.views import View, closest_view, content_box, views
from index.flat_index import FlatIndex
from tests.fakes import unit


def picture(edge: int = 64) -> Pixels:
    """A picture without any symmetry."""
    noise = np.random.default_rng(0).integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    draw = ImageDraw.Draw(image)
    draw.rectangle((5, 8, 30, 22), fill=(200, 30, 40))
    draw.ellipse((30, 35, 60, 60), fill=(20, 60, 220))
    return np.array(image)


def framed(inner: Pixels, margins: tuple[int, int, int, int], colour: int) -> Pixels:
    """The picture inside plain margins: left, top, right, bottom."""
    height, width = inner.shape[:2]
    left, top, right, bottom = margins
    whole = np.full((top + height + bottom, left + width + right, 3), colour, dtype=np.uint8)
    whole[top : top + height, left : left + width] = inner
    return whole


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        ((), 1),
        ((View.TURNED,), 4),
        ((View.INSIDE,), 3),
        ((View.OUTSIDE,), 2),
        ((View.TRIMMED,), 1),
        (tuple(View), 7),
    ],
)
def test_each_kind_costs_what_it_says(kinds: tuple[View, ...], count: int) -> None:
    """The picture itself comes first; all views have its size."""
    plain = picture()
    found = views(plain, kinds)
    assert found.shape == (count, 64, 64, 3)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.array_equal(found[0], plain)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_one_of_the_turned_views_is_the_picture_before_it_was_turned(turns: int) -> None:
    """Pixel for pixel."""
    plain = picture()
    found = views(np.rot90(plain, turns), [View.TURNED])
    assert sum(np.array_equal(view, plain) for view in found) == 1


def test_a_picture_that_is_no_square_is_not_turned() -> None:
    """The encoder takes one size."""
    assert len(views(picture()[:40], [View.TURNED])) == 1


def test_a_wider_canvas_makes_a_cropped_picture_as_small_as_it_was() -> None:
    """70 % of the edge, white around it."""
    plain = np.zeros((100, 100, 3), dtype=np.uint8)
    dark = (views(plain, [View.OUTSIDE])[1] < 128).all(axis=2)
    assert dark.sum() == 70 * 70
    assert dark[15:85, 15:85].all()


def test_the_middle_is_cut_out_and_enlarged() -> None:
    """Half of each edge, centred: what was outside is gone."""
    plain = np.zeros((100, 100, 3), dtype=np.uint8)
    plain[30:70, 30:70] = 255
    _, seven_tenths, half = views(plain, [View.INSIDE])
    assert (seven_tenths > 128).mean() == pytest.approx((40 / 70) ** 2, abs=0.02)
    assert (half > 128).mean() == pytest.approx((40 / 50) ** 2, abs=0.02)


@pytest.mark.parametrize("colour", [0, 90, 255])
@pytest.mark.parametrize("margins", [(20, 30, 10, 0), (0, 0, 0, 40), (9, 9, 9, 9)])
def test_plain_margins_of_any_colour_are_cut_away(
    colour: int, margins: tuple[int, int, int, int]
) -> None:
    """Down to the picture's own edges."""
    left, top, _, _ = margins
    whole = framed(picture(), margins, colour)
    assert content_box(whole) == (left, top, left + 64, top + 64)
    assert len(views(whole, [View.TRIMMED])) == 2


def test_a_plain_picture_and_one_without_margins_are_left_whole() -> None:
    """There is nothing to cut; a hairline is part of the picture."""
    assert content_box(np.full((50, 50, 3), 7, dtype=np.uint8)) is None
    assert content_box(picture()) is None
    assert content_box(framed(picture(), (1, 1, 1, 1), 0)) is None


def test_the_view_closest_to_any_picture_is_chosen() -> None:
    """And the picture as it is, where views are no closer."""
    rng = np.random.default_rng(0)
    stored = unit(rng.standard_normal((40, 16)))
    index = FlatIndex.build(16, [stored])
    queries = unit(rng.standard_normal((5, 16)))
    queries[3] = stored[11]
    assert closest_view(index, queries) == 3
    assert closest_view(index, np.stack([stored[5], stored[5], stored[7]])) == 0
    assert closest_view(index, queries[:1]) == 0
    assert closest_view(FlatIndex.build(16, []), queries) == 0
