"""One command that measures how often tags are right.

    python -m recipes.tags --cache .cache

tags Tux Paint's stamps (what a picture shows follows from its folder) and the first test pictures
of Fashion-MNIST, as ``tangerine tag`` does it, and writes the tables into ``docs/classify.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import PixelBatch
from core.encoder.load import load_encoder
from core.encoder.mini.assemble import mini_folder
from core.images.resize import fit_pixels
from core.search.labels import NONE, LabelSet, Tags, label_set, prompts
from core.training.feature_cache import FeatureCache
from index.demo.packages import fetch_debian
from recipes.documents import DOCS, put, table
from recipes.fashion import PACKAGE, worn
from recipes.kept_pictures import KeptPictures
from recipes.mini.fashion import LABELS
from recipes.mini.sources import STAMPS, stamp_caption

FOLDERS: Mapping[str, str] = {
    "animals/birds": "bird",
    "animals/fish": "fish",
    "animals/insects": "insect",
    "food/fruit": "fruit",
    "food/vegetables": "vegetable",
    "plants/flowers": "flower",
    "plants/trees": "tree",
    "town/houses": "house",
    "town/roadsigns": "road sign",
    "vehicles": "vehicle",
    "space/planets": "planet",
    "symbols/money": "coin",
    "symbols/alphabets": "letter",
    "hobbies/music": "musical instrument",
}
"""Folders of the stamps with the label of what they hold, chosen by their names before any was
tagged. What is in another folder has none of these labels."""


def truth_of(path: str) -> int:
    """The place of a stamp's label, NONE where it has none."""
    for place, folder in enumerate(FOLDERS):
        if path.startswith(f"{folder}/"):
            return place
    return NONE


def by_label(labels: Sequence[str], tags: Tags, truth: NDArray[np.int64]) -> str:
    """For each label: how many pictures show it, how many are tagged, and how often rightly."""
    rows = []
    for place, label in enumerate(labels):
        shown, tagged = truth == place, tags.places == place
        right = int((shown & tagged).sum())
        rows.append(
            (
                label,
                str(int(shown.sum())),
                str(int(tagged.sum())),
                _share(right, int(tagged.sum())),
                _share(right, int(shown.sum())),
            )
        )
    known, tagged = truth != NONE, tags.places != NONE
    right = int((known & (tags.places == truth)).sum())
    rows.append(
        (
            "all",
            str(int(known.sum())),
            str(int(tagged.sum())),
            _share(right, int(tagged.sum())),
            _share(right, int(known.sum())),
        )
    )
    others = int((~known).sum())
    if others:
        rows.append(("none of these", str(others), str(int((~known & tagged).sum())), "", ""))
    return table(("label", "pictures", "tagged", "precision", "recall"), rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"  # noqa: RUF001 - a dash for no number


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs")
    parser.add_argument("--page", type=Path, default=DOCS / "classify.md", help="%(default)s")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    model = mini_folder(arguments.cache / "models")
    encoder = load_encoder(str(model), device="cpu")

    def labels_of(names: tuple[str, ...]) -> LabelSet:
        return label_set(names, list(encoder.encode_texts(prompts(names))))

    folder = fetch_debian("tuxpaint-stamps-default", arguments.cache) / STAMPS
    files = [path for path in sorted(folder.rglob("*.png")) if stamp_caption(path)]
    paths = [path.relative_to(folder).as_posix() for path in files]
    with FeatureCache(arguments.cache / "training") as cache:
        kept = KeptPictures(model, cache)

        def pixels(number: int) -> PixelBatch:
            with Image.open(files[number]) as image:
                return fit_pixels(image, kept.pixel_spec)[None]

        stamps = kept.vectors("tux-stamps", paths, pixels)[:, 0]
        clothes, classes = worn(kept, fetch_debian(PACKAGE, arguments.cache))
    shown = labels_of(tuple(FOLDERS.values()))
    truth = np.array([truth_of(path) for path in paths], dtype=np.int64)
    put(arguments.page, "stamps", by_label(shown.labels, shown.tags(stamps), truth))
    garments = labels_of(LABELS)
    put(arguments.page, "clothes", by_label(LABELS, garments.tags(clothes), classes))
    # Without "none", as zero-shot accuracy is counted.
    nearest = (clothes @ garments.words.T).argmax(axis=1)
    put(arguments.page, "zero-shot", f"{(nearest == classes).mean():.3f}")


if __name__ == "__main__":
    main()
