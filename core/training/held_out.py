"""Which captioned pictures teach and which measure: nothing of one is known to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.training.pairs import Labels

LABELS_FROM = 4.0
"""Pictures a caption from which captions are labels: each is shared, none tells one picture.

To hold out one of ten classes would measure what nobody trains for; then pictures are held
out instead, and every caption is known.
"""


_LEAST = 2
"""Captions on each side: one alone could be confused with nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Numbers of the pairs, int64, in order: ``learn`` to train with, ``test`` held out.

    ``by`` tells what is new in ``test``: ``"caption"`` (captions and their pictures) or
    ``"picture"`` (pictures of captions that were trained with).
    """

    learn: Labels
    test: Labels
    by: str


def held_out_split(picture_of: Labels, caption_of: Labels, share: float, seed: int) -> Split:
    """Hold out a share of the captions, or of the pictures where captions are labels.

    Captions that share a picture, directly or over others, stay together, so that neither
    a caption nor a picture is on both sides.

    Args:
        picture_of: each pair's picture, int64 [n], numbered from 0 without gaps.
        caption_of: each pair's caption, likewise.
        share: of what is held out, in (0, 1); at least two of them.
        seed: decides which.

    """
    pictures, captions = int(picture_of.max()) + 1, int(caption_of.max()) + 1
    rng = np.random.default_rng(seed)
    if pictures < LABELS_FROM * captions:
        wanted = max(_LEAST, round(share * captions))
        held = _captions_apart(picture_of, caption_of, wanted, rng.permutation(captions))
        if held.sum() >= _LEAST and captions - held.sum() >= _LEAST:
            return _split(held[caption_of], "caption")
    held = np.zeros(pictures, dtype=bool)
    held[rng.permutation(pictures)[: max(_LEAST, round(share * pictures))]] = True
    return _split(held[picture_of], "picture")


def _captions_apart(
    picture_of: Labels, caption_of: Labels, wanted: int, order: Labels
) -> NDArray[np.bool_]:
    """About ``wanted`` captions, groups that hang together whole, in the order given."""
    group = _groups(picture_of, caption_of)
    sizes = np.bincount(group)
    held = np.zeros(len(order), dtype=bool)
    for caption in order:
        room = wanted - held.sum()
        if room > 0 and not held[caption] and sizes[group[caption]] <= room:
            held |= group == group[caption]
    return held


def _groups(picture_of: Labels, caption_of: Labels) -> Labels:
    """The number of each caption's group: the smallest caption that hangs together with it."""
    captions = int(caption_of.max()) + 1
    group = np.arange(captions)
    while True:
        # Smallest numbers flow from captions to pictures and back until nothing moves.
        least = np.full(int(picture_of.max()) + 1, captions)
        np.minimum.at(least, picture_of, group[caption_of])
        flowed = group.copy()
        np.minimum.at(flowed, caption_of, least[picture_of])
        flowed = flowed[flowed]
        if np.array_equal(flowed, group):
            return flowed
        group = flowed


def _split(held: NDArray[np.bool_], by: str) -> Split:
    return Split(np.flatnonzero(~held), np.flatnonzero(held), by)
