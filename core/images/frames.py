"""Which frames of a moving picture stand for it: those where the scene is another one.

Frames come in order and are forgotten as they come, but for those that differ from the one before.
Of these as many are chosen as are furthest from each other, and none that equals another: half a
minute of one view is one frame, and a thing that comes into sight at the end is one more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import MAX_FRAMES

_HELD: Final = 64
_HELD_BYTES: Final = 192 << 20
"""Frames, and bytes of them, that are held until some are chosen."""

_SEEN: Final = 128
_CELLS: Final = 16
"""Pixels of each edge that are looked at, and their averages that are compared."""

_MOST_CHANGED: Final = 16
"""Cells that count of the 256, those that changed most: a thing that comes in fills no more."""

_SAME: Final = 4.0
"""Levels of 255 by which those cells differ, at most, from frame to frame of a still view:
compression and noise make 1 to 3."""

_SCENE: Final = 20.0
"""The same from which on two frames are two: what moves a little stays below."""

_FLAT: Final = 6.0
"""Deviation of the cells below which a frame shows nothing, as between two scenes."""

_Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """An upright RGB frame, seconds after the beginning; ``size``: what it was reduced from."""

    at_s: float
    image: Image.Image
    size: tuple[int, int] = (0, 0)


def chosen(
    frames: Iterable[Frame],
    reduced: Callable[[Image.Image], Image.Image],
    most: int = MAX_FRAMES,
) -> list[Frame]:
    """The frames that stand for these, in their order; the first that shows something among them.

    ``reduced`` makes a frame as small as is wanted of it. Takes the memory of some frames,
    however many there are.
    """
    held: list[tuple[Frame, _Cells]] = []
    for frame in frames:
        cells = _cells(frame.image)
        if held and _change(held[-1][1], cells) <= _SAME:
            continue
        held.append((Frame(frame.at_s, reduced(frame.image), frame.image.size), cells))
        if len(held) > min(_HELD, max(most, _HELD_BYTES // _bytes(held[-1][0].image))):
            del held[_least_changed([cells for _, cells in held])]
    telling = [each for each in held if not _is_flat(each[1])] or held[:1]
    places = _furthest([cells for _, cells in telling], most)
    return [telling[place][0] for place in sorted(places)]


def shows_something(image: Image.Image) -> bool:
    """Whether a frame is more than one colour, as those are that fade in."""
    return not _is_flat(_cells(image))


def _is_flat(cells: _Cells) -> bool:
    return float(cells.std(axis=0).mean()) < _FLAT


def _furthest(cells: Sequence[_Cells], most: int) -> list[int]:
    """The first one, then always the one that is furthest from all of those before it."""
    if not cells:
        return []
    places = [0]
    nearest = np.array([_change(cells[0], each) for each in cells])
    while len(places) < most and nearest.max() >= _SCENE:
        place = int(nearest.argmax())
        places.append(place)
        nearest = np.minimum(nearest, [_change(cells[place], each) for each in cells])
    return places


def _least_changed(cells: Sequence[_Cells]) -> int:
    """The one that differs least from the one before it; never the first."""
    return 1 + int(np.argmin([_change(one, other) for one, other in itertools.pairwise(cells)]))


def _change(one: _Cells, other: _Cells) -> float:
    apart = np.abs(one - other).mean(axis=1)
    return float(np.partition(apart, -_MOST_CHANGED)[-_MOST_CHANGED:].mean())


def _cells(image: Image.Image) -> _Cells:
    """Averages of a frame, float32 [256, 3], in 0.2 ms for any size."""
    seen = image.resize(
        (min(image.width, _SEEN), min(image.height, _SEEN)), Image.Resampling.NEAREST
    )
    small = seen.resize((_CELLS, _CELLS), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).reshape(-1, 3)


def _bytes(image: Image.Image) -> int:
    return 3 * image.width * image.height
