"""What heads reach on held-out stamps and on Fashion-MNIST, from cached features.

The heads are those of a checkpoint that is assembled of them, in half precision.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import normalize

from core.encoder.mini.assemble import assemble
from core.encoder.mini.modeling import MiniModel
from core.encoder.mini.towers import IMAGE_SIZE
from core.training.evaluation import COMPARISON_COLUMNS, comparison, evaluate_vectors
from core.training.pairs import unique_captions
from recipes.mini.data import Item
from recipes.mini.fashion import LABELS, clothes_pictures
from recipes.mini.features import ImageTower
from recipes.mini.fetch import Packages
from recipes.mini.languages import LANGUAGES, stamp_translations
from recipes.mini.texts import text_features
from recipes.zero_shot import PROMPTS, precision_at, zero_shot_accuracy

ZERO_SHOT_PICTURES = 2000
PRECISION_PICTURES = 1000

Head = Callable[[torch.Tensor], torch.Tensor]


def measure(file: Path, test: Sequence[Item], packages: Packages, cache: Path) -> Iterator[str]:
    """Lines of text: recalls on all held-out stamps, on the bitmaps alone, Fashion-MNIST."""
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        model: Any = MiniModel.from_pretrained(assemble(Path(folder) / "mini", file))
        yield from _lines(model.visual_projection, model.text_projection, test, packages, cache)


def _lines(
    image_head: Head, text_head: Head, test: Sequence[Item], packages: Packages, cache: Path
) -> Iterator[str]:
    yield "  ".join(COMPARISON_COLUMNS)
    bitmaps = [item for item in test if item.source == "stamps"]
    for name, items in (("all held-out stamps", test), ("bitmaps alone", bitmaps)):
        captions, caption_of = unique_captions([item.captions[0] for item in items])
        features = torch.stack([item.views[0] for item in items])
        images = image_head(features).numpy()
        texts = text_head(text_features(captions, cache / "features")).numpy()
        (row,) = comparison([(name, evaluate_vectors(images, texts, caption_of))])
        yield "  ".join(row)
    yield from _languages(image_head, text_head, test, packages, cache)
    features, labels = _fashion(packages, cache / "features")
    images = image_head(features).numpy()
    prompts = [prompt.format(label) for label in LABELS for prompt in PROMPTS]
    vectors = text_head(text_features(prompts, cache / "features"))
    classes = normalize(vectors.view(len(LABELS), len(PROMPTS), -1).mean(dim=1), dim=1).numpy()
    near = slice(0, PRECISION_PICTURES)
    yield f"Fashion-MNIST zero-shot {100 * zero_shot_accuracy(images, labels, classes):.1f} %"
    yield f"Fashion-MNIST precision@5 {100 * precision_at(images[near], labels[near]):.1f} %"


def _languages(
    image_head: Head, text_head: Head, test: Sequence[Item], packages: Packages, cache: Path
) -> Iterator[str]:
    """The bitmaps asked for by their captions in each language that has one."""
    told = stamp_translations(packages.stamps)
    for language in LANGUAGES:
        pairs = [
            (item, translated[0])
            for item in test
            if item.source == "stamps" and (translated := told[item.captions[0]].get(language))
        ]
        captions, caption_of = unique_captions([caption for _, caption in pairs])
        images = image_head(torch.stack([item.views[0] for item, _ in pairs])).numpy()
        texts = text_head(text_features(captions, cache / "features")).numpy()
        (row,) = comparison([(language, evaluate_vectors(images, texts, caption_of))])
        yield "  ".join(row)


def _fashion(packages: Packages, cache: Path) -> tuple[torch.Tensor, NDArray[np.int64]]:
    pictures, labels = clothes_pictures(packages.fashion, ZERO_SHOT_PICTURES)
    file = cache / f"fashion-{len(pictures)}.npy"
    if not file.exists():
        tower, size = ImageTower(), (IMAGE_SIZE, IMAGE_SIZE)
        rows = [
            tower(Image.fromarray(picture).convert("RGB").resize(size, Image.Resampling.BICUBIC))
            for picture in pictures
        ]
        part = file.with_suffix(".part.npy")
        np.save(part, np.stack(rows))
        part.rename(file)
    return torch.from_numpy(np.load(file).astype(np.float32)), labels
