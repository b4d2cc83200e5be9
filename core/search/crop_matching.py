"""Is a posted picture a part of one that is nearly found? A closer look at the nearest ones."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from cachetools import LRUCache
from PIL import Image

from core.domain.errors import Busy, TangerineError
from core.domain.types import Picture, Pixels, PixelSpec, Vectors
from core.images.resize import fit_pixels
from core.search.query_views import ViewTransform
from core.search.scoring import NearestPictures
from core.search.template_matching import EDGE, agreement

NEAREST = 10
"""Pictures that are looked at: the original of a crop to 70 % of each edge is among so many in
99 of 100 cases, of one to half of each edge in 94."""

LOOKED_AT_EDGE = 2 * EDGE
"""Pixels of the longer edge that a posted picture needs at least to be compared."""

AGREES = 0.9
"""The correlation from which a picture is recognised. Of a hundred pictures that are not in the
collection two agree so well with another one, eight with 0.85. Of a hundred that were turned by 15
degrees and are found by their vectors, two are taken for another one, at 0.88 three (stamps)."""

_SPEC = PixelSpec(height=LOOKED_AT_EDGE, width=LOOKED_AT_EDGE, fit="pad")

_KEPT = 2000
"""Small pictures in memory: 24 MB."""

_TOGETHER = 2
"""Files that one look has decoded at a time, so that other people's pictures come between."""


@dataclass(frozen=True, slots=True, eq=False)
class PostedView:
    """A posted picture in one of its views.

    ``vector``: of that view, float32 [d]; ``nearest``: what it finds.
    """

    way: ViewTransform
    vector: Vectors
    nearest: NearestPictures


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """The row of a picture that shows what was posted, and the view by which it was known.

    ``agreement``: the correlation of both pictures' pixels, in [-1, 1].
    """

    row: int
    view: PostedView
    agreement: float


class CropSource(Protocol):
    """What is needed of a :class:`core.domain.ports.Snapshot`."""

    @property
    def pictures(self) -> Sequence[Picture]:
        """The picture of each row."""


class Recogniser:
    """Compares pixels where vectors are unsure; see :mod:`core.search.template_matching`.

    Args:
        file_of: see :meth:`core.domain.ports.Library.file_of`.
        thumbnail: a picture and its file as a JPEG of :data:`core.search.ports.THUMBNAIL_EDGE`
            pixels. Raises TangerineError.
        timeout_s: seconds that a look may take; without it an answer is as good as its vectors.

    """

    def __init__(
        self,
        file_of: Callable[[Picture], Path | None],
        thumbnail: Callable[[Picture, Path], Awaitable[bytes]],
        *,
        timeout_s: float = 2.0,
    ) -> None:
        self._file_of = file_of
        self._thumbnail = thumbnail
        self._timeout_s = timeout_s
        # By content: what a community may not see is in no snapshot of it.
        self._small: LRUCache[str, Pixels] = LRUCache(_KEPT)

    async def recognise(
        self, posted: Pixels, views: Sequence[PostedView], snapshot: CropSource
    ) -> Recognised | None:
        """The picture of which the posted one shows a part, or which is a part of it, if any.

        ``posted``: the whole picture, uint8 [h, w, 3]. Looked at are the rows nearest to each of
        its views, and the one that agrees best is taken. None also where the decoder is busy or
        too slow; what cannot be read is passed over.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                looks = [await self._look(posted, view, snapshot) for view in views]
        except (Busy, TimeoutError):
            return None
        agreed, found = max(looks, key=lambda look: look[0])
        return found if agreed >= AGREES else None

    async def _look(
        self, posted: Pixels, view: PostedView, snapshot: CropSource
    ) -> tuple[float, Recognised | None]:
        """What agrees best with one view, and how well; -1 and None where nothing can be read."""
        rows, pictures = await self._read(view.nearest.near.rows[:NEAREST].tolist(), snapshot)
        if not rows:
            return -1.0, None
        shown = await asyncio.to_thread(_shown, Image.fromarray(posted), view.way)
        found = await asyncio.to_thread(agreement, shown, pictures)
        best = int(found.argmax())
        agreed = float(found[best])
        return agreed, Recognised(rows[best], view, agreed)

    async def _read(
        self, nearest: Sequence[int], snapshot: CropSource
    ) -> tuple[list[int], list[Pixels]]:
        """Those of the rows whose pictures can be read, and these, small."""
        rows: list[int] = []
        pictures: list[Pixels] = []
        for first in range(0, len(nearest), _TOGETHER):
            some = nearest[first : first + _TOGETHER]
            found = await asyncio.gather(*(self._small_of(snapshot.pictures[row]) for row in some))
            for row, picture in zip(some, found, strict=True):
                if picture is not None:
                    rows.append(row)
                    pictures.append(picture)
        return rows, pictures

    async def _small_of(self, picture: Picture) -> Pixels | None:
        small = self._small.get(picture.sha256)
        if small is None:
            file = await asyncio.to_thread(self._file_of, picture)
            if file is None:
                return None
            try:
                jpeg = await self._thumbnail(picture, file)
            except Busy:
                raise
            except TangerineError:
                return None  # gone, or damaged, since it was indexed
            small = self._small[picture.sha256] = await asyncio.to_thread(_small, jpeg)
        return small


def _small(jpeg: bytes) -> Pixels:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        return _shown(image.convert("RGB"), ViewTransform())


def _shown(picture: Image.Image, way: ViewTransform) -> Pixels:
    """The picture seen this way, without the white that pads it: [h, w, 3], ``EDGE`` long."""
    pixels = way.of(fit_pixels(picture, _SPEC))
    edge = pixels.shape[0]
    width, height = picture.size
    if way.turns % 2:
        width, height = height, width
    # The middle of the padded square holds more of the picture than of the white around it.
    shares = [min(1.0, side / max(width, height) / way.share) for side in (width, height)]
    left, top = (edge * (1 - share) / 2 for share in shares)
    size = [max(1, round(EDGE * share / max(shares))) for share in shares]
    image = Image.fromarray(pixels).resize(
        (size[0], size[1]),
        Image.Resampling.BICUBIC,
        box=(left, top, edge - left, edge - top),
    )
    return np.array(image, dtype=np.uint8)
