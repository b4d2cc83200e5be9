"""One command that compares losses: what MSE and what contrastive training make of two heads.

    python -m recipes.losses --cache .cache

trains projections from random numbers on the frozen towers of ``mini``, on Tux Paint's stamps
and on Fashion-MNIST, three seeds each, and writes tables and plots into ``docs/training.md``.
An hour on one core, most of it for the text side of 1,792 numbers; what the towers say is kept.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bot.tasks.comparison_plots import HISTOGRAMS, MATRICES, draw_comparison
from core.domain.types import Pixels, PixelSpec
from core.encoder.mini.assemble import mini_folder
from core.images.resize import fit_pixels
from core.training.base_model import FrozenTowers
from core.training.evaluation import Evaluation, PairVectors, comparison
from core.training.feature_cache import FeatureCache
from core.training.features import PairEncoder
from core.training.heads import Head, Heads
from core.training.loop import Material
from core.training.options import HeadSettings, Loss
from core.training.pairs import Labels, held_out_split
from core.training.trainer import HeadTrainer
from index.demo.packages import fetch_debian
from recipes.documents import DOCS, put, table
from recipes.mini.fashion import LABELS, clothes_pictures
from recipes.mini.sources import STAMPS, stamp_caption

SEEDS = (0, 1, 2)
STEPS = 400
LEARNING_RATE = 1e-3
DIMENSION = 256
"""Of the common space; what is trained are 3280 x 256 and 1792 x 256 numbers."""

FASHION_LEARN, FASHION_TEST = 1500, 500

COLUMNS = (
    "trained with",
    *(f"text→image R@{k}" for k in (1, 5, 10)),
    *(f"image→text R@{k}" for k in (1, 5, 10)),
    "own caption",
    "other captions",
    "gap",
)


@dataclass(frozen=True)
class Way:
    """One way to train: ``loss`` None trains nothing; ``text`` whether the text head is free."""

    name: str
    loss: Loss | None
    text: bool = True


WAYS = (
    Way("nothing (random heads)", None),
    Way("MSE, both heads free", Loss.MSE),
    Way("MSE, text side fixed", Loss.MSE, text=False),
    Way("contrastive, both heads free", Loss.CONTRASTIVE),
)


@dataclass(frozen=True, eq=False)
class DataSet:
    """Pairs to learn, pairs that measure, and the captions of the second in their order."""

    name: str
    learn: Material
    test: Material
    captions: list[str]


Source = tuple[str, int] | Path
"""A file, or a part of Fashion-MNIST and a number in it."""


class Reader:
    """Decodes both kinds of sources, in this process: the pictures are known to be good."""

    def __init__(self, fashion: Path) -> None:
        self._clothes = {
            part: clothes_pictures(fashion, count, part)[0]
            for part, count in (("train", FASHION_LEARN), ("test", FASHION_TEST))
        }

    def decode(self, sources: Sequence[Source], spec: PixelSpec) -> list[Pixels]:
        """Pixels as the product makes them."""
        return [fit_pixels(self._opened(source), spec) for source in sources]

    def identify(self, source: Source) -> str:
        """SHA-256 (hex) of the pixels or of the file; a number keeps equal clothes apart."""
        if isinstance(source, Path):
            return hashlib.sha256(source.read_bytes()).hexdigest()
        part, number = source
        content = self._clothes[part][number].tobytes()
        return hashlib.sha256(f"{part} {number}".encode() + content).hexdigest()

    def _opened(self, source: Source) -> Image.Image:
        if isinstance(source, Path):
            with Image.open(source) as image:
                image.load()
            return image
        part, number = source
        return Image.fromarray(self._clothes[part][number]).convert("RGB")


def stamp_pairs(root: Path) -> list[tuple[Source, str]]:
    """Every bitmap stamp with its English caption."""
    files = sorted((root / STAMPS).rglob("*.png"))
    return [(path, caption) for path in files if (caption := stamp_caption(path))]


def fashion_pairs(root: Path) -> list[tuple[Source, str]]:
    """Pictures to learn, then pictures that measure, each "a photo of a" and its class."""
    return [
        ((part, number), f"a photo of a {LABELS[label]}")
        for part, count in (("train", FASHION_LEARN), ("test", FASHION_TEST))
        for number, label in enumerate(clothes_pictures(root, count, part)[1])
    ]


def data_sets(cache: Path) -> list[DataSet]:
    """Both, as features of mini's towers."""
    fashion = fetch_debian("dataset-fashion-mnist", cache)
    stamps = fetch_debian("tuxpaint-stamps-default", cache)
    reader = Reader(fashion)
    towers = FrozenTowers(mini_folder(cache / "models"), device="cpu")

    def told(done: int, total: int) -> None:
        print(f"\rfeatures: {done} of {total}", end="\n" if done == total else "", flush=True)

    found = []
    with FeatureCache(cache / "training") as features:
        encoder = PairEncoder(
            towers=towers,
            cache=features,
            decode=reader.decode,
            identify=reader.identify,
            tail=None,
            on_pictures=told,
            on_bad_picture=lambda _source, _error: None,
        )
        for name, pairs in (
            ("stamps", stamp_pairs(stamps)),
            ("Fashion-MNIST", fashion_pairs(fashion)),
        ):
            encoded = encoder.encode(pairs)
            material = encoded.material
            if name == "stamps":
                split = held_out_split(material.picture_of, material.caption_of, 0.2, seed=0)
                learn, test = split.learn, split.test
            else:
                every = np.arange(len(pairs))
                learn, test = every[:FASHION_LEARN], every[FASHION_LEARN:]
            chosen = np.unique(material.caption_of[test])
            captions = [encoded.captions[number] for number in chosen]
            found.append(
                DataSet(name, material.part(learn, None), material.part(test, None), captions)
            )
    return found


