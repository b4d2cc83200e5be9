"""Whether one picture shows a part of another, by their pixels: template matching.

A vector says what a picture shows, and half of a picture may show something else. Pixels tell
more: somewhere in the original, at some size, lies the crop. So one small picture is laid over
the other at every place and at several sizes, and where they agree best is measured by normalised
cross-correlation, by way of Fourier transforms (J. P. Lewis, "Fast Normalized
Cross-Correlation", Vision Interface 1995). Blocking numpy work, 8 ms a pair on one core.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import Pixels

EDGE = 64
"""Pixels of the longer edge at which pictures are compared. At 48, with larger steps, three
crops of a hundred are not recognised that are here."""

_STEP = 0.93
"""Between one size and the next: what is laid over is off by two pixels at its edges at most."""

_SMALLEST = 22
"""Pixels of the longer edge of what is laid over; with fewer, too much agrees by chance."""

_SHORTEST = 3
"""Pixels of the shorter edge: what is longer than that is compared by its outline alone."""

_MIN_DEVIATION = 6.0
"""Levels of 255 by which a part has to vary to agree with anything: no plain surface does."""


def agreement(picture: Pixels, others: Sequence[Pixels]) -> NDArray[np.float32]:
    """How well the picture and each other one agree where they agree best: [n], in [-1, 1].

    All are [h, w, 3] with a longer edge of ``EDGE`` pixels. Either may be the part of the other.
    1 stands for equal pixels but for brightness and contrast, 0 for nothing in common.
    """
    around, laid = _Around(picture), _Laid(picture)
    found = [max(_Around(other).best(laid), around.best(_Laid(other))) for other in others]
    return np.array(found, dtype=np.float32)


class _Laid:
    """A picture at all sizes, to be laid over others.

    Without its outermost pixels, half of which lie beside it.
    """

    def __init__(self, picture: Pixels) -> None:
        image = Image.fromarray(picture)
        parts = []
        edge = float(EDGE)
        while edge >= _SMALLEST:
            scale = edge / max(image.size)
            width, height = (max(_SHORTEST, round(scale * each)) for each in image.size)
            pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
            part = pixels[1:-1, 1:-1].astype(np.float32)
            parts.append(part - part.mean(axis=(0, 1)))
            edge *= _STEP
        placed = np.zeros((len(parts), 3, EDGE, EDGE), dtype=np.float32)
        for number, part in enumerate(parts):
            placed[number, :, : part.shape[0], : part.shape[1]] = part.transpose(2, 0, 1)
        self.sizes = [part.shape[:2] for part in parts]
        self.norms = np.sqrt((placed**2).sum(axis=(1, 2, 3)))
        self.spectra = np.conj(np.fft.rfft2(placed))


class _Around:
    """A picture over which others are laid."""

    def __init__(self, picture: Pixels) -> None:
        values = picture.astype(np.float32) - 128
        self._height, self._width = values.shape[:2]
        placed = np.zeros((3, EDGE, EDGE), dtype=np.float32)
        placed[:, : self._height, : self._width] = values.transpose(2, 0, 1)
        self._spectrum = np.fft.rfft2(placed)
        self._sums = _integral(values)
        self._squares = _integral((values**2).sum(axis=2))

    def best(self, laid: _Laid) -> float:
        """The highest correlation with what lies on it as a whole, -1 where nothing does."""
        products = (self._spectrum * laid.spectra).sum(axis=1)
        agreed = np.fft.irfft2(products, (EDGE, EDGE))
        best = -1.0
        for (height, width), norm, scores in zip(laid.sizes, laid.norms, agreed, strict=True):
            least = _MIN_DEVIATION * (3 * height * width) ** 0.5
            if height > self._height or width > self._width or norm < least:
                continue
            # Further places would wrap round the edge.
            inside = scores[: self._height - height + 1, : self._width - width + 1]
            around = np.maximum(self._deviations(height, width), least)
            best = max(best, float((inside / (around * norm)).max()))
        return best

    def _deviations(self, height: int, width: int) -> NDArray[np.float64]:
        """The norm of every part of this size, less its mean colour: [places down, across]."""
        sums = _windows(self._sums, height, width)
        squares = _windows(self._squares, height, width)
        means = (sums**2).sum(axis=2) / (height * width)
        deviations: NDArray[np.float64] = np.sqrt(np.maximum(squares - means, 0))
        return deviations


def _integral(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums over all that is above and to the left of each corner: [h + 1, w + 1, …]."""
    summed = values.astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    return np.pad(summed, ((1, 0), (1, 0)) + ((0, 0),) * (values.ndim - 2))


def _windows(integral: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = (
        integral[height:, width:]
        - integral[:-height, width:]
        - integral[height:, :-width]
        + integral[:-height, :-width]
    )
    return sums
