"""What the heads of ``mini`` reach on a source of pictures that they were not trained with.

    python -m recipes.mini.transfer --cache ~/.cache/tangerine-recipe

leaves out one source after another, trains heads without it (one seed, a minute and a half of
processor each), and asks for its pictures by their English captions, with h by several banks of
captions. Sources differ in size: what is searched are 258 pictures of a source, drawn forty times.
Held-out stamps take no part. The captions of stamps that are left out are not read either, in no
language; those of one style of emoji stay, as the other styles have them, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.encoder.mini.modeling import MiniConfig
from core.encoder.mini.split import is_held_out
from core.training.evaluation import RECALL_AT, evaluate_vectors
from core.training.heads import Heads
from core.training.pairs import unique_captions
from recipes.mini.data import STAMP_SOURCES, Collection, Item, all_texts, collect, unlike
from recipes.mini.fetch import Packages, fetch
from recipes.mini.reading import Texts, all_features, parallel_texts
from recipes.mini.terms import ClassTerms
from recipes.mini.train import (
    ENGLISH_SETTINGS,
    SETTINGS,
    class_terms,
    ridge_heads,
    taught,
    trained,
    training_set,
    translated,
)

STRANGE: Mapping[str, Sequence[str]] = {
    "stamps": STAMP_SOURCES,
    "flash-cards": ("flash-cards",),
    "sprites": ("sprites",),
    "Noto": ("emoji-google",),
}
"""What is left out, by name."""

GALLERY, DRAWS = 258, 40
BANK = 637


def measured(
    packages: Packages, collection: Collection, every: Texts, sources: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """R@1, 5 and 10 on left out sources, for each bank by name."""
    learn, _ = collection.split()
    strange = [item for item in learn if item.source in sources]
    kept = unlike([item for item in learn if item.source not in sources], strange)
    english = all_texts(kept, collection.classes)
    with_stamps = not set(sources) & set(STAMP_SOURCES)
    parallel = parallel_texts(packages, english, is_held_out, stamps=with_stamps)
    texts = every.among(english, parallel)
    terms = class_terms(collection, kept, texts.row, texts.meanings)
    data = training_set(collection, kept, texts, parallel, terms)
    start = translated(data, trained(taught(data), ridge_heads(data), ENGLISH_SETTINGS))
    heads = trained(data, start, replace(SETTINGS, seed=0))
    for name, captions in _banks(kept).items():
        bank = heads.text_vectors(every.features[[every.row[text] for text in captions]])
        yield name, _recalls(heads, terms, strange, every, bank)


def _banks(items: Sequence[Item]) -> dict[str, list[str]]:
    """Captions that tell how near a picture is to captions in general, by where they are from."""
    rng = np.random.default_rng(0)
    stamps = list(dict.fromkeys(i.captions[0] for i in items if i.source in STAMP_SOURCES))
    every = list(dict.fromkeys(item.captions[0] for item in items))
    others = [caption for caption in every if caption not in set(stamps)]

    def some(captions: Sequence[str], count: int) -> list[str]:
        drawn = rng.choice(len(captions), min(count, len(captions)), replace=False)
        return [captions[row] for row in drawn]

    banks = {"all sources": some(every, BANK)}
    if stamps:
        half = BANK // 2
        banks["stamps"] = stamps
        banks["half stamps"] = some(stamps, half) + some(others, BANK - half)
    return banks


def _recalls(
    heads: Heads, terms: ClassTerms, strange: Sequence[Item], every: Texts, bank: torch.Tensor
) -> NDArray[np.float64]:
    captions, caption_of = unique_captions([item.captions[0] for item in strange])
    texts = heads.text_vectors(every.features[[every.row[text] for text in captions]]).numpy()
    meaning = heads.image_vectors(terms(torch.stack([item.views[0] for item in strange])))
    temperature = MiniConfig.hub_temperature
    hub = temperature * (meaning @ bank.T / temperature).logsumexp(dim=1)
    pictures = torch.cat([meaning, -MiniConfig.hub_weight * hub[:, None]], dim=1).numpy()
    texts = np.concatenate([texts, np.ones((len(texts), 1), texts.dtype)], axis=1)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        rows = rng.choice(len(pictures), min(GALLERY, len(pictures)), replace=False)
        asked, of = np.unique(caption_of[rows], return_inverse=True)
        told = evaluate_vectors(pictures[rows], texts[asked], of.astype(np.int64)).text_to_image
        found.append([told[f"recall@{k}"] for k in RECALL_AT])
    mean: NDArray[np.float64] = np.mean(found, axis=0)
    return mean


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="that of recipes.mini.train")
    parser.add_argument("--only", nargs="*", default=list(STRANGE), choices=list(STRANGE))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    packages = fetch(arguments.cache / "packages")
    collection = collect(packages, arguments.cache)
    learn, _ = collection.split()
    english = all_texts(learn, collection.classes)
    parallel = parallel_texts(packages, english, is_held_out)
    every = all_features(english, parallel, arguments.cache / "features")
    for name in arguments.only:
        for bank, shares in measured(packages, collection, every, STRANGE[name]):
            print(f"without {name}, bank of {bank}", *(f"{100 * share:.1f}" for share in shares))


if __name__ == "__main__":
    main()
