"""Pictures with their captions, and which of them a training holds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadPicture, SourceError
from core.domain.types import PixelBatch, Pixels, PixelSpec

Source = TypeVar("Source")
Item = TypeVar("Item")
Labels = NDArray[np.int64]

Decode = Callable[[Sequence[Source], PixelSpec], Sequence[Pixels | BadPicture]]
"""Turns some sources into pixels of the spec, in order; a bad one into its error. Blocking.

Takes several at a time so that decoding may go on in parallel.
"""

_BATCH = 32
"""Pictures or texts that are under way at a time."""


def decoded_batches(
    sources: Sequence[Source],
    spec: PixelSpec,
    decode: Decode[Source],
    *,
    on_progress: Callable[[int, int], None],
    on_bad_picture: Callable[[Source, BadPicture], None],
) -> Iterator[tuple[PixelBatch, list[int]]]:
    """Batches uint8 [n, h, w, 3] of the pictures that can be decoded, and their numbers."""
    done = 0
    for part in parts(range(len(sources))):
        pixels, rows = [], []
        decoded = decode([sources[row] for row in part], spec)
        for row, picture in zip(part, decoded, strict=True):
            if isinstance(picture, BadPicture):
                on_bad_picture(sources[row], picture)
            else:
                pixels.append(picture)
                rows.append(row)
        if rows:
            yield np.stack(pixels), rows
        done += len(part)
        on_progress(done, len(sources))


def unique_captions(captions: Sequence[str]) -> tuple[list[str], Labels]:
    """Different captions in order of appearance, and the number of each given one, int64 [n].

    Surrounding white space makes no difference. Raises SourceError for fewer than two.
    """
    stripped = [caption.strip() for caption in captions]
    numbers = {caption: number for number, caption in enumerate(dict.fromkeys(stripped))}
    if len(numbers) < 2:  # noqa: PLR2004 - nothing to confuse it with
        raise SourceError(
            f"Found {len(numbers)} different captions where at least two are needed.",
            remedy="Name a folder whose pictures have captions of their own.",
        )
    return list(numbers), np.array([numbers[caption] for caption in stripped], dtype=np.int64)


def parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in order, a few at a time."""
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


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
