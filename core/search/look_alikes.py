"""Whether two pictures with nearly equal vectors are one: a look at their pixels.

To a vector, pages of text are alike: a lease and a recipe come to a cosine of 0.97. Their lines
and words are not, so both pictures are compared where fine detail lies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from core.domain.errors import Busy, TangerineError
from core.domain.types import DecodedPicture, Picture, PixelSpec
from core.domain.viewer import Viewer

_EDGE: Final = 128
_SPEC: Final = PixelSpec(height=_EDGE, width=_EDGE, fit="stretch")

_COARSE: Final = 4
"""Pixels over which is averaged; what is left after taking that away are lines and edges."""

_LINE: Final = 16
"""Pixels along which is averaged to see lines of text, and of a table, as such: a full page of
them is alike to every other one with the same lines, of which the words alone tell it apart."""

_REACH: Final = 10
"""Pixels by which one may lie beside the other: a scan is never laid down the same way twice."""

SAME: Final = 0.65
"""The correlation from which two pictures are one. Of pages with the same margins, the same lines
and other words none came to more than 0.2; a page or a photograph that was saved as JPEG of
quality 25, scaled to a third, lightened, marked or shifted by 1 % has 0.75 or more."""

_SAME_SHAPE: Final = 1.06
"""Ratio of their shapes: what is cropped further shows something else."""

_FLAT: Final = 5.0
"""Levels of 255: with less detail than that, which is noise or a single line, colours decide. A
page of text has 16 to 32."""

_SAME_COLOUR: Final = 16
"""Levels of 255 by which two plain pictures of the same colour may differ."""

_KEPT: Final = 2000
"""Small pictures in memory, 48 KiB each."""

_VERDICTS: Final = 50_000

_AT_A_TIME: Final = 16
"""Pairs that one question has compared: the first page of an album of near-duplicates."""


class Comparable:
    """A picture as it is compared: its shape, and [128, 128, 3] of it."""

    def __init__(self, decoded: DecodedPicture) -> None:
        self.shape = decoded.width / decoded.height
        self.pixels = decoded.pixels


def same(one: Comparable, other: Comparable) -> bool:
    """Whether two pictures are one but for how they were saved. Blocking numpy work, 2 ms."""
    if not 1 / _SAME_SHAPE < one.shape / other.shape < _SAME_SHAPE:
        return False
    first, second = _detail(one), _detail(other)
    energies = [float(np.sqrt((each**2).mean())) for each in (first, second)]
    if min(energies) < _FLAT:
        apart = np.abs(one.pixels.astype(np.int16) - other.pixels).mean()
        return max(energies) < 2 * _FLAT and bool(apart < _SAME_COLOUR)
    words = [_without_lines(each) for each in (first, second)]
    told = [float(np.sqrt((each**2).mean())) for each in words]
    if min(told) >= _FLAT:  # else there is nothing but lines
        (first, second), energies = words, told
    spectrum = np.fft.rfft2(first) * np.conj(np.fft.rfft2(second))
    moved = np.fft.irfft2(spectrum, first.shape)
    near = np.roll(moved, (_REACH, _REACH), (0, 1))[: 2 * _REACH + 1, : 2 * _REACH + 1]
    return bool(near.max() / (energies[0] * energies[1] * first.size) >= SAME)


def _detail(seen: Comparable) -> NDArray[np.float32]:
    grey = Image.fromarray(seen.pixels).convert("L")
    coarse = grey.filter(ImageFilter.GaussianBlur(_COARSE))
    return np.asarray(grey, dtype=np.float32) - np.asarray(coarse, dtype=np.float32)


def _without_lines(detail: NDArray[np.float32]) -> NDArray[np.float32]:
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (_LINE // 2, _LINE // 2)
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(detail, padding, mode="edge"), _LINE + 1, axis
        )
        detail = detail - windows.mean(axis=-1)
    return detail


class LookAlikes:
    """Compares pictures of collections, and keeps what it found.

    Args:
        file_of: see :meth:`core.domain.ports.Library.picture_file`.
        decode: see :meth:`core.domain.ports.PictureDecoder.decode`.

    """

    def __init__(
        self,
        file_of: Callable[[str, Viewer | str], Awaitable[tuple[Picture, Path]]],
        decode: Callable[[bytes | Path, PixelSpec], Awaitable[DecodedPicture]],
    ) -> None:
        self._file_of = file_of
        self._decode = decode
        # By content: what a community may not see is in no snapshot of it.
        self._seen: LRUCache[str, Comparable] = LRUCache(_KEPT)
        self._verdicts: dict[frozenset[str], bool] = {}

    def comparison(self) -> Comparison:
        return Comparison(self)

    def verdict(self, one: Picture, other: Picture) -> bool | None:
        """Whether they are one; None where nobody has looked. From any thread."""
        return self._verdicts.get(frozenset({one.sha256, other.sha256}))

    async def look(self, one: Picture, other: Picture, community: Viewer | str) -> bool:
        """Whether they are one; also where one cannot be read any more. Raises Busy."""
        first, second = await self._of(one, community), await self._of(other, community)
        found = first is None or second is None or await asyncio.to_thread(same, first, second)
        if len(self._verdicts) >= _VERDICTS:
            self._verdicts.clear()
        self._verdicts[frozenset({one.sha256, other.sha256})] = found
        return found

    async def posted(
        self, data: bytes, others: Sequence[Picture], community: Viewer | str
    ) -> Picture | None:
        """The first of these pictures that a file shows; None where it shows none of them.

        Those that cannot be read count as such that it shows. Raises BadPicture, Busy.
        """
        seen = await self.seen(data)
        for other in others:
            found = await self._of(other, community)
            if found is None or await asyncio.to_thread(same, seen, found):
                return other
        return None

    async def seen(self, data: bytes) -> Comparable:
        """A file as it is compared by :func:`same`. Raises BadPicture, Busy."""
        return Comparable(await self._decode(data, _SPEC))

    async def _of(self, picture: Picture, community: Viewer | str) -> Comparable | None:
        seen = self._seen.get(picture.sha256)
        if seen is None:
            try:
                _, file = await self._file_of(picture.id, community)
                seen = Comparable(await self._decode(file, _SPEC))
            except Busy:
                raise
            except (TangerineError, OSError):
                return None  # gone, or damaged, since it was indexed
            self._seen[picture.sha256] = seen
        return seen


class Comparison:
    """Which pictures one question took for one without having looked."""

    def __init__(self, look_alikes: LookAlikes) -> None:
        self._look_alikes = look_alikes
        self._unseen: list[tuple[Picture, Picture]] = []

    def taken_for_one(self, one: Picture, other: Picture) -> bool:
        """Whether two pictures with nearly equal vectors are shown as one. From any thread."""
        known = self._look_alikes.verdict(one, other)
        if known is None and len(self._unseen) < _AT_A_TIME:
            self._unseen.append((one, other))
        return known is not False

    async def look(self, community: Viewer | str, *, within_s: float) -> bool:
        """Look at those, as far as one comes; whether any are two."""
        if not self._unseen:
            return False
        unseen, self._unseen = self._unseen, []
        two = False
        try:
            async with asyncio.timeout(within_s):
                for one, other in unseen:
                    two |= not await self._look_alikes.look(one, other, community)
        except (Busy, TimeoutError):
            pass
        return two
