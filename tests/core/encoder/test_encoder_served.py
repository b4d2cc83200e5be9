"""An exported encoder is opened again as it was, without torch's or transformers' part in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from core.domain.types import ModelIdentity, PixelSpec
from core.encoder.build import Steps
from core.encoder.choice import EncoderChoice
from core.encoder.hub import Checkpoint
from core.encoder.known import KnownEncoder, KnownEncoders
from core.encoder.load import TransformersEncoder, load_encoder
from core.encoder.tokenizer import TextTokens
from tests.checkpoints import EDGE, tiny_clip, tiny_dual, tiny_mini, tiny_siglip
from tests.vocabularies import bert_tokenizer

pytestmark = pytest.mark.model

TEXTS = ["a red dog", "ein großer Käfer 🐯", "", "two small blue birds on an old tree " * 30]
PIXELS = np.random.default_rng(2).integers(0, 256, (3, EDGE, EDGE, 3), dtype=np.uint8)


def never(*_: object) -> NoReturn:
    """What is not asked again."""
    raise AssertionError


def load(folder: Path, exports: Path, *, again: bool = False) -> TransformersEncoder:
    """On ONNX Runtime; ``again``: the model is neither loaded nor tried."""
    steps = Steps(load=never, compare=never) if again else Steps()
    return load_encoder(
        str(folder), backend="onnx", precision="float32", threads=1, exports=exports, steps=steps
    )


@pytest.mark.parametrize("made", [tiny_clip, tiny_siglip, tiny_dual, tiny_mini])
def test_an_export_serves_as_it_did_when_it_was_made(
    made: Callable[[Path], Path], tmp_path: Path
) -> None:
    """The same vectors, identity and choice, by a tokenizer that is not that of transformers."""
    folder, exports = made(tmp_path / "model"), tmp_path / "encoder"
    first = load(folder, exports)
    assert first.choice.runs_from_export
    moved = tmp_path / "elsewhere" / folder.name
    moved.parent.mkdir()
    folder.rename(moved)
    # Under the name that it had: that is a part of its identity.
    folder.symlink_to(moved)
    second = load(folder, exports, again=True)
    assert "transformers" not in type(second._tokens._tokenizer).__module__
    assert (second.identity, second.choice) == (first.identity, first.choice)
    assert second.pads_to_longest is first.pads_to_longest
    assert second.packs_texts is first.packs_texts
    assert second.logit_scale == first.logit_scale
    np.testing.assert_array_equal(second.encode_texts(TEXTS), first.encode_texts(TEXTS))
    np.testing.assert_array_equal(second.encode_images(PIXELS), first.encode_images(PIXELS))


def test_other_weights_are_another_export(tmp_path: Path) -> None:
    """Under the same name, of the same sizes: their time tells."""
    folder, exports = tiny_clip(tmp_path / "model"), tmp_path / "encoder"
    first = load(folder, exports)
    tiny_clip(folder, seed=1)
    weights = folder / "model.safetensors"
    later = weights.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(later, later))
    second = load(folder, exports)
    assert second.identity.fingerprint != first.identity.fingerprint


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_tokenizer_is_exported_with_its_settings(tmp_path: Path, side: str) -> None:
    """On which side it pads and cuts stands in no file of its Rust half."""
    folder, out = bert_tokenizer(tmp_path / "model"), tmp_path / "export"
    (folder / "config.json").write_text('{"model_type": "bert"}')
    settings = folder / "tokenizer_config.json"
    told = {**json.loads(settings.read_text()), "padding_side": side, "truncation_side": side}
    settings.write_text(json.dumps(told))
    out.mkdir()
    original = TextTokens.load(folder, 9)
    facts = original.export(out, folder)
    assert facts is not None
    ours = TextTokens.exported(out, facts, 9)
    rows = ours.tokenize(TEXTS)
    assert rows == original.tokenize(TEXTS)
    for name, array in original.pad(rows, 9).items():
        np.testing.assert_array_equal(ours.pad(rows, 9)[name], array)


def test_a_tokenizer_that_is_no_rust_inside_is_not_exported(tmp_path: Path) -> None:
    """Then transformers goes on loading the model."""
    folder, out = bert_tokenizer(tmp_path / "model"), tmp_path / "export"
    (folder / "config.json").write_text('{"model_type": "bert"}')
    out.mkdir()
    original = TextTokens.load(folder, 9)
    whole = original._tokenizer

    class Slow(type(whole)):  # type: ignore[misc]  # a class that is known at run time alone
        """Without the half that could be taken along."""

        backend_tokenizer = None

    Slow.__module__ = type(whole).__module__
    whole.__class__ = Slow
    assert original.export(out, folder) is None


@pytest.mark.parametrize(("checkable", "found"), [(True, False), (False, True)])
def test_a_check_is_waited_for_where_it_could_change_the_choice(
    tmp_path: Path, *, checkable: bool, found: bool
) -> None:
    """A collection that grew large enough to check integers on is no reason to begin anew else."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    checkpoint = Checkpoint("m", tmp_path / "model", ())

    def known(check: str | None) -> KnownEncoders:
        wish = {"name": "m", "device": "cpu", "backend": "auto", "precision": "auto"}
        return KnownEncoders(tmp_path, checkpoint, **wish, threads=1, check=check)

    encoder = KnownEncoder(
        identity=ModelIdentity("m", "f" * 64, 2),
        pixel_spec=PixelSpec(4, 4, "stretch"),
        device="cpu",
        logit_scale=17.0,
        packs_texts=False,
        choice=EncoderChoice("onnx", "float32"),
        export="key",
        checkable=checkable,
    )
    known(None).keep(encoder)
    assert known(None).find() == encoder
    assert (known("pictures").find() == encoder) is found
