"""Captioned pictures on their way to an encoder: decoded in batches, captions numbered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
