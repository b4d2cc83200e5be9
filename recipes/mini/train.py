"""One command that makes the heads of ``mini`` from nothing.

    python -m recipes.mini.train --cache ~/.cache/tangerine-recipe

fetches the packages, encodes every picture (about 25 minutes on one core; kept in the cache),
trains the heads in two minutes, prints what they reach on the held-out stamps and on
Fashion-MNIST, and writes ``core/encoder/mini/heads.safetensors``. Equal seeds give equal heads.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.functional import normalize

from core.encoder.mini.assemble import HEADS
from core.encoder.mini.split import is_held_out
from core.training.heads import Head, Heads, rms
from core.training.options import HeadSettings
from core.training.trainer import HeadTrainer, TrainingSet
from recipes.mini.data import STAMP_SOURCES, Collection, Held, Item, all_texts, collect
from recipes.mini.fetch import fetch
from recipes.mini.finish import finished, save
from recipes.mini.languages import Parallel, as_typed
from recipes.mini.measure import measure
from recipes.mini.reading import Texts, all_features, parallel_texts
from recipes.mini.ridge import ridge
from recipes.mini.terms import ClassTerms, seen

RIDGE = 0.2
TEXT_RIDGE = 0.03
STAMP_WEIGHT = 5.0
"""Stamps are photographs and drawings with sentences: more like real collections."""

CLASS_WEIGHT = 3.0
"""Of each row of the ImageNet classifier, which stands for a picture of its class."""

NAMES = 3
"""The first texts of a class are its names, the others describe it."""

PSEUDO_WEIGHT = 0.5
PSEUDO_CONFIDENCE = 0.35
"""From which probability on a picture also counts as one of the classifier's best class."""

SEEDS = (0, 1, 2)
"""The heads are the mean of those trained with these seeds."""

ENGLISH_SETTINGS = HeadSettings(dropout=0.3, text_learning_rate=3e-4, text_anchor=40.0)
"""Of the first training, in which the teacher reads the texts."""

SETTINGS = HeadSettings(dropout=0.3, text_learning_rate=1e-3, text_anchor=10.0)
"""Of the second, in which the text tower reads them in all languages."""

ENGLISH, TRANSLATED = 26, 38
"""How often, of 64 times, a picture with translated captions is shown with an English one, and
with one in another language."""


def train_heads(
    collection: Collection, items: Sequence[Item], parallel: Parallel, cache: Path
) -> dict[str, torch.Tensor]:
    """Everything in ``heads.safetensors``: heads trained with each seed, averaged, finished.

    Pictures learn from the teacher first, by ridge regression and contrastive training; the text
    tower learns to say what the teacher does, by ridge regression; both then learn from each
    other, in all languages.
    """
    texts = all_features(all_texts(items, collection.classes), parallel, cache / "features")
    terms = class_terms(collection, items, texts.row, texts.meanings)
    data = training_set(collection, items, texts, parallel, terms)
    start = translated(data, trained(taught(data), ridge_heads(data), ENGLISH_SETTINGS))
    mean = mean_heads([trained(data, start, replace(SETTINGS, seed=seed)) for seed in SEEDS])
    if mean.image is None:
        raise ValueError("mini has an image head")
    heads = replace(mean, image=Head(terms.folded(mean.image.weight)))
    pictures = torch.stack([item.views[0] for item in items])
    return finished(
        heads,
        pictures,
        seen(pictures, collection.classifier, collection.bias),
        texts.features[[texts.row[caption] for caption in bank_captions(items)]],
    )


def trained(data: TrainingSet, start: Heads, settings: HeadSettings) -> Heads:
    """The heads after all steps of the settings."""
    trainer = HeadTrainer(data, start, settings)
    for _ in range(settings.steps):
        trainer.step()
    return trainer.heads


def taught(data: TrainingSet) -> TrainingSet:
    """The same with English texts alone, as the teacher reads them."""
    return replace(data, texts=data.meanings, captions=data.captions[:, :ENGLISH])


def translated(data: TrainingSet, heads: Heads) -> Heads:
    """Heads over the teacher's vectors, with a text head over the text tower's features instead.

    It predicts, of a text in any language, where the other puts the English one.
    """
    if heads.text is None:
        raise ValueError("mini has a text head")
    targets = heads.text_vectors(data.meanings)
    weight = ridge(data.texts, targets, TEXT_RIDGE, torch.ones(len(targets)))
    return replace(heads, text=Head(weight))


def class_terms(
    collection: Collection, items: Sequence[Item], row: Mapping[str, int], features: torch.Tensor
) -> ClassTerms:
    """The classifier's terms; a class means the mean of its texts, ``features[row[text]]``."""
    meanings = torch.stack(
        [features[[row[text] for text in names]].mean(dim=0) for names in collection.classes]
    )
    views = torch.cat([item.views for item in items])
    return ClassTerms(collection.classifier, collection.bias, normalize(meanings, dim=1), views)


