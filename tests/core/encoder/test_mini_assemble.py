"""The embedded model's checkpoint: small, assembled once, and of our class."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from core.domain.errors import ModelUnavailable
from core.domain.types import PixelSpec
from core.encoder.hub import find_checkpoint
from core.encoder.load import load_encoder
from core.encoder.mini.assemble import DIMENSION, HEADS, assemble, mini_folder
from core.encoder.mini.modeling import MiniModel
from core.encoder.mini.split import is_held_out
from core.encoder.mini.towers import imagenet_classifier
from core.encoder.model import load_model, temperature

pytestmark = pytest.mark.model

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembled checkpoint."""
    return mini_folder(tmp_path_factory.mktemp("models"))


def test_heads_in_the_repository_are_small_and_half_precision() -> None:
    """Only the heads are committed: about 6.7 MB. No caption is in them."""
    heads = load_file(HEADS)
    bank, axes = len(heads["bank_features"]), len(heads["axes"])
    assert {name: tuple(tensor.shape) for name, tensor in heads.items()} == {
        "picture_head": (384, 1280 + 2 * 1000),
        "text_head": (384, 1792),
        "bank_features": (bank, 1792),
        "mean": (1280,),
        "axes": (axes, 1280),
        "logit_scale": (),
        "hub_mean": (),
    }
    assert bank > 500
    assert 384 + axes + 1 == DIMENSION
    assert {tensor.dtype for tensor in heads.values()} == {torch.float16}
    assert all(bool(tensor.isfinite().all()) for tensor in heads.values())
    assert HEADS.stat().st_size < 6_900_000


def test_it_holds_heads_and_classifier(folder: Path) -> None:
    """What the packages and the heads say, in 92 MB."""
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000_000
    model = load_model(find_checkpoint(str(folder)), torch.float32)
    assert type(model) is MiniModel
    heads, (classes, bias) = load_file(HEADS), imagenet_classifier()
    picture = model.visual_projection
    for stored, given in (
        (picture.head.weight, heads["picture_head"]),
        (picture.axes.weight, heads["axes"]),
        (picture.mean, heads["mean"]),
        (picture.classifier.weight, classes),
        (picture.classifier.bias, bias),
        (model.text_projection.head.weight, heads["text_head"]),
        (model.bank_features, heads["bank_features"]),
    ):
        assert torch.equal(stored, given.half().float())
    assert model.config.hub_mean == pytest.approx(float(heads["hub_mean"]))
    # The captions' vectors, but for what half precision leaves of them.
    bank = normalize(heads["bank_features"].float() @ heads["text_head"].float().T, dim=1)
    assert torch.allclose(picture.bank, bank, atol=5e-4)


def test_logits_stay_those_that_were_trained(folder: Path) -> None:
    """Whole vectors have smaller cosines than the heads': the factor makes up for it."""
    model = load_model(find_checkpoint(str(folder)), torch.float32)
    trained = float(load_file(HEADS)["logit_scale"].float().exp())
    assert temperature(model)[0] * model.head_cosine == pytest.approx(trained, rel=2e-3)


def test_the_encoder_takes_it(folder: Path) -> None:
    """The product's encoder reads padding, size and length from the folder."""
    encoder = load_encoder(str(folder), device="cpu")
    assert encoder.pixel_spec == PixelSpec(224, 224, fit="pad", resample=3)
    assert encoder.identity.dimension == DIMENSION
    assert encoder.pads_to_longest
    assert 1.0 < encoder.logit_scale <= 100.0
    texts = encoder.encode_texts(["a dog", "a puppy", "a fire engine"])
    assert texts[0] @ texts[1] > texts[0] @ texts[2] + 0.1
    white, black = np.full((224, 224, 3), 255, np.uint8), np.zeros((224, 224, 3), np.uint8)
    images = encoder.encode_images(np.stack([white, black]))
    assert np.linalg.norm(images, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert images[0] @ images[1] < 0.99


def test_the_second_call_finds_it_ready(folder: Path) -> None:
    """Nothing is written twice."""
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert mini_folder(folder.parent) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_new_heads_are_assembled_anew(folder: Path, tmp_path: Path) -> None:
    """Other heads make another folder, so that an update is taken up by itself."""
    heads = load_file(HEADS)
    heads["picture_head"] = heads["picture_head"] * 0.5
    save_file(heads, tmp_path / "heads.safetensors")
    other = mini_folder(folder.parent, tmp_path / "heads.safetensors")
    assert other != folder
    stored = load_file(other / "model.safetensors")["visual_projection.head.weight"]
    assert torch.equal(stored, heads["picture_head"])


def test_two_processes_may_assemble_at_once(tmp_path: Path) -> None:
    """Both get the same whole folder, and nothing else is left behind."""
    program = (
        "import sys, pathlib\n"
        "from core.encoder.mini.assemble import mini_folder\n"
        "print(mini_folder(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    found = {process.communicate(timeout=100)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert len(found) == 1
    (ready,) = found
    assert (Path(ready) / "model.safetensors").is_file()
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == [
        Path(ready).name
    ]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The error names the place and what to do; nothing half-done remains."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelUnavailable, match="cannot be assembled") as caught:
        assemble(tmp_path / "file" / "mini")
    assert caught.value.remedy


def test_missing_heads_are_told(tmp_path: Path) -> None:
    """Without heads there is no model, and the error says so."""
    with pytest.raises(ModelUnavailable, match="heads"):
        mini_folder(tmp_path, tmp_path / "missing.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_split_goes_by_the_caption_alone() -> None:
    """Case, stops and articles make no difference; the share is a fifth; seeds differ."""
    assert len({is_held_out(text) for text in ("A cow.", "the cow", "COW!")}) == 1
    captions = [f"caption {number}" for number in range(5000)]
    held = [is_held_out(caption) for caption in captions]
    assert 0.18 < np.mean(held) < 0.22
    assert held != [is_held_out(caption, seed=1) for caption in captions]
