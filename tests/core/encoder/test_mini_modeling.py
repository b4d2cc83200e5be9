"""The class of the embedded model: what its vectors are made of."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from core.encoder.hub import find_checkpoint
from core.encoder.load import load_encoder
from core.encoder.mini.modeling import MODEL_TYPE, MiniConfig, MiniModel
from core.encoder.model import load_model, temperature
from core.training.base_model import FrozenTowers
from core.training.heads import Head, Heads
from tests.checkpoints import EDGE, tiny_mini

pytestmark = pytest.mark.model

TEXTS = ["a small dog", "an old map of the harbour", "orange fruits", "x"]
SEEN = 30
"""Numbers of the tiny model's vectors that texts see, of 40."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint of this class."""
    return tiny_mini(tmp_path_factory.mktemp("checkpoint") / "model")


@pytest.fixture
def model(folder: Path) -> MiniModel:
    """It, loaded as the program loads it."""
    loaded = load_model(find_checkpoint(str(folder)), torch.float32)
    assert type(loaded) is MiniModel
    loaded.requires_grad_(requires_grad=False)
    return loaded


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def features(model: MiniModel, count: int = 50) -> torch.Tensor:
    """What an image tower might say: some features at zero, none below."""
    return drawn(count, model.vision_embed_dim).relu()


def worded(model: MiniModel, count: int = 20) -> torch.Tensor:
    """What a text tower might say."""
    return drawn(count, model.text_embed_dim, seed=1)


def linear_vectors(model: MiniModel, pictures: torch.Tensor, texts: torch.Tensor) -> Any:
    """The unit vectors v and t of the linear heads."""
    picture = model.visual_projection
    v = normalize(picture.head(picture.seen(pictures)), dim=1)
    return v, normalize(model.text_projection.head(texts), dim=1)


def test_vectors_have_length_one(model: MiniModel) -> None:
    """Pictures and texts alike, so that an inner product is a cosine."""
    pictures = model.visual_projection(features(model))
    texts = model.text_projection(worded(model))
    assert pictures.shape[1] == texts.shape[1] == model.config.projection_dim
    for vectors in (pictures, texts):
        assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)


def test_a_cosine_is_the_formula(model: MiniModel) -> None:
    """It is alpha s (t · v) - a gamma (h - h0), whatever the pictures look like."""
    config, picture = model.config, model.visual_projection
    a, alpha, beta, tau = (
        config.text_hub,
        config.meaning,
        config.hub_weight,
        config.hub_temperature,
    )
    pictures, texts = features(model), worded(model)
    v, t = linear_vectors(model, pictures, texts)
    s = math.sqrt(1 - a**2)
    near = (v @ normalize(model.text_projection.head(model.bank_features), dim=1).T) / tau
    over = tau * near.exp().sum(dim=1).log() - config.hub_mean
    gamma = beta * alpha * s / a
    bounded = (gamma * over).clamp(-0.5, 0.5)
    expected = alpha * s * (t @ v.T) - a * bounded
    assert torch.allclose(model.text_projection(texts) @ picture(pictures).T, expected, atol=1e-5)
    assert float((gamma * over).abs().min()) < 0.5, "no picture is within the bound"
    assert model.head_cosine == pytest.approx(alpha * s)


def test_what_the_classifier_says_goes_in(model: MiniModel) -> None:
    """Features, the classes' probabilities and their roots, in this order."""
    picture, pictures = model.visual_projection, features(model, 3)
    chances = (pictures @ picture.classifier.weight.T + picture.classifier.bias).softmax(dim=1)
    expected = torch.cat([pictures, chances, chances.sqrt()], dim=1)
    assert torch.allclose(picture.seen(pictures), expected, atol=1e-5)


def test_an_impossible_class_has_a_slope(model: MiniModel) -> None:
    """A probability that is 0 in float32 leaves gradients that are numbers."""
    picture = model.visual_projection
    picture.classifier.bias[0] = -1000.0
    pictures = features(model, 3).requires_grad_()
    found = picture.seen(pictures)
    found.sum().backward()
    assert float(found.detach()[:, pictures.shape[1]].max()) == 0.0
    assert pictures.grad is not None
    assert bool(pictures.grad.isfinite().all())


def test_what_texts_do_not_see_is_nothing_to_them(model: MiniModel) -> None:
    """Other axes move pictures among themselves, and no picture among texts."""
    picture, pictures = model.visual_projection, features(model)
    texts = model.text_projection(worded(model))
    before = picture(pictures)
    picture.axes.weight.copy_(drawn(*picture.axes.weight.shape, seed=5))
    after = picture(pictures)
    assert torch.allclose(texts @ before.T, texts @ after.T, atol=1e-6)
    assert float((before @ before.T - after @ after.T).abs().max()) > 0.05


def test_the_look_is_of_whitened_logarithms(model: MiniModel) -> None:
    """Pictures of equal features up to a factor do not look alike; the mean picture is centred."""
    picture, pictures = model.visual_projection, features(model, 4)
    logarithms = normalize((1 + 20 * pictures).log(), dim=1)
    picture.mean.copy_(logarithms.mean(dim=0))
    expected = normalize((logarithms - picture.mean) @ picture.axes.weight.T, dim=1)
    assert torch.allclose(picture.look(pictures), expected, atol=1e-5)


