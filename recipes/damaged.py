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
from core.views import MARGIN, View, views
from index.packages import fetch_debian
from recipes.damage import DAMAGES, Damage, original
from recipes.documents import DOCS, put, table
from recipes.mini.sources import STAMPS, stamp_caption

SWEEP_EVERY = 8
"""Strengths without a target are measured on every eighth stamp, all others on every one."""

ADAPTIVE_EVERY = 4
"""What a search does is measured on every fourth stamp: each takes six encodings a damage."""

GROUP = 16

COUNTS: dict[View | None, int] = {
    None: 1,
    View.TURNED: 3,
    View.INSIDE: 2,
}
"""Rows a picture: of itself, and of each kind of view."""

CHOICES: tuple[tuple[str, tuple[View, ...]], ...] = (
    ("as it is", ()),
    ("and quarter turns", (View.TURNED,)),
    ("and its middle", (View.INSIDE,)),
    ("and both", tuple(View)),
)

MARGINS = (0.0, MARGIN)


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
            return views(plain, (kind,))[1:] if kind else plain[None]

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


def recall(
    stamps: Stamps, names: Sequence[str], queries: NDArray[np.float32], margin: float = MARGIN
) -> float:
    """The share of stamps that are found first by the view that ``closest_view`` chooses.

    A near-duplicate of the original counts: what a search would show as one with it. Views
    are [n, v, d].
    """
    gallery = stamps.gallery
    rows = [stamps.names.index(name) for name in names]
    scores = queries @ gallery.T
    best = scores.max(axis=2)
    best[:, 1:] -= margin
    first = scores[np.arange(len(rows)), best.argmax(axis=1)].argmax(axis=1)
    alike = (gallery[first] * gallery[rows]).sum(axis=1)
    return float((alike >= SearchRules().duplicate_cosine).mean())


def sweep(stamps: Stamps) -> str:
    """Recall@1 of the picture as it is, for every strength."""
    some = stamps.names[::SWEEP_EVERY]
    rows = []
    for damage in DAMAGES:
        for strength in damage.strengths:
            whole = strength in damage.targets or strength == damage.asked
            names = stamps.names if whole else some
            share = recall(stamps, names, stamps.queries(damage, strength, None, names))
            target = damage.targets.get(strength)
            name = f"{damage.name}, {strength:g} {damage.unit}"
            goal = "" if target is None else f"{target:.2f}"
            rows.append((name, f"{share:.3f}", goal, str(len(names))))
            print(*rows[-1], sep="  ", flush=True)
    return table(("damage", "recall@1", "target", "queries"), rows)


def with_views(stamps: Stamps) -> str:
    """Recall@1 on all stamps for each choice of views, by its margin, and its cost."""
    asked = [
        {kind: stamps.queries(damage, damage.asked, kind, stamps.names) for kind in COUNTS}
        for damage in DAMAGES
    ]
    rows = []
    for title, kinds in CHOICES:
        chosen = [np.concatenate([by[kind] for kind in (None, *kinds)], axis=1) for by in asked]
        cost = str(sum(COUNTS[kind] for kind in (None, *kinds)))
        ways: list[tuple[str, list[float]]] = [
            (
                f"closest, margin {margin:g}",
                [recall(stamps, stamps.names, q, margin) for q in chosen],
            )
            for margin in MARGINS
        ]
        ways.append(("mean", [recall(stamps, stamps.names, _mean(q)) for q in chosen]))
        for way, shares in ways if kinds else [("", ways[0][1])]:
            rows.append((title, way, cost, *(f"{share:.3f}" for share in shares)))
            print(*rows[-1], sep="  ", flush=True)
    heads = [f"{damage.name} {damage.asked:g}" for damage in DAMAGES]
    return table(("query", "searched with", "encodings", *heads), rows)


def as_searched(stamps: Stamps) -> str:
    """Recall@1 and encodings a query of ``Search.similar``, which looks again where it is unsure.

    The last line is the price for a picture that is not in the collection at all.
    """
    sure = SearchRules().sure_cosine
    names = stamps.names[::ADAPTIVE_EVERY]
    further = sum(COUNTS[kind] for kind in View)
    rows = []
    for damage in DAMAGES:
        parts = [stamps.queries(damage, damage.asked, kind, names) for kind in COUNTS]
        queries = np.concatenate(parts, axis=1)
        unsure = (queries[:, 0] @ stamps.gallery.T).max(axis=1) < sure
        # A query that is sure has no views: the picture itself stands in for them.
        looked = np.where(unsure[:, None, None], queries, queries[:, :1])
        plain, chosen = (recall(stamps, names, q) for q in (queries[:, :1], looked))
        cost = 1 + further * float(unsure.mean())
        title = f"{damage.name} {damage.asked:g}"
        rows.append((title, f"{plain:.3f}", f"{chosen:.3f}", f"{cost:.1f}", str(len(names))))
        print(*rows[-1], sep="  ", flush=True)
    among = stamps.gallery @ stamps.gallery.T
    others = np.where(among >= SearchRules().duplicate_cosine, -1, among).max(axis=1)
    cost = 1 + further * float((others < sure).mean())
    rows.append(("a picture that is not there", "", "", f"{cost:.1f}", str(len(others))))
    heads = ("query", "recall@1 as it is", "recall@1 as searched", "encodings", "queries")
    return table(heads, rows)


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
            ("searched", as_searched),
            ("strengths", sweep),
            ("views", with_views),
        ):
            put(arguments.page, mark, measured(stamps))


if __name__ == "__main__":
    main()
