"""A picture and words in one query: "like this one, but red"."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from core.domain.types import Vectors
from core.search.calibration import Calibration

# What words begin with that say only that something changes, in the languages of the replies:
# "but red" means red. Models read the "but", too, and captions do not hold it.
_LEADING_IN = re.compile(
    r"""(?ix) ^ (?:
        (?: (?:the\ )?same (?:\ one)? | like\ th(?:is|at) (?:\ one)? | this\ one | but
          | d(?:as|er|ie)\ ?(?:gleiche|selbe) | so\ wie\ (?:das|dies) | aber | jedoch
          | lo\ mismo | (?:el|la)\ mism[oa] | como\ est[aeo] | pero
          | [oa]\ mesm[oa] | como\ iss?to | mas | porém
        ) \b [\s,:]*
      | (?: これと?同じで | 同じで | でも | だけど | しかし | ただし ) [\s、,]*
    )+ (?=\S)"""
)


def wish(words: str) -> str:
    """The words without what only leads in to them: "red" of "the same, but red"."""
    return _LEADING_IN.sub("", words)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A picture and words as one query.

    ``picture``: the posted one; ``meant``: what of it words can speak of; ``words``: the text; all
    unit vectors, or ``meant`` a shorter one, float32 [d]. ``text_weight``: the share of the words,
    in [0, 1]. ``looks`` and ``says``: median and lower deviation of the cosines of ``meant`` and of
    ``words`` (:meth:`core.search.calibration.Calibration.spread`). ``vector``: both as one unit
    vector, float32 [d], and ``length`` what it was divided by.
    """

    picture: Vectors
    meant: Vectors
    words: Vectors
    text_weight: float
    looks: tuple[float, float]
    says: tuple[float, float]
    vector: Vectors
    length: float


def mix(picture: Vectors, words: Vectors, text_weight: float, calibration: Calibration) -> Mixture:
    """A picture and words as one query; ``text_weight`` in [0, 1].

    Cosines between pictures spread several times wider than those of texts with pictures (the
    modality gap, arXiv:2203.02053), so each part is first divided by the lower deviation of its
    scores: at weight 0.5 both move the order equally. Coordinates in which no text has anything
    hold what texts do not see, the looks of a picture (``core/encoder/mini/modeling.py``): they
    would keep what the text wants changed, and are left out.
    """
    unseen = (words == 0) & ~calibration.captions.sample.any(axis=0)
    meant = np.where(unseen, np.float32(0), picture)
    looks, says = calibration.spreads(np.stack([meant, words]))
    both = (1 - text_weight) * meant / looks[1] + text_weight * words / says[1]
    length = max(float(np.linalg.norm(both)), 1e-12)
    vector = (both / length).astype(np.float32)
    return Mixture(picture, meant, words, text_weight, looks, says, vector, length)
