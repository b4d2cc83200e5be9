"""One command that measures how well damaged pictures find their originals.

    python -m recipes.damaged --cache .cache

damages the bitmaps of Tux Paint's stamps in every way and strength of ``recipes/damage.py``,
searches for each among all of them and writes the tables into ``docs/damaged.md``. An hour on
one core the first time, then ten minutes: what the tower says is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain.types import Vectors
from core.encoder.mini.assemble import mini_folder
from core.search.query_views import MARGIN, ViewKind
from core.search.rules import SearchRules
from core.training.feature_cache import FeatureCache
from index.demo.packages import fetch_debian
from recipes.damage import DAMAGES
from recipes.damaged_searches import Searches
from recipes.damaged_stamps import COUNTS, Stamps
from recipes.documents import DOCS, put, table
from recipes.kept_pictures import KeptPictures

SWEEP_EVERY = 8
"""Strengths without a target are measured on every eighth stamp, all others on every one."""

CHOICES: tuple[tuple[str, tuple[ViewKind, ...]], ...] = (
    ("as it is", ()),
    ("and quarter turns", (ViewKind.TURNED,)),
    ("and its middle", (ViewKind.INSIDE,)),
    ("and both", tuple(ViewKind)),
)

MARGINS = (0.0, MARGIN)


def recall(
    stamps: Stamps, names: Sequence[str], queries: NDArray[np.float32], margin: float = MARGIN
) -> float:
    """The share of stamps that are found first by the view that ``closest_view`` chooses.

    A near-duplicate of the original counts: what a search would show as one with it. Views
    are [n, v, d].
    """
    scores = queries @ stamps.gallery.T
    best = scores.max(axis=2)
    best[:, 1:] -= margin
    first = scores[np.arange(len(names)), best.argmax(axis=1)].argmax(axis=1)
    return float(stamps.shown(names, first).mean())


def sweep(stamps: Stamps) -> str:
    """Recall@1 for every strength: of the picture as it is, and of what a search does."""
    some = stamps.names[::SWEEP_EVERY]
    searches = Searches(stamps)
    rows = []
    for damage in DAMAGES:
        for strength in damage.strengths:
            whole = strength in damage.targets or strength == damage.asked
            names = stamps.names if whole else some
            plain = stamps.queries(damage, strength, None, names)
            found = searches.searched(damage, strength, names, plain[:, 0])
            target = damage.targets.get(strength)
            rows.append(
                (
                    f"{damage.name}, {strength:g} {damage.unit}",
                    f"{recall(stamps, names, plain):.3f}",
                    f"{found.found:.3f}",
                    "" if target is None else f"{target:.2f}",
                    f"{found.encodings:.1f}",
                    str(len(names)),
                )
            )
            print(*rows[-1], f"{1000 * found.look_s:.0f} ms a look", sep="  ", flush=True)
    rows.append(("a picture that is not there", "", "", "", f"{_absent(stamps):.1f}", "785"))
    heads = ("damage", "as it is", "as searched", "target", "encodings", "queries")
    return table(heads, rows)


def _absent(stamps: Stamps) -> float:
    """Encodings for a picture that is not there: each stamp among the others."""
    among = stamps.gallery @ stamps.gallery.T
    others = np.where(among >= SearchRules().duplicate_cosine, -1, among).max(axis=1)
    unsure = float((others < SearchRules().sure_cosine).mean())
    return 1 + sum(COUNTS[kind] for kind in ViewKind) * unsure


def with_views(stamps: Stamps, names: Sequence[str]) -> str:
    """Recall@1 on these stamps for each choice of views, by its margin, and its cost."""
    asked = [
        {kind: stamps.queries(damage, damage.asked, kind, names) for kind in COUNTS}
        for damage in DAMAGES
    ]
    rows = []
    for title, kinds in CHOICES:
        chosen = [np.concatenate([by[kind] for kind in (None, *kinds)], axis=1) for by in asked]
        cost = str(sum(COUNTS[kind] for kind in (None, *kinds)))
        ways: list[tuple[str, list[float]]] = [
            (
                f"closest, margin {margin:g}",
                [recall(stamps, names, q, margin) for q in chosen],
            )
            for margin in MARGINS
        ]
        ways.append(("mean", [recall(stamps, names, _mean(q)) for q in chosen]))
        for way, shares in ways if kinds else [("", ways[0][1])]:
            rows.append((title, way, cost, *(f"{share:.3f}" for share in shares)))
            print(*rows[-1], sep="  ", flush=True)
    heads = [f"{damage.name} {damage.asked:g}" for damage in DAMAGES]
    return table(("query", "searched with", "encodings", *heads), rows)


def _mean(vectors: NDArray[np.float32]) -> Vectors:
    middle = vectors.mean(axis=1, keepdims=True)
    unit: Vectors = middle / np.linalg.norm(middle, axis=2, keepdims=True)
    return unit


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs, 500 MB")
    parser.add_argument("--page", type=Path, default=DOCS / "damaged.md", help="%(default)s")
    parser.add_argument("--only", choices=("strengths", "views"), help="one of the two tables")
    parser.add_argument("--every", type=int, default=1, help="views on every so many-th stamp")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    root = fetch_debian("tuxpaint-stamps-default", arguments.cache)
    model = mini_folder(arguments.cache / "models")
    with FeatureCache(arguments.cache / "damaged") as cache:
        stamps = Stamps(KeptPictures(model, cache), root)
        if arguments.only != "views":
            put(arguments.page, "strengths", sweep(stamps))
        if arguments.only != "strengths":
            some = stamps.names[:: arguments.every]
            put(arguments.page, "views", with_views(stamps, some))


if __name__ == "__main__":
    main()
