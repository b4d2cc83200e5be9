"""Fashion-MNIST as a gallery of captioned pictures, and how alike its neighbours are.

    python -m recipes.fashion gallery --cache .cache --out data/fashion/gallery [--count 6000]
    python -m recipes.fashion measure --cache .cache

The first writes pictures and a ``captions.csv`` (``make demo-fashion`` then starts the web chat
on them); the second measures precision@5 by class and writes it into ``docs/fashion.md``.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import PixelBatch, Vectors
from core.encoder.load import load_encoder
from core.encoder.mini.assemble import mini_folder
from core.images.resize import fit_pixels
from core.training.feature_cache import FeatureCache
from core.training.pairs import Labels
from index.demo.packages import fetch_debian
from recipes.documents import DOCS, put, table
from recipes.kept_pictures import KeptPictures
from recipes.mini.fashion import LABELS, clothes_pictures
from recipes.zero_shot import neighbours_alike, prompted, zero_shot_accuracy

PACKAGE = "dataset-fashion-mnist"

COUNT = 6000
"""Pictures of the demo: at 46 pictures a second (one idle core), two minutes of encoding."""

EDGE = 224
"""Pixels a side of the gallery's files: 28 are too few to look at. It is mini's own size, and so
enlarging them here or in the product is the same."""

MEASURED = 1000
"""The first test pictures, each searched for among the others, as ``recipes/mini`` does."""

_READY = ".complete"


def pictures(root: Path, count: int) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """The first pictures [28, 28] with the name of their class: training part, then test part."""
    for part in ("train", "test"):
        for pixels, label in zip(*clothes_pictures(root, count, part), strict=True):
            yield pixels, LABELS[label]
            count -= 1
        if count <= 0:
            return


def write_gallery(root: Path, out: Path, count: int) -> None:
    """Fill ``out`` with PNG files and a ``captions.csv``; a gallery of this size is kept."""
    ready = out / _READY
    if ready.exists() and ready.read_text() == str(count):
        return
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with (part / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "description"))
        for number, (pixels, label) in enumerate(pictures(root, count)):
            name = f"{label.replace(' ', '-').lower()}-{number:05}.png"
            large = Image.fromarray(pixels).resize((EDGE, EDGE), Image.Resampling.BICUBIC)
            large.save(part / name)
            rows.writerow((name, label))
    (part / _READY).write_text(str(count))
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def worn(kept: KeptPictures, root: Path) -> tuple[Vectors, Labels]:
    """Vectors of the first test pictures, float32 [n, d], and their classes."""
    clothes, labels = clothes_pictures(root, MEASURED, "test")

    def pixels(number: int) -> PixelBatch:
        picture = Image.fromarray(clothes[number]).convert("RGB")
        return fit_pixels(picture, kept.pixel_spec)[None]

    keys = [f"test {number}" for number in range(MEASURED)]
    return kept.vectors(PACKAGE, keys, pixels)[:, 0], labels


def measure(root: Path, cache: Path) -> tuple[str, float]:
    """A table of precision@5 by class, and zero-shot accuracy on the same pictures."""
    model = mini_folder(cache / "models")
    encoder = load_encoder(str(model), device="cpu")
    with FeatureCache(cache / "training") as kept:
        images, labels = worn(KeptPictures(model, kept), root)
    alike = neighbours_alike(images, labels, 5)
    rows = [
        (name, f"{alike[labels == label].mean():.3f}", str((labels == label).sum()))
        for label, name in enumerate(LABELS)
    ]
    rows.append(("all", f"{alike.mean():.3f}", str(MEASURED)))
    zero_shot = zero_shot_accuracy(images, labels, prompted(encoder, LABELS))
    return table(("class", "precision@5", "queries"), rows), zero_shot


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", choices=("gallery", "measure"))
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs")
    parser.add_argument("--out", type=Path, default=Path("data/fashion/gallery"))
    parser.add_argument("--count", type=int, default=COUNT, help="1 to 70000; %(default)s")
    parser.add_argument("--page", type=Path, default=DOCS / "fashion.md", help="%(default)s")
    arguments = parser.parse_args()
    root = fetch_debian(PACKAGE, arguments.cache)
    if arguments.task == "gallery":
        write_gallery(root, arguments.out, arguments.count)
        print(f"{arguments.out}: {arguments.count} pictures")
        return
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    by_class, zero_shot = measure(root, arguments.cache)
    put(
        arguments.page,
        "by class",
        f"{by_class}\n\nZero-shot: {zero_shot:.3f} of the same pictures.",
    )
    print(by_class, f"zero-shot {zero_shot:.3f}", sep="\n")


if __name__ == "__main__":
    main()
