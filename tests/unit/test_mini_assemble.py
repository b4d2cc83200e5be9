"""The embedded model's checkpoint: stock, small, assembled once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, VisionTextDualEncoderModel

from core.encoder import load_encoder
from core.errors import ModelUnavailable
from core.mini.assemble import DIMENSION, HEADS, assemble, mini_folder
from core.mini.split import is_held_out
from core.types import PixelSpec

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembled checkpoint."""
    return mini_folder(tmp_path_factory.mktemp("models"))


def test_heads_in_the_repository_are_small_and_half_precision() -> None:
    """Only the heads are committed: about 1.3 MB."""
    heads = load_file(HEADS)
    assert heads["visual_projection"].shape == (DIMENSION, 1280)
    assert heads["text_projection"].shape == (DIMENSION, 384)
    assert {heads[name].dtype for name in ("visual_projection", "text_projection")} == {
        torch.float16
    }
    assert all(bool(tensor.isfinite().all()) for tensor in heads.values())
    assert HEADS.stat().st_size < 1_400_000


def test_it_is_a_stock_checkpoint(folder: Path) -> None:
    """AutoModel loads it without code of ours; 57 MB in half precision."""
    model = AutoModel.from_pretrained(folder)
    assert isinstance(model, VisionTextDualEncoderModel)
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 60_000_000
    heads = load_file(HEADS)
    assert torch.equal(model.visual_projection.weight, heads["visual_projection"])
    assert torch.equal(model.text_projection.weight, heads["text_projection"])


def test_others_may_read_it(folder: Path) -> None:
    """What one user assembled (an image built by root), another one can load."""
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in folder.iterdir())
    assert folder.stat().st_mode & 0o055 == 0o055


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
    heads["visual_projection"] = heads["visual_projection"] * 0.5
    save_file(heads, tmp_path / "heads.safetensors")
    other = mini_folder(folder.parent, tmp_path / "heads.safetensors")
    assert other != folder
    stored = load_file(other / "model.safetensors")["visual_projection.weight"]
    assert torch.equal(stored, heads["visual_projection"])


def test_two_processes_may_assemble_at_once(tmp_path: Path) -> None:
    """Both get the same whole folder, and nothing else is left behind."""
    program = (
        "import sys, pathlib\n"
        "from core.mini.assemble import mini_folder\n"
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
