"""Which band a score is worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.domain.types import Band, Vectors
from core.search.calibration import BEST_FIRST, Thresholds

_THRESHOLDS = Thresholds(fair=2.0, strong=4.0, floor=0.1, sure=0.5)


def _never() -> tuple[NDArray[np.float32], Vectors]:
    raise AssertionError("what captions tell needs no pictures")


@pytest.mark.parametrize(
    ("score", "z", "band"),
    [
        (0.3, 4.0, Band.STRONG),
        (0.3, 2.0, Band.FAIR),
        (0.3, 1.9, Band.WEAK),
        (0.09, 9.0, Band.WEAK),
        (0.5, 0.0, Band.FAIR),
        (0.49, 0.0, Band.WEAK),
        (0.5, 4.0, Band.STRONG),
    ],
)
def test_a_band_needs_score_and_standard_score(score: float, z: float, band: Band) -> None:
    """Below the floor nothing counts; from a sure cosine on a hit is fair, however many are."""
    deviation = 0.01
    cuts = _THRESHOLDS.cuts((score - z * deviation, deviation), _never)
    place = cuts.places(np.array([score + 1e-9]))[0]
    assert BEST_FIRST[place] is band
