"""A picture and a text in one query vector."""

from __future__ import annotations

import numpy as np
import pytest

from core.bands import Calibration, Thresholds
from core.captions import CaptionScale
from core.ranking import mix
from core.types import Vectors

_PICTURE = np.array([0.0, 0.6, 0.8], dtype=np.float32)
_TEXT = np.array([1.0, 0.0, 0.0], dtype=np.float32)


def calibration(captions: list[list[float]]) -> Calibration:
    """A collection with these caption vectors."""
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(64, 3)).astype(np.float32)
    none = Thresholds(fair=0.0, strong=0.0)
    told: Vectors = np.array(captions, dtype=np.float32).reshape(-1, 3)
    return Calibration(sample, none, none, CaptionScale(told))


@pytest.mark.parametrize("captions", [[[0.6, 0.8, 0.0]], [[0.6, 0.8, 0.0], [0.0, 1.0, 0.0]]])
def test_what_no_text_sees_of_a_picture_is_left_out_of_a_mixture(
    captions: list[list[float]],
) -> None:
    """A coordinate in which neither the text nor any caption has anything says no meaning."""
    mixed = mix(_PICTURE, _TEXT, 0.5, calibration(captions))
    assert mixed[2] == 0
    assert min(mixed[0], mixed[1]) > 0
    assert np.linalg.norm(mixed) == pytest.approx(1)


def test_what_one_caption_sees_stays() -> None:
    """The text at hand may lack it by chance."""
    mixed = mix(_PICTURE, _TEXT, 0.5, calibration([[0.6, 0.8, 0.0], [0.0, 0.6, 0.8]]))
    assert mixed[2] / mixed[1] == pytest.approx(0.8 / 0.6)


def test_the_weight_of_the_text_goes_from_nothing_to_all() -> None:
    """At 0 the picture alone, at 1 the text alone."""
    known = calibration([[1.0, 1.0, 1.0]])
    assert mix(_PICTURE, _TEXT, 0.0, known) == pytest.approx(_PICTURE)
    assert mix(_PICTURE, _TEXT, 1.0, known) == pytest.approx(_TEXT)
