"""Views of a query: what each undoes, what it costs, and which of them is searched for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.domain.types import Pixels, Vectors
from core.search.query_views import ViewKind, closest_view, views
from tests.fakes import unit


def picture(edge: int = 64) -> Pixels:
    """A picture without any symmetry."""
    noise = np.random.default_rng(0).integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    draw = ImageDraw.Draw(image)
    draw.rectangle((5, 8, 30, 22), fill=(200, 30, 40))
    draw.ellipse((30, 35, 60, 60), fill=(20, 60, 220))
    return np.array(image)


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        ((), 1),
        ((ViewKind.TURNED,), 4),
        ((ViewKind.INSIDE,), 3),
        (tuple(ViewKind), 6),
    ],
)
def test_each_kind_costs_what_it_says(kinds: tuple[ViewKind, ...], count: int) -> None:
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
    found = views(np.rot90(plain, turns), [ViewKind.TURNED])
    assert sum(np.array_equal(view, plain) for view in found) == 1


def test_a_picture_that_is_no_square_is_not_turned() -> None:
    """The encoder takes one size."""
    assert len(views(picture()[:40], [ViewKind.TURNED])) == 1


def test_the_middle_is_cut_out_and_enlarged() -> None:
    """Half of each edge, centred: what was outside is gone."""
    plain = np.zeros((100, 100, 3), dtype=np.uint8)
    plain[30:70, 30:70] = 255
    _, seven_tenths, half = views(plain, [ViewKind.INSIDE])
    assert (seven_tenths > 128).mean() == pytest.approx((40 / 70) ** 2, abs=0.02)
    assert (half > 128).mean() == pytest.approx((40 / 50) ** 2, abs=0.02)


def test_the_view_closest_to_any_picture_is_chosen() -> None:
    """And the picture as it is, where views are no closer."""
    rng = np.random.default_rng(0)
    stored = unit(rng.standard_normal((40, 16)))
    queries = unit(rng.standard_normal((5, 16)))
    queries[3] = stored[11]

    def chosen(vectors: Vectors) -> int:
        return closest_view((vectors @ stored.T).max(axis=1).tolist())

    assert chosen(queries) == 3
    assert chosen(np.stack([stored[5], stored[5], stored[7]])) == 0
    assert chosen(queries[:1]) == 0
    assert chosen(np.concatenate([stored[5:6], stored[7:8]])) == 0


def test_another_view_has_to_be_closer_by_a_margin() -> None:
    """A little closer is chance: a wrong view finds something like it too."""
    assert closest_view([0.80, 0.87, 0.1]) == 0
    assert closest_view([0.80, 0.87, 0.1], margin=0.05) == 1
    assert closest_view([0.80, 0.1, 0.89]) == 2
