"""What of a map is drawn where: dots, thumbnails and labels, none over another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.search.clusters import k_means
from core.search.projection import Points

THUMBNAIL = 52
"""The edge of a thumbnail with its frame, in pixels."""

LABEL_HEIGHT = 20
BADGE = 26

_REPRESENTATIVES = 28
_THUMBNAILS = 150
_SAMPLE = 5_000
_SEED = 11
_MARGIN = 34


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels: ``left`` and ``top`` belong to it, ``right`` and ``bottom`` not."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        left, top = round(x - width / 2), round(y - height / 2)
        return cls(left, top, left + round(width), top + round(height))

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a map is to show.

    ``points``: float32 [n, 2] on any scale; ``marks``: places of questions on that scale with
    the widths of their labels; ``nearest``: rows that must be seen if any; ``groups``: the
    group of each row; ``label_width`` tells how wide a row's label is drawn, 0 for none.
    """

    points: Points
    label_width: Callable[[int], float]
    marks: Sequence[tuple[float, float, float]] = ()
    nearest: Sequence[int] = ()
    groups: NDArray[np.int64] | None = None


@dataclass(slots=True)
class Layout:
    """Where things are drawn: dots float32 [n, 2], marks with labels, boxes by row or group.

    No box of thumbnails, labels, badges and mark labels overlaps another, as far as there is
    room; what finds none is left out.
    """

    dots: Points
    marks: list[tuple[float, float]] = field(default_factory=list)
    mark_labels: dict[int, Box] = field(default_factory=dict)
    badges: dict[int, Box] = field(default_factory=dict)
    thumbnails: dict[int, Box] = field(default_factory=dict)
    labels: dict[int, Box] = field(default_factory=dict)


def lay_out(wanted: Wanted, area: Box) -> Layout:
    """Lay a map out within ``area``.

    First come the questions, then the pictures that answer them, the groups' numbers, pictures
    that stand for their surroundings with their labels, and others where there is room.
    """
    room = _Room(area)
    dots, marks = _scaled(wanted, area)
    layout = Layout(dots, marks)
    for number, ((x, y), (_, _, width)) in enumerate(zip(marks, wanted.marks, strict=True)):
        target = Box.around(x, y, BADGE, BADGE)
        room.take(target)
        room.place(layout.mark_labels, number, _beside(target, width, LABEL_HEIGHT + 4))
    for row in wanted.nearest:
        room.place(layout.thumbnails, row, _near(dots[row]))
    groups = wanted.groups
    for number in [] if groups is None else np.unique(groups).tolist():
        middle = np.median(dots[groups == number], axis=0)
        room.place(layout.badges, number, _near(middle, BADGE))
    chosen = (*wanted.nearest, *_representatives(dots))
    for row in chosen:
        room.place(layout.thumbnails, row, _on(dots[row]))
    for row in chosen:
        width = wanted.label_width(row) if row in layout.thumbnails else 0
        if width:
            room.place(layout.labels, row, _beside(layout.thumbnails[row], width, LABEL_HEIGHT))
    for row in np.random.default_rng(_SEED).permutation(len(dots)).tolist():
        if len(layout.thumbnails) >= _THUMBNAILS:
            break
        room.place(layout.thumbnails, row, _on(dots[row]))
    return layout


class _Room:
    def __init__(self, area: Box) -> None:
        self._area = area
        self._taken = np.zeros((area.bottom - area.top, area.right - area.left), dtype=bool)

    def place(self, boxes: dict[int, Box], key: int, choices: Iterable[Box]) -> None:
        """Give ``key`` the first of its choices that is free, unless it has a box."""
        if key not in boxes:
            free = next((box for box in choices if self.take(box)), None)
            if free is not None:
                boxes[key] = free

    def take(self, box: Box) -> bool:
        """Take this box where it lies within the area and is free; whether it was."""
        area = self._area
        left, top = box.left - area.left, box.top - area.top
        right, bottom = box.right - area.left, box.bottom - area.top
        height, width = self._taken.shape
        if left < 0 or top < 0 or right > width or bottom > height:
            return False
        place = self._taken[top:bottom, left:right]
        if place.any():
            return False
        place[:] = True
        return True


def _scaled(wanted: Wanted, area: Box) -> tuple[Points, list[tuple[float, float]]]:
    """Dots and marks in pixels, the second axis upwards; marks outside come to the edge."""
    points = wanted.points
    low = points.min(axis=0) if len(points) else np.zeros(2)
    high = points.max(axis=0) if len(points) else np.zeros(2)
    extent = high - low
    inner = np.array(
        [area.right - area.left - 2 * _MARGIN, area.bottom - area.top - 2 * _MARGIN], dtype=float
    )
    start = np.array([area.left + _MARGIN, area.top + _MARGIN], dtype=float)

    def scale(places: NDArray[np.float32]) -> NDArray[np.float64]:
        # What does not differ along an axis lies in its middle.
        shares = np.where(extent > 0, (places - low) / np.where(extent > 0, extent, 1.0), 0.5)
        shares[:, 1] = 1.0 - shares[:, 1]
        shown: NDArray[np.float64] = start + np.clip(shares, 0.0, 1.0) * inner
        return shown

    marks = np.array([[x, y] for x, y, _ in wanted.marks], dtype=np.float32).reshape(-1, 2)
    places = [(float(x), float(y)) for x, y in scale(marks)]
    return scale(points).astype(np.float32), places


def _representatives(dots: Points) -> list[int]:
    """Rows whose dots lie in the middle of others, spread over the map."""
    if not len(dots):
        return []
    sample = dots[:: max(1, len(dots) // _SAMPLE)]
    centres = k_means(sample, _REPRESENTATIVES)
    nearest = [int(np.square(dots - centre).sum(axis=1).argmin()) for centre in centres]
    return list(dict.fromkeys(nearest))


def _on(dot: Points) -> Iterator[Box]:
    yield Box.around(float(dot[0]), float(dot[1]), THUMBNAIL, THUMBNAIL)


def _near(dot: Points, edge: int = THUMBNAIL) -> Iterator[Box]:
    x, y = float(dot[0]), float(dot[1])
    for ring in range(4):
        for across, up in ((0, 0),) if not ring else _RING:
            yield Box.around(x + across * ring * edge, y + up * ring * edge, edge, edge)


_RING = ((0, -1), (1, 0), (0, 1), (-1, 0), (1, -1), (1, 1), (-1, 1), (-1, -1))


def _beside(box: Box, width: float, height: int) -> Iterator[Box]:
    """Boxes of this size below, above, right and left of a box."""
    x, y = box.middle
    gap = 2
    yield Box.around(x, box.bottom + gap + height / 2, width, height)
    yield Box.around(x, box.top - gap - height / 2, width, height)
    yield Box.around(box.right + gap + width / 2, y, width, height)
    yield Box.around(box.left - gap - width / 2, y, width, height)
