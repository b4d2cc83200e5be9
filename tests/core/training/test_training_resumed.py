"""A stopped training goes on as if it had not been stopped; blocks are trained where asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.domain.errors import DamagedPicture, ModelUnavailable, SourceError
from core.domain.types import PixelSpec
from core.encoder.load import load_encoder
from core.training.base_model import FrozenTowers
from core.training.checkpoint import RECORD, picture_key, read_record
from core.training.evaluation import encode_pairs
from core.training.feature_cache import FeatureCache
from core.training.loop import Epoch
from core.training.options import Loss, TrainingOptions
from core.training.train import TrainingReport, train
from tests.checkpoints import tiny_align, tiny_clip, tiny_dual, tiny_mini, tiny_siglip
from tests.core.training.test_training import PAIRS, PICTURES, _one_thread, by_name, two_colours

pytestmark = pytest.mark.model

__all__ = ["_one_thread"]  # a fixture, taken by itself

OPTIONS = TrainingOptions(held_out=0.25, learning_rate=3e-3, epochs=4)


class Stopped(Exception):
    """Stands for whatever ends a process between two epochs."""


def stop_after(number: int) -> Callable[[Epoch], None]:
    """Told of epochs, it stops the training behind this one."""

    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == number:
            raise Stopped

    return on_epoch


def trained(
    base: Path, out: Path, options: TrainingOptions = OPTIONS, **more: Any
) -> TrainingReport:
    """Train on the two-coloured pictures."""
    return train(
        PAIRS,
        base,
        out,
        decode=two_colours,
        identify=by_name,
        options=options,
        device="cpu",
        **more,
    )


def files(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS,
        TrainingOptions(loss=Loss.MSE, held_out=0.25, epochs=4),
        TrainingOptions(held_out=0.25, learning_rate=3e-3, epochs=4, unfreeze=1),
    ],
    ids=["contrastive", "mse", "unfrozen"],
)
def test_a_stopped_training_goes_on_to_the_same_bytes(
    options: TrainingOptions, tmp_path: Path
) -> None:
    """Every file of the checkpoint equals that of a training which nothing stopped."""
    base = tiny_clip(tmp_path / "base")
    trained(base, tmp_path / "whole", options)
    out, epochs = tmp_path / "out", []
    with pytest.raises(Stopped):
        trained(base, out, options, on_epoch=stop_after(2))
    assert not out.exists()
    report = trained(base, out, options, resume=True, on_epoch=epochs.append)
    assert [epoch.number for epoch in epochs] == [3, 4]
    assert report.resumed == 2
    assert files(out) == files(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "out", "whole"]


def test_a_training_that_was_past_its_best_remembers_it(tmp_path: Path) -> None:
    """Stopped while patience runs out, it ends with the same epoch and the same heads."""
    base = tiny_clip(tmp_path / "base")
    options = TrainingOptions(held_out=0.25, learning_rate=0.05, epochs=20, patience=2, unfreeze=1)
    whole = trained(base, tmp_path / "whole", options)
    assert 0 < whole.best < whole.epochs < 20
    with pytest.raises(Stopped):
        trained(base, tmp_path / "out", options, on_epoch=stop_after(whole.best + 1))
    again = trained(base, tmp_path / "out", options, resume=True)
    assert (again.best, again.epochs) == (whole.best, whole.epochs)
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    # The best epoch's blocks and heads were written, not the last one's.
    record = read_record(tmp_path / "out")
    assert record is not None
    unseen = [p for p in PAIRS if picture_key(by_name(p[0])) not in record.learnt]
    encoder = load_encoder(str(tmp_path / "out"), device="cpu")
    measured = encode_pairs(encoder, unseen, two_colours).evaluation()
    assert measured.text_to_image == whole.after.text_to_image
    assert measured.positive_similarity == pytest.approx(whole.after.positive_similarity, abs=1e-4)


def test_without_resume_a_stopped_training_begins_anew(tmp_path: Path) -> None:
    """What was left of the one before changes nothing."""
    base, epochs = tiny_clip(tmp_path / "base"), []
    with pytest.raises(Stopped):
        trained(base, tmp_path / "out", on_epoch=stop_after(2))
    report = trained(base, tmp_path / "out", on_epoch=epochs.append)
    assert (epochs[0].number, report.resumed) == (0, 0)


def test_resuming_where_nothing_was_stopped_is_a_training(tmp_path: Path) -> None:
    """``--resume`` may be given always, as in a script that is started again and again."""
    assert trained(tiny_clip(tmp_path / "base"), tmp_path / "out", resume=True).resumed == 0


def test_another_training_is_not_resumed(tmp_path: Path) -> None:
    """Other options, another base or other captions are named, and nothing is overwritten."""
    base, out = tiny_clip(tmp_path / "base"), tmp_path / "out"
    with pytest.raises(Stopped):
        trained(base, out, on_epoch=stop_after(1))
    other = TrainingOptions(held_out=0.25, learning_rate=3e-3, epochs=4, seed=1)
    with pytest.raises(SourceError, match="with other options"):
        trained(base, out, other, resume=True)
    with pytest.raises(SourceError, match="with other base model"):
        trained(tiny_clip(tmp_path / "seed", seed=1), out, resume=True)
    with pytest.raises(SourceError, match="with other pictures or captions"):
        train(
            [(source, f"{caption}!") for source, caption in PAIRS],
            base, out, decode=two_colours, identify=by_name, options=OPTIONS, device="cpu",
            resume=True,
        )  # fmt: skip
    assert trained(base, out, resume=True).resumed == 1


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    """A file that is no state ends in cause and remedy."""
    base, out = tiny_clip(tmp_path / "base"), tmp_path / "out"
    with pytest.raises(Stopped):
        trained(base, out, on_epoch=stop_after(1))
    (state,) = (tmp_path / "out.training").iterdir()
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(SourceError, match="leave --resume out"):
        trained(base, out, resume=True)


def test_features_are_computed_once(tmp_path: Path) -> None:
    """A second training with the same cache decodes nothing, and its result is the same."""
    base, decoded = tiny_clip(tmp_path / "base"), []

    def counted(sources: Any, spec: PixelSpec) -> Any:
        decoded.extend(sources)
        return two_colours(sources, spec)

    for name in ("first", "second"):
        train(
            PAIRS, base, tmp_path / name, decode=counted, identify=by_name,
            options=OPTIONS, device="cpu", cache=tmp_path / "cache",
        )  # fmt: skip
        assert len(decoded) == len(PAIRS)
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_trained_heads_share_the_features_of_their_base(tmp_path: Path) -> None:
    """Features are those of the towers: a model with other heads finds them in the cache."""
    base = tiny_clip(tmp_path / "base")
    trained(base, tmp_path / "out")
    assert (
        FrozenTowers(base, device="cpu").digest()
        == FrozenTowers(tmp_path / "out", device="cpu").digest()
    )
    other = tiny_clip(tmp_path / "other", seed=1)
    assert FrozenTowers(other, device="cpu").digest() != FrozenTowers(base, device="cpu").digest()


def test_a_picture_with_several_captions_is_one_picture(tmp_path: Path) -> None:
    """It goes through the tower once, and never is on both sides of the split."""
    seen = []
    pairs = [
        (source, caption) for source in PICTURES[:20] for caption in (f"{source}", f"not {source}")
    ]

    def counted(sources: Any, spec: PixelSpec) -> Any:
        seen.extend(sources)
        return two_colours(sources, spec)

    report = train(
        pairs, tiny_clip(tmp_path / "base"), tmp_path / "out", decode=counted, identify=by_name,
        options=TrainingOptions(epochs=1, held_out=0.25), device="cpu",
    )  # fmt: skip
    assert len(seen) == 20
    record = read_record(tmp_path / "out")
    assert report.pairs == 40
    assert record is not None
    assert 2 * len(record.learnt) + report.held_out_pairs == 40


def test_the_checkpoint_remembers_which_pictures_it_has_seen(tmp_path: Path) -> None:
    """Those that it was trained with, and those of the model from which it was trained."""
    base = tiny_clip(tmp_path / "base")
    assert read_record(base) is None
    trained(base, tmp_path / "first")
    first = read_record(tmp_path / "first")
    assert first is not None
    keys = {picture_key(by_name(source)) for source in PICTURES}
    assert len(first.learnt) == len(PICTURES) - round(0.25 * len(PICTURES))
    assert first.learnt < keys
    other = TrainingOptions(held_out=0.25, epochs=1, seed=5)
    trained(tmp_path / "first", tmp_path / "second", other)
    second = read_record(tmp_path / "second")
    assert second is not None
    assert first.learnt < second.learnt < keys
    (tmp_path / "second" / RECORD).write_text("{")
    with pytest.raises(ModelUnavailable, match="which pictures"):
        read_record(tmp_path / "second")


def test_unfrozen_blocks_are_trained_and_nothing_before_them(tmp_path: Path) -> None:
    """The last block of the image tower, the heads and the temperature change; no more."""
    base = tiny_clip(tmp_path / "base")
    options = TrainingOptions(held_out=0.25, learning_rate=3e-3, epochs=6, unfreeze=1)
    report = trained(base, tmp_path / "out", options, cache=tmp_path / "cache")
    before, after = (load_file(f / "model.safetensors") for f in (base, tmp_path / "out"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    block = {name for name in before if name.startswith("vision_model.encoder.layers.1.")}
    heads = {"visual_projection.weight", "text_projection.weight", "logit_scale"}
    assert report.best > 0
    assert changed <= block | heads
    assert len(changed & block) > 10
    # What the written model says is what was measured while it was trained.
    measured, towers = load_encoder(str(tmp_path / "out"), device="cpu"), FrozenTowers(base)
    digest = towers.digest()
    with FeatureCache(tmp_path / "cache") as cache:
        assert not cache.has(f"{digest}/before the last 1 blocks", [by_name(PICTURES[0])])
        assert cache.has(f"{digest}/pictures", [by_name(PICTURES[0])])
    assert measured.identity.fingerprint != load_encoder(str(base)).identity.fingerprint


@pytest.mark.parametrize("build", [tiny_clip, tiny_dual, tiny_mini, tiny_siglip, tiny_align])
def test_replayed_blocks_give_the_features_of_the_whole_tower(
    build: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Transformers and convolutions alike; gradients reach the last block alone."""
    towers = FrozenTowers(build(tmp_path / "base"), device="cpu")
    pixels = np.stack(list(two_colours(PICTURES[:5], towers.pixel_spec)))
    whole = towers.image_features(pixels)
    tail = towers.tail(1)
    replayed = tail.features(towers.recorded(tail, pixels))
    assert torch.allclose(replayed, whole, atol=1e-4 * float(whole.abs().max()))
    replayed.square().sum().backward()
    assert all(weight.grad is not None for weight in tail.parameters)
    # The tower is whole again afterwards.
    assert torch.equal(towers.image_features(pixels), whole)