def training_set(
    collection: Collection,
    items: Sequence[Item],
    texts: Texts,
    parallel: Parallel,
    terms: ClassTerms,
) -> TrainingSet:
    """Items, what the classifier says of them, and the classifier's own rows, as pairs."""
    drawn = random.Random(TRANSLATED)

    def shown(english: Sequence[str], translated: Iterable[str]) -> list[int]:
        rows = [texts.row[text] for text in english]
        other = [texts.row[text] for text in translated]
        drawn.shuffle(other)
        return _cycled(rows, ENGLISH) + _cycled(other or rows, TRANSLATED)

    classes = [
        shown(names, (text for name in names[:NAMES] for text in parallel.of(name)))
        for names in collection.classes
    ]
    rows: list[list[int]] = []
    captions: list[list[int]] = []
    weights: list[float] = []
    view = 0
    for item in items:
        own = list(range(view, view + len(item.views)))
        view += len(own)
        weight = STAMP_WEIGHT if item.source in STAMP_SOURCES else 1.0
        rows.append(own)
        first = item.captions[0]
        captions.append(shown(item.captions, (*as_typed(first), *parallel.of(first))))
        weights.append(weight)
        logits = collection.classifier @ item.views[0] + collection.bias
        confidence, best = logits.softmax(dim=0).max(dim=0)
        if confidence > PSEUDO_CONFIDENCE:
            rows.append(own)
            captions.append(classes[int(best)])
            weights.append(weight * PSEUDO_WEIGHT)
    views = torch.cat([item.views for item in items])
    # A class stands at its direction from the mean class, as far out as pictures are.
    centred = collection.classifier - collection.classifier.mean(dim=0)
    prototypes = normalize(centred, dim=1) * views.norm(dim=1).mean()
    rows += [[view + number] for number in range(len(prototypes))]
    captions += classes
    weights += [CLASS_WEIGHT] * len(prototypes)
    images = terms(torch.cat([views, prototypes]))
    return TrainingSet(
        images=images,
        texts=texts.features,
        views=_even(rows),
        captions=torch.tensor(captions),
        weights=torch.tensor(weights),
        meanings=texts.meanings,
        scale=terms.scale(images),
    )


def ridge_heads(data: TrainingSet) -> Heads:
    """The image head that predicts an item's mean caption; the teacher's needs no head."""
    scale = rms(data.images) if data.scale is None else data.scale
    columns = data.views.shape[1]
    shares = (data.weights / columns).repeat_interleave(columns)
    targets = normalize(data.meanings[data.captions[:, :ENGLISH]].mean(dim=1), dim=1)
    # A row belongs to several items: one row of their weight, with their mean target.
    rows = data.views.flatten()
    weights = torch.zeros(len(data.images)).index_add(0, rows, shares)
    sums = torch.zeros(len(data.images), targets.shape[1]).index_add(
        0, rows, targets.repeat_interleave(columns, dim=0) * shares[:, None]
    )
    weight = ridge(data.images / scale, sums / weights[:, None], RIDGE, weights)
    identity = torch.eye(data.meanings.shape[1])
    return Heads(Head(weight / scale), Head(identity), logit_scale=1 / 0.07)


def bank_captions(items: Iterable[Item]) -> list[str]:
    """The stamps' most exact captions, each once: h asks how near a picture is to these.

    They are more like what people ask with than names of emoji and classes.
    """
    stamps = (item for item in items if item.source in STAMP_SOURCES)
    return list(dict.fromkeys(item.captions[0] for item in stamps))


def mean_heads(heads: Sequence[Heads]) -> Heads:
    """Heads that started from one point and stayed near it may be averaged."""

    def mean(parts: Sequence[Head | None]) -> Head:
        return Head(torch.stack([part.weight for part in parts if part]).mean(dim=0))

    return Heads(
        image=mean([each.image for each in heads]),
        text=mean([each.text for each in heads]),
        logit_scale=sum(each.logit_scale for each in heads) / len(heads),
    )


def _cycled(rows: Sequence[int], count: int) -> list[int]:
    return [rows[number % len(rows)] for number in range(count)]


def _even(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Rows of numbers, each repeated to the length of the longest: int64 [n, longest]."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[row[n % len(row)] for n in range(longest)] for row in rows])


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs, 1 GB")
    parser.add_argument("--out", type=Path, default=HEADS, help="default: %(default)s")
    parser.add_argument("--everything", action="store_true", help="train on held-out stamps too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    packages = fetch(arguments.cache / "packages")
    collection = collect(packages, arguments.cache)
    learn, test = collection.split()
    items = learn + test if arguments.everything else learn
    held: Held = (lambda _: False) if arguments.everything else is_held_out
    parallel = parallel_texts(packages, all_texts(items, collection.classes), held)
    save(train_heads(collection, items, parallel, arguments.cache), arguments.out)
    for line in measure(arguments.out, test, packages, arguments.cache):
        print(line)


if __name__ == "__main__":
    main()
