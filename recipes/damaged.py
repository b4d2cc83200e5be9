"""One command that measures how well damaged pictures find their originals.

    python -m recipes.damaged --cache .cache

damages the bitmaps of Tux Paint's stamps in every way and strength of ``recipes/damage.py``,
searches for each among all of them and writes the tables into ``docs/damaged.md``. Half an
hour on one core the first time, then seconds: what the tower says is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core.feature_cache import FeatureCache, Rows, cached
from core.frozen_towers import FrozenTowers
from core.mini.assemble import mini_folder
from core.preprocessing import fit_pixels
from core.search import SearchRules
from core.types import PixelBatch, Vectors
from core.views import View, views
from index.packages import fetch_debian
from recipes.damage import DAMAGES, Damage, original
from recipes.documents import DOCS, put, table
from recipes.mini.sources import STAMPS, stamp_caption

SWEEP_EVERY = 8
"""Strengths other than those with a target, and views, are measured on every eighth stamp."""

GROUP = 16

COUNTS: dict[View | None, int] = {
    None: 1,
    View.TURNED: 3,
    View.INSIDE: 2,
    View.OUTSIDE: 1,
    View.TRIMMED: 1,
}
"""Rows a picture: of itself, and of each kind of view."""

CHOICES: tuple[tuple[str, tuple[View, ...]], ...] = (
    ("as it is", ()),
    ("and quarter turns", (View.TURNED,)),
    ("and its middle", (View.INSIDE,)),
    ("and on a wider canvas", (View.OUTSIDE,)),
    ("and without margins", (View.TRIMMED,)),
    ("all of these", tuple(View)),
)


class Stamps:
    """Stamps, damaged and as they are, as vectors: float32 [stamps, rows, d]."""

    def __init__(self, cache: FeatureCache, towers: FrozenTowers, root: Path) -> None:
        folder = root / STAMPS
        self._cache, self._towers = cache, towers
        self._digest, self._heads = towers.digest(), towers.heads
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*.png"))
            if stamp_caption(path)
        }
        self.names = list(self._files)
        self.gallery = self._encoded("gallery", self.names, 1, self._as_indexed)[:, 0]

    def queries(
        self, damage: Damage, strength: float, kind: View | None, names: Sequence[str]
    ) -> NDArray[np.float32]:
        """One kind of view of these stamps under one damage: float32 [n, rows, d]."""

        def pixels(name: str) -> PixelBatch:
            # Which part is cropped, say, depends on nothing but the stamp and the damage.
            seed = hashlib.sha256(f"{name} {damage.name} {strength:g}".encode()).digest()
            picture = damage.apply(self._opened(name), strength, random.Random(seed))
            plain = fit_pixels(picture, self._towers.pixel_spec)
            found = views(plain, (kind,))[1:] if kind else plain[None]
            # A view that there is no reason for is the picture itself.
            missing = [plain] * (COUNTS[kind] - len(found))
            return np.stack([*found, *missing])

        space = f"{damage.name} {strength:g} {kind or 'plain'}"
        return self._encoded(space, names, COUNTS[kind], pixels)

    def _encoded(
        self, space: str, names: Sequence[str], count: int, pixels: Callable[[str], PixelBatch]
    ) -> NDArray[np.float32]:
        space = f"{self._digest}/damaged/{space}"

        def features(numbers: Sequence[int]) -> tuple[Sequence[int], Rows]:
            batch = np.concatenate([pixels(names[number]) for number in numbers])
            found = self._towers.image_features(batch).numpy()
            return numbers, found.reshape(len(numbers), count, -1)

        cached(self._cache, space, list(names), GROUP, features)
        rows = torch.from_numpy(self._cache.read(space, names))
        vectors = self._heads.image_vectors(rows.flatten(0, 1)).numpy()
        return vectors.reshape(len(names), count, -1)

    def _as_indexed(self, name: str) -> PixelBatch:
        with Image.open(self._files[name]) as image:
            return fit_pixels(image, self._towers.pixel_spec)[None]

    def _opened(self, name: str) -> Image.Image:
        with Image.open(self._files[name]) as image:
            return original(image)


def recall(stamps: Stamps, names: Sequence[str], queries: NDArray[np.float32]) -> float:
    """The share of stamps that are found first by the closest of their views [n, v, d].

    A near-duplicate of the original counts: what a search would show as one with it.
    """
    gallery = stamps.gallery
    rows = [stamps.names.index(name) for name in names]
    scores = queries @ gallery.T
    closest = scores.max(axis=2).argmax(axis=1)
    first = scores[np.arange(len(rows)), closest].argmax(axis=1)
    alike = (gallery[first] * gallery[rows]).sum(axis=1)
    return float((alike >= SearchRules().duplicate_cosine).mean())


def sweep(stamps: Stamps) -> str:
    """Recall@1 of the picture as it is, for every strength."""
    some = stamps.names[::SWEEP_EVERY]
    rows = []
    for damage in DAMAGES:
        for strength in damage.strengths:
            names = stamps.names if strength == damage.asked else some
            share = recall(stamps, names, stamps.queries(damage, strength, None, names))
            target = damage.target if strength == damage.asked else None
            rows.append(
                (
                    f"{damage.name}, {strength:g} {damage.unit}",
                    f"{share:.3f}",
                    "" if target is None else f"{target:.2f}",
                    str(len(names)),
                )
            )
            print(*rows[-1], sep="  ", flush=True)
    return table(("damage", "recall@1", "target", "queries"), rows)


def with_views(stamps: Stamps) -> str:
    """Recall@1 at the strengths with a target, for each choice of views, and its cost."""
    names = stamps.names[::SWEEP_EVERY]
    asked = {
        damage.name: {kind: stamps.queries(damage, damage.asked, kind, names) for kind in COUNTS}
        for damage in DAMAGES
    }
    rows = []
    for title, kinds in CHOICES:
        shares = [
            recall(stamps, names, np.concatenate([by_kind[k] for k in (None, *kinds)], axis=1))
            for by_kind in asked.values()
        ]
        means = [
            _mean(np.concatenate([b[k] for k in (None, *kinds)], axis=1)) for b in asked.values()
        ]
        averaged = [recall(stamps, names, vectors) for vectors in means]
        cost = sum(COUNTS[kind] for kind in (None, *kinds))
        cells = [f"{one:.3f} / {other:.3f}" for one, other in zip(shares, averaged, strict=True)]
        rows.append((title, str(cost), *cells))
        print(*rows[-1], sep="  ", flush=True)
    heads = [f"{damage.name} {damage.asked:g}" for damage in DAMAGES]
    return table(("query", "encodings", *heads), rows)


def everything(stamps: Stamps) -> str:
    """Recall@1 over all stamps with quarter turns, at the strengths with a target."""
    rows = []
    for damage in DAMAGES:
        plain, turned = (
            stamps.queries(damage, damage.asked, kind, stamps.names) for kind in (None, View.TURNED)
        )
        both = np.concatenate([plain, turned], axis=1)
        rows.append(
            (
                f"{damage.name}, {damage.asked:g} {damage.unit}",
                f"{recall(stamps, stamps.names, plain):.3f}",
                f"{recall(stamps, stamps.names, both):.3f}",
                "" if damage.target is None else f"{damage.target:.2f}",
            )
        )
        print(*rows[-1], sep="  ", flush=True)
    return table(("damage", "as it is", "and quarter turns", "target"), rows)


def _mean(vectors: NDArray[np.float32]) -> Vectors:
    middle = vectors.mean(axis=1, keepdims=True)
    unit: Vectors = middle / np.linalg.norm(middle, axis=2, keepdims=True)
    return unit


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs, 500 MB")
    parser.add_argument("--page", type=Path, default=DOCS / "damaged.md", help="%(default)s")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    root = fetch_debian("tuxpaint-stamps-default", arguments.cache)
    towers = FrozenTowers(mini_folder(arguments.cache / "models"), device="cpu")
    with FeatureCache(arguments.cache / "damaged") as cache, torch.no_grad():
        stamps = Stamps(cache, towers, root)
        for mark, measured in (
            ("strengths", sweep),
            ("views", with_views),
            ("all stamps", everything),
        ):
            put(arguments.page, mark, measured(stamps))


if __name__ == "__main__":
    main()
