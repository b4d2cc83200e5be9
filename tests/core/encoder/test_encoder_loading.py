"""A model is loaded whole, from where it is, without running its code; or the reason is told."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel
from transformers.utils import logging

from core.domain.errors import ModelUnavailable
from core.encoder import load as encoder_module
from core.encoder.build import STEPS, EncoderBuilder
from core.encoder.hub import find_checkpoint
from core.encoder.load import load_encoder
from core.encoder.model import temperature
from core.encoder.preprocessor_config import read_preprocessing
from core.encoder.transformers_logging import quiet
from tests.checkpoints import tiny_dual, tiny_siglip
from tests.vocabularies import bert_tokenizer

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good checkpoint, which nobody changes."""
    return tiny_dual(tmp_path_factory.mktemp("checkpoint") / "model")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(original, tmp_path / "model")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file."""
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def refusal(model: Path | str, **options: Any) -> ModelUnavailable:
    """The error of loading ``model``: a cause and a remedy, one line each."""
    with pytest.raises(ModelUnavailable) as caught:
        load_encoder(str(model), **{"device": "cpu", **options})
    error = caught.value
    for line in (error.message, error.remedy):
        assert line.endswith((".", ")."))
        assert "\n" not in line
    return error


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/nowhere", "a/b/c", "a b"])
def test_a_folder_that_is_not_there_is_named(name: str) -> None:
    """What looks like a path is never looked up on the hub."""
    error = refusal(name)
    assert "does not exist" in error.message
    assert name in error.message
    assert "TANGERINE_MODEL=mini" in error.remedy


def test_a_file_is_no_model(original: Path) -> None:
    """Somebody who names the weights is told to name their folder."""
    assert "is a file" in refusal(original / "model.safetensors").message


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "weights (model.safetensors) missing"),
        ("preprocessor_config.json", "preprocessor_config.json missing"),
        ("vocab.txt", "a tokenizer"),
    ],
)
def test_an_incomplete_folder_says_what_is_missing(folder: Path, missing: str, words: str) -> None:
    """Every file that a model cannot do without is asked for by name."""
    (folder / missing).unlink()
    assert words in refusal(folder).message


def test_a_single_tower_is_no_dual_encoder(tmp_path: Path) -> None:
    """A text model alone cannot search pictures; it is refused before its weights are read."""
    folder = tmp_path / "bert"
    with quiet():
        BertModel(BertConfig(vocab_size=200, hidden_size=8, num_attention_heads=1)).save_pretrained(
            folder
        )
    bert_tokenizer(folder)
    shutil.copy(tiny_dual(tmp_path / "dual") / "preprocessor_config.json", folder)
    assert "is no dual encoder" in refusal(folder).message


@pytest.mark.parametrize("bars", [True, False])
def test_transformers_says_as_much_afterwards_as_before(bars: bool) -> None:
    """Nothing inside; a program around ours keeps its own choice, also where loading fails."""
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    change = logging.enable_progress_bar if bars else logging.disable_progress_bar
    try:
        logging.set_verbosity_info()
        change()
        with contextlib.suppress(ZeroDivisionError), quiet():
            assert logging.get_verbosity() == logging.CRITICAL
            assert not logging.is_progress_bar_enabled()
            raise ZeroDivisionError
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled() is bars
    finally:
        logging.set_verbosity(before[0])
        if before[1]:
            logging.enable_progress_bar()


def test_the_code_of_a_model_is_never_run(folder: Path, tmp_path: Path) -> None:
    """A checkpoint that brings Python along is refused, and its Python stays unread."""
    witness = tmp_path / "witness"
    (folder / "code.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    code = {"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    edit(folder / "config.json", lambda config: config.update(auto_map=code, model_type="own"))
    assert "code that comes with a model is never run" in refusal(folder).message
    assert not witness.exists()


def test_missing_weights_are_not_made_up(folder: Path) -> None:
    """Transformers would draw them at random and go on."""
    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    error = refusal(folder)
    assert "lacks 1 of its weights" in error.message
    assert "text_projection.weight" in error.message


def test_damaged_weights_are_an_error_of_the_model(folder: Path) -> None:
    """Half a file is not a traceback."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be loaded" in refusal(folder).message


