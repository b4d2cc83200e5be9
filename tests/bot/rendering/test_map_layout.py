"""Where things stand on a map: nothing over another, nothing outside."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.map_layout import THUMBNAIL, Box, Layout, Wanted, lay_out

AREA = Box(20, 64, 1100, 1042)


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a pixel."""
    across = one.left < other.right and other.left < one.right
    return across and one.top < other.bottom and other.top < one.bottom


def boxes_of(layout: Layout) -> list[Box]:
    """Everything that is drawn in a box."""
    kinds = (layout.mark_labels, layout.badges, layout.thumbnails, layout.labels)
    return [box for boxes in kinds for box in boxes.values()]


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 300),
    spread=st.sampled_from([0.0, 0.01, 1.0, 1000.0]),
    groups=st.integers(0, 12),
    marks=st.integers(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_nothing_lies_over_another(
    seed: int, count: int, spread: float, groups: int, marks: int
) -> None:
    """Whatever the points: no two boxes share a pixel, and all lie within the map."""
    rng = np.random.default_rng(seed)
    points = (rng.standard_t(2, size=(count, 2)) * spread).astype(np.float32)
    wanted = Wanted(
        points=points,
        label_width=lambda row: float(40 + row % 150),
        marks=[(*(3 * spread * rng.normal(size=2)), 120.0) for _ in range(marks)],
        nearest=range(min(5, count)),
        groups=rng.integers(groups, size=count) if groups else None,
    )
    layout = lay_out(wanted, AREA)
    boxes = boxes_of(layout)
    for one, other in itertools.combinations(boxes, 2):
        assert not overlap(one, other)
    for box in boxes:
        assert AREA.left <= box.left < box.right <= AREA.right
        assert AREA.top <= box.top < box.bottom <= AREA.bottom
    for x, y in (*layout.dots, *layout.marks):
        assert AREA.left < x < AREA.right
        assert AREA.top < y < AREA.bottom
    assert set(layout.labels) <= set(layout.thumbnails)
    if count:
        assert 0 in layout.thumbnails


def test_overlapping_is_sharing_a_pixel() -> None:
    """Boxes that touch do not overlap; the measure of the test above sees those that do."""
    box = Box(0, 0, 10, 10)
    assert overlap(box, Box(9, 9, 20, 20))
    assert not overlap(box, Box(10, 0, 20, 10))
    assert not overlap(box, Box(0, 10, 10, 20))


def test_first_axis_to_the_right_second_upwards() -> None:
    """The picture of the largest values is drawn right above the others."""
    points = np.array([[0, 0], [1, 0], [1, 1]], dtype=np.float32)
    dots = lay_out(Wanted(points, lambda _: 0.0), AREA).dots
    assert dots[1][0] > dots[0][0]
    assert dots[1][1] == dots[0][1]
    assert dots[2][1] < dots[1][1]


@pytest.mark.parametrize("count", [60, 5_000])
def test_every_corner_of_the_map_has_pictures(count: int) -> None:
    """Representatives with labels are spread: each quarter shows some, however crowded."""
    points = np.random.default_rng(4).uniform(size=(count, 2)).astype(np.float32)
    layout = lay_out(Wanted(points, lambda _: 80.0), AREA)
    across, down = (AREA.left + AREA.right) / 2, (AREA.top + AREA.bottom) / 2
    for boxes in (layout.thumbnails, layout.labels):
        quarters = {(box.middle[0] > across, box.middle[1] > down) for box in boxes.values()}
        assert len(quarters) == 4
    for row, box in layout.thumbnails.items():
        assert np.abs(np.array(box.middle) - layout.dots[row]).max() <= 3 * THUMBNAIL