def test_more_blocks_than_there_are_cannot_be_unfrozen(tmp_path: Path) -> None:
    """The remedy names how many there are."""
    with pytest.raises(ModelUnavailable, match="from 1 to 1 blocks"):
        trained(tiny_clip(tmp_path / "base"), tmp_path / "out", TrainingOptions(unfreeze=2))


def test_a_damaged_cache_is_replaced(tmp_path: Path) -> None:
    """Everything in it can be made again."""
    rows = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    with FeatureCache(tmp_path) as cache:
        cache.write("tower", ["a", "b", "c"], rows)
    with FeatureCache(tmp_path) as cache:
        assert np.array_equal(cache.read("tower", ["c", "a", "c"]), rows[[2, 0, 2]])
        assert not cache.has("tower", ["a", "d"])
        assert not cache.has("another tower", ["a"])
        cache.forget("tower")
        assert not cache.has("tower", ["a"])
    (tmp_path / "features.sqlite").write_bytes(b"no database, but long enough to be read" * 50)
    with FeatureCache(tmp_path) as cache:
        cache.write("tower", ["a"], rows[:1])
        assert cache.has("tower", ["a"])
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="cannot be kept"):
        FeatureCache(tmp_path / "file")


def test_bad_pictures_are_named_once_however_often_they_are_tried(tmp_path: Path) -> None:
    """With unfrozen blocks pictures are decoded twice; the report is not doubled."""
    bad = []
    report = train(
        [(("", ""), "broken"), *PAIRS], tiny_clip(tmp_path / "base"), tmp_path / "out",
        decode=two_colours, identify=by_name, options=TrainingOptions(epochs=1, unfreeze=1),
        device="cpu", on_bad_picture=lambda source, error: bad.append((source, type(error))),
    )  # fmt: skip
    assert report.pairs == len(PAIRS)
    assert bad == [(("", ""), DamagedPicture)]