def test_damaged_tokenizer_is_an_error_of_the_model(tmp_path: Path) -> None:
    """A vocabulary that does not parse is not a traceback either."""
    folder = tiny_siglip(tmp_path / "model")
    (folder / "tokenizer.json").write_text("{")
    assert "tokenizer" in refusal(folder).message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_processor_type": "Siglip2ImageProcessor"}, "not supported"),
        ({"size": {"shortest_edge": 32}}, "different shapes"),
        ({"do_resize": False}, "different shapes"),
        ({"size": {"shortest_edge": 32, "longest_edge": 64}, "do_center_crop": True}, "not known"),
        ({"do_pad": True, "pad_size": {"height": 40, "width": 40}}, "more than scale"),
        ({"tangerine_fit": "squeeze"}, "squeeze"),
        ({"tangerine_fit": "pad", "do_resize": False}, "needs a size"),
        ({"image_processor_type": "NoSuchProcessor"}, "cannot be read"),
    ],
)
def test_unknown_preprocessing_is_refused(
    folder: Path, change: dict[str, object], words: str
) -> None:
    """Whatever a pixel spec cannot do exactly is refused, not approximated."""
    edit(folder / "preprocessor_config.json", lambda config: config.update(change))
    assert words in refusal(folder).message


def test_pictures_of_another_size_than_the_towers_are_refused(folder: Path) -> None:
    """A preprocessing that does not fit the model is found when it is loaded."""
    size = {"size": {"height": 48, "width": 48}}
    edit(folder / "preprocessor_config.json", lambda config: config.update(size))
    assert "does not run on what its own files prescribe" in refusal(folder).message


def test_a_wrong_device_or_precision_is_told(folder: Path) -> None:
    """The remedy names what is allowed."""
    assert "precision" in refusal(folder, precision="float8").message
    assert "auto, cpu or cuda" in refusal(folder, device="toaster").remedy
    assert "no such GPU" in refusal(folder, device="cuda:99").message


def test_a_model_that_overflows_in_half_precision_runs_in_single(
    folder: Path,
) -> None:
    """Where float16 was our choice it is taken back; where it was the user's, that is told."""
    weights = load_file(folder / "model.safetensors")
    # Beyond 65,504, the largest number of float16, but not of float32.
    weights["text_projection.weight"] *= 1e5
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "overflows" in refusal(folder, precision="float16").message
    # What "auto" means on a GPU, on the device that is here.
    preprocessing = read_preprocessing(folder)
    workshop = EncoderBuilder(
        find_checkpoint(str(folder)),
        preprocessing,
        "0",
        name="x",
        device=torch.device("cpu"),
        threads=None,
        max_batch=None,
        exports=None,
    )
    encoder = encoder_module._on_gpu(workshop, "auto", "auto", STEPS)
    assert encoder.precision == "float32"
    assert np.isfinite(encoder.encode_texts(["a red dog"])).all()


def test_the_name_may_be_given(folder: Path) -> None:
    """Whoever assembled the folder says what the model is called."""
    assert load_encoder(str(folder), name="mini", device="cpu").identity.name == "mini"


def test_the_fingerprint_is_that_of_the_contents(original: Path, folder: Path) -> None:
    """Place, time and the version that saved a model do not count; what makes vectors does."""

    def fingerprint(path: Path) -> str:
        return load_encoder(str(path), device="cpu").identity.fingerprint

    first = fingerprint(original)
    assert len(bytes.fromhex(first)) == 32
    edit(folder / "config.json", lambda config: config.update(transformers_version="9.9.9"))
    assert fingerprint(folder) == first
    assert fingerprint(tiny_dual(folder.parent / "again")) == first
    assert fingerprint(tiny_dual(folder.parent / "other", seed=1)) != first
    edit(folder / "preprocessor_config.json", lambda config: config.update(resample=3))
    second = fingerprint(folder)
    assert second != first
    with (folder / "vocab.txt").open("a") as vocabulary:
        vocabulary.write("tangerine\n")
    assert fingerprint(folder) not in {first, second}


def test_shards_are_read_and_counted(original: Path, folder: Path) -> None:
    """Weights in several files are as good as one; a lost shard is missed."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards: dict[str, dict[str, Any]] = {"model-00001-of-00002.safetensors": {}}
    shards["model-00002-of-00002.safetensors"] = {}
    index = {}
    for number, (name, weight) in enumerate(weights.items()):
        shard = sorted(shards)[number % 2]
        shards[shard][name] = weight
        index[name] = shard
    for shard, content in shards.items():
        save_file(content, folder / shard, metadata={"format": "pt"})
    text = json.dumps({"metadata": {"total_size": 0}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(text)
    ours, theirs = (load_encoder(str(path), device="cpu") for path in (folder, original))
    texts = ["a red dog", "two cats"]
    assert (ours.encode_texts(texts) == theirs.encode_texts(texts)).all()
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "weights (model.safetensors) missing" in refusal(folder).message


def test_loading_is_silent_and_changes_no_setting(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No bar, no warning; and the host's own settings of transformers are as before."""
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    load_encoder(str(folder), device="cpu")
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_model_without_a_temperature_has_clips() -> None:
    """100 is where CLIP's own is clamped."""
    assert temperature(object()) == (100.0, 0.0)