def test_a_hub_is_lowered(model: MiniModel) -> None:
    """Of two pictures as near to a query, the one that is near many captions comes second."""
    picture = model.visual_projection
    query, common, rare = torch.linalg.qr(drawn(SEEN, 3, seed=3)).Q.T
    picture.bank.copy_(normalize(common + 0.1 * drawn(*picture.bank.shape, seed=4), dim=1))
    meanings = normalize(torch.stack([query + common, query + rare]), dim=1)
    assert meanings @ query == pytest.approx(math.sqrt(0.5), abs=1e-5)
    # Two pictures whose meanings are these: the head hands two features on.
    picture.head.weight.zero_()
    picture.head.weight[:, :2] = meanings.T
    found = picture(torch.eye(model.vision_embed_dim)[:2])
    text = torch.zeros(model.config.projection_dim)
    text[:SEEN], text[-1] = model.config.text_meaning * query, model.config.text_hub
    hub, other = (found @ text).tolist()
    assert hub < other - 0.05
    assert found[:, :SEEN] @ query == pytest.approx(model.config.meaning * math.sqrt(0.5), abs=1e-5)


def test_far_hubs_are_bounded(model: MiniModel) -> None:
    """However far from the mean a picture's hub is, something is left of what it looks like."""
    picture, pictures = model.visual_projection, features(model)
    for mean in (-5.0, 5.0):
        picture._hub_mean = mean
        found = picture(pictures)
        assert torch.allclose(found.norm(dim=1), torch.ones(len(found)), atol=1e-5)
        assert torch.allclose(found[:, -1], torch.full((len(found),), math.copysign(0.5, mean)))
        assert float(found[:, SEEN:-1].norm(dim=1).min()) > 0.6


def test_the_bank_follows_the_text_head(folder: Path, tmp_path: Path) -> None:
    """A trained text head moves the captions behind the hub, and nothing else of the model."""
    towers = FrozenTowers(folder, device="cpu")
    digest, start = towers.digest(), towers.heads
    assert start.image is not None
    assert start.text is not None
    assert start.image.weight.shape == (SEEN, 320 + 2 * 20)
    assert start.text.weight.shape == (SEEN, 48)
    text = Head(drawn(*start.text.weight.shape, seed=9))
    towers.save(Heads(start.image, text, 7.0), tmp_path / "out")
    after = load_model(find_checkpoint(str(tmp_path / "out")), torch.float32)
    assert type(after) is MiniModel
    expected = normalize(after.bank_features @ text.weight.T, dim=1)
    assert torch.allclose(after.visual_projection.bank, expected, atol=1e-6)
    assert temperature(after)[0] == pytest.approx(7.0 / after.head_cosine, rel=1e-5)
    files = [load_file(place / "model.safetensors") for place in (folder, tmp_path / "out")]
    changed = {name for name in files[0] if not torch.equal(files[0][name], files[1][name])}
    assert changed == {"text_projection.head.weight", "visual_projection.bank", "logit_scale"}
    again = FrozenTowers(tmp_path / "out", device="cpu")
    assert again.digest() == digest
    assert again.heads.logit_scale == pytest.approx(7.0, rel=1e-5)


def test_features_in_front_of_the_heads_are_the_models_own(folder: Path) -> None:
    """Heads over tapped features give the first part of the encoder's vectors, but for length."""
    towers, encoder = FrozenTowers(folder, device="cpu"), load_encoder(str(folder), device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (5, EDGE, EDGE, 3), dtype=np.uint8)
    pictures = towers.heads.image_vectors(towers.image_features(pixels))
    texts = towers.heads.text_vectors(towers.text_features(TEXTS))
    config = MiniConfig.from_pretrained(folder)
    found = torch.from_numpy(encoder.encode_images(pixels)[:, :SEEN]) / config.meaning
    assert torch.allclose(found, pictures, atol=1e-5)
    found = torch.from_numpy(encoder.encode_texts(TEXTS)[:, :SEEN]) / config.text_meaning
    assert torch.allclose(found, texts, atol=1e-5)
    assert towers.heads.logit_scale == pytest.approx(
        encoder.logit_scale * config.meaning * config.text_meaning
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_heads_compute_in_float32(folder: Path, model: MiniModel, dtype: torch.dtype) -> None:
    """Whatever the towers compute in: only what is stored is rounded."""
    rounded = load_model(find_checkpoint(str(folder)), dtype).requires_grad_(requires_grad=False)
    assert rounded.dtype == dtype
    pictures, texts = features(model).to(dtype), worded(model).to(dtype)
    pairs = (
        (rounded.visual_projection(pictures), model.visual_projection(pictures)),
        (rounded.text_projection(texts), model.text_projection(texts)),
    )
    for ours, exact in pairs:
        assert ours.dtype == torch.float32
        assert float((ours * exact).sum(dim=1).min()) > (0.9999 if dtype is torch.float16 else 0.99)


def test_a_checkpoint_of_this_type_loads_our_class_alone(tmp_path: Path) -> None:
    """Code that comes in such a folder is not looked at, whatever its configuration says."""
    folder, witness = tiny_mini(tmp_path / "model"), tmp_path / "witness"
    (folder / "code.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == MODEL_TYPE
    config["auto_map"] = {"AutoConfig": "code.MiniConfig", "AutoModel": "code.MiniModel"}
    (folder / "config.json").write_text(json.dumps(config))
    loaded = load_model(find_checkpoint(str(folder)), torch.float32)
    assert type(loaded) is MiniModel
    assert type(loaded.config) is MiniConfig
    assert not witness.exists()