def trained(data: Material, way: Way, seed: int) -> Heads:
    """Heads from random numbers, trained in one way."""
    generator = torch.Generator().manual_seed(seed)
    width = data.texts.shape[1]

    def random(columns: int, rows: int) -> Head:
        return Head(torch.randn(rows, columns, generator=generator) / columns**0.5)

    start = Heads(
        image=random(data.images.shape[1], DIMENSION if way.text else width),
        text=random(width, DIMENSION) if way.text else None,
        logit_scale=1 / 0.07,
    )
    if way.loss is None:
        return start
    settings = HeadSettings(
        loss=way.loss,
        train_text=way.text,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        text_learning_rate=LEARNING_RATE,
        dropout=0.3,
        text_anchor=0.0,
        duplicate_cosine=0.95,
        seed=seed,
    )
    trainer = HeadTrainer(data.training_set(Heads(start.image, None, 1.0)), start, settings)
    for _ in range(STEPS):
        trainer.step()
    return trainer.heads


def vectors(data: DataSet, heads: Heads) -> PairVectors:
    """The held-out pairs under some heads."""
    with torch.no_grad():
        images = heads.image_vectors(data.test.images).numpy()
        texts = heads.text_vectors(data.test.texts).numpy()
    caption_of: Labels = data.test.caption_of
    kept = range(len(caption_of))
    return PairVectors(images[data.test.picture_of], texts, data.captions, caption_of, kept)


def row(name: str, found: Sequence[Evaluation]) -> tuple[str, ...]:
    """The mean over the seeds, cells as in ``tangerine compare``."""

    def mean(way: str) -> dict[str, float]:
        sides = [getattr(one, way) for one in found]
        return {k: float(np.mean([side[k] for side in sides])) for k in sides[0]}

    middle = Evaluation(
        pairs=found[0].pairs,
        text_to_image=mean("text_to_image"),
        image_to_text=mean("image_to_text"),
        positive_similarity=float(np.mean([one.positive_similarity for one in found])),
        negative_similarity=float(np.mean([one.negative_similarity for one in found])),
    )
    (cells,) = comparison([(name, middle)])
    return (cells[0], *cells[2:])


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs, 100 MB")
    parser.add_argument("--page", type=Path, default=DOCS / "training.md", help="%(default)s")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="so many (%(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    for data in data_sets(arguments.cache):
        rows, drawn = [], []
        for way in WAYS:
            made = [
                vectors(data, trained(data.learn, way, seed)) for seed in SEEDS[: arguments.seeds]
            ]
            rows.append(row(way.name, [one.evaluation() for one in made]))
            drawn.append((way.name, made[0]))
            print(data.name, *rows[-1], sep="  ", flush=True)
        put(arguments.page, f"losses on {data.name}", table(COLUMNS, rows))
        images = arguments.page.parent / "images"
        for path in draw_comparison(drawn, images / "part"):
            kind = {HISTOGRAMS: "histograms", MATRICES: "matrices"}[path.name]
            path.rename(images / f"losses-{data.name.lower()}-{kind}.png")
        (images / "part").rmdir()


if __name__ == "__main__":
    main()
