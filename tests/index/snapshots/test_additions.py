"""What lies over a base, shared by many viewers: frames stay with their pictures."""

from __future__ import annotations

import numpy as np

from core.domain.types import FrameVectors, Picture
from index.catalogue.contents import EncodedPictures
from index.snapshots.additions import SelectedPictures, SharedPictures

DIMENSION = 8


def _frames(number: float) -> FrameVectors:
    return FrameVectors(np.array([number], np.float32), np.full((1, DIMENSION), number, np.float32))


def _shared(
    names: str, times: tuple[float, ...], moving: dict[int, FrameVectors]
) -> SharedPictures:
    pictures = tuple(Picture(name, "default", f"{name}.jpg", "", name * 64, 4, 4) for name in names)
    encoded = EncodedPictures(
        pictures=pictures,
        picture_vectors=np.eye(len(names), DIMENSION, dtype=np.float32),
        captions=(),
        caption_vectors=np.empty((0, DIMENSION), np.float32),
        frames=moving,
    )
    return SharedPictures.of(encoded, [""] * len(names), times)


def _moving(shared: SharedPictures | SelectedPictures) -> dict[str, float]:
    return {shared.pictures[row].id: float(each.at_s[0]) for row, each in shared.frames.items()}


def test_frames_stay_with_their_pictures() -> None:
    """Where some go, others come between them by their time, and a viewer sees a part."""
    first = _shared("abcd", (1, 2, 4, 6), {0: _frames(1), 1: _frames(2), 3: _frames(4)})
    others = _shared("xy", (3, 5), {1: _frames(9)})
    joined = first.joined(np.array([1, 2, 3]), others, DIMENSION)
    assert [each.id for each in joined.pictures] == ["b", "x", "c", "y", "d"]
    assert _moving(joined) == {"b": 2, "y": 9, "d": 4}
    assert _moving(SelectedPictures(joined, np.array([0, 3]))) == {"b": 2, "y": 9}
