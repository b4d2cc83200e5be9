"""Tux Paint's stamps, damaged and as they are, as pictures and as vectors that are kept."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import PixelBatch
from core.images.resize import fit_pixels
from core.search.query_views import ViewKind, views
from core.search.rules import SearchRules
from recipes.damage import Damage, original
from recipes.kept_pictures import KeptPictures
from recipes.mini.sources import STAMPS, stamp_caption

GROUP = 16

COUNTS: dict[ViewKind | None, int] = {
    None: 1,
    ViewKind.TURNED: 3,
    ViewKind.INSIDE: 2,
}
"""Rows a picture: of itself, and of each kind of view."""


class Stamps:
    """Stamps, damaged and as they are, as vectors: float32 [stamps, rows, d]."""

    def __init__(self, kept: KeptPictures, root: Path) -> None:
        folder = root / STAMPS
        self._kept = kept
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*.png"))
            if stamp_caption(path)
        }
        self.names = list(self._files)
        self.gallery = self._encoded("gallery", self.names, self._as_indexed)[:, 0]

    def queries(
        self, damage: Damage, strength: float, kind: ViewKind | None, names: Sequence[str]
    ) -> NDArray[np.float32]:
        """One kind of view of these stamps under one damage: float32 [n, rows, d]."""

        def pixels(name: str) -> PixelBatch:
            plain = fit_pixels(self.damaged(damage, strength, name), self._kept.pixel_spec)
            return views(plain, (kind,))[1:] if kind else plain[None]

        space = f"{damage.name} {strength:g} {kind or 'plain'}"
        return self._encoded(space, names, pixels)

    def damaged(self, damage: Damage, strength: float, name: str) -> Image.Image:
        """The stamp as it is posted: the same one every time."""
        # Which part is cropped, say, depends on nothing but the stamp and the damage.
        seed = hashlib.sha256(f"{name} {damage.name} {strength:g}".encode()).digest()
        return damage.apply(original(self.opened(name)), strength, random.Random(seed))

    def opened(self, name: str) -> Image.Image:
        """The stamp as its file has it."""
        with Image.open(self._files[name]) as image:
            image.load()
        return image

    def _encoded(
        self, space: str, names: Sequence[str], pixels: Callable[[str], PixelBatch]
    ) -> NDArray[np.float32]:
        return self._kept.vectors(
            f"damaged/{space}", names, lambda number: pixels(names[number]), group=GROUP
        )

    def _as_indexed(self, name: str) -> PixelBatch:
        return fit_pixels(self.opened(name), self._kept.pixel_spec)[None]

    def shown(self, names: Sequence[str], found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the found rows [n] show these stamps: themselves, or near-duplicates."""
        rows = [self.names.index(name) for name in names]
        alike = (self.gallery[found] * self.gallery[rows]).sum(axis=1)
        same: NDArray[np.bool_] = alike >= SearchRules().duplicate_cosine
        return same
