"""Projection heads: what they are trained by, and the checkpoint that comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from core.domain.errors import BadPicture, DamagedPicture, ModelUnavailable, SourceError
from core.domain.types import Pixels, PixelSpec
from core.encoder.load import load_encoder
from core.images.resize import fit_pixels
from core.training.base_model import FrozenTowers
from core.training.evaluation import encode_pairs
from core.training.heads import Head, Heads, contrastive_loss, mse_loss, near_duplicates, rms
from core.training.loop import Epoch, Material, TrainingLoop
from core.training.options import HeadSettings, Loss, TrainingOptions
from core.training.train import TrainingReport, train
from core.training.trainer import HeadTrainer, TrainingSet
from recipes.mini.ridge import ridge
from tests.checkpoints import tiny_align, tiny_clip, tiny_dual, tiny_siglip
from tests.fakes import COLOURS

pytestmark = pytest.mark.model

PICTURES = list(product(list(COLOURS)[:7], repeat=2))
PAIRS = [(colours, f"{colours[0]} above {colours[1]}") for colours in PICTURES]

Builder = Callable[[Path], Path]
Trained = tuple[Path, Path, list[Epoch], TrainingReport]


def two_colours(sources: Sequence[tuple[str, str]], spec: PixelSpec) -> list[Pixels | BadPicture]:
    """One colour above another; a pair with an empty name cannot be decoded."""
    decoded: list[Pixels | BadPicture] = []
    for above, below in sources:
        if not above:
            decoded.append(DamagedPicture("Broken."))
            continue
        image = Image.new("RGB", (40, 40), COLOURS[above])
        image.paste(COLOURS[below], (0, 20, 40, 40))
        decoded.append(fit_pixels(image, spec))
    return decoded


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tensors this small are only slowed down by a second thread, and much where cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def by_name(source: tuple[str, str]) -> str:
    """A hash of what the picture shows."""
    return hashlib.sha256(repr(source).encode()).hexdigest()


def unit_rows(count: int, seed: int = 0, dimension: int = 8) -> torch.Tensor:
    """Random rows of length 1."""
    rows = torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=1)


def test_contrastive_loss_is_cross_entropy_both_ways() -> None:
    """Without duplicates it equals torch's own cross-entropy over rows and over columns."""
    images, texts = unit_rows(6), unit_rows(6, seed=1)
    logits = 10.0 * images @ texts.T
    right = torch.arange(6)
    expected = (
        torch.nn.functional.cross_entropy(logits, right)
        + torch.nn.functional.cross_entropy(logits.T, right)
    ) / 2
    found = contrastive_loss(images, texts, torch.tensor(10.0), torch.zeros(6, 6).bool())
    assert found == pytest.approx(float(expected), abs=1e-5)


def test_duplicate_captions_are_no_negatives() -> None:
    """A picture is not pushed away from another caption that would be right for it too."""
    images = unit_rows(3).requires_grad_()
    texts = unit_rows(3, seed=1)
    texts[1] = texts[0]
    duplicates = near_duplicates(texts, 0.95)
    assert duplicates.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    contrastive_loss(images[:2], texts[:2], torch.tensor(10.0), duplicates[:2, :2]).backward()
    assert images.grad is not None
    assert float(images.grad.abs().max()) == pytest.approx(0.0, abs=1e-6)


def test_mse_is_least_where_vectors_coincide() -> None:
    """0 for equal, 2 for orthogonal, 4 for opposite unit vectors."""
    rows = torch.eye(4)
    assert float(mse_loss(rows, rows)) == 0.0
    assert float(mse_loss(rows, rows.roll(1, 0))) == 2.0
    assert float(mse_loss(rows, -rows)) == 4.0


def test_ridge_finds_the_map_and_shrinks_with_strength() -> None:
    """With almost no penalty it recovers a linear map; with a large one it goes to zero."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 6, generator=generator)
    true = torch.randn(3, 6, generator=generator)
    ones = torch.ones(200)
    assert torch.allclose(ridge(features, features @ true.T, 1e-9, ones), true, atol=1e-4)
    assert float(ridge(features, features @ true.T, 1e6, ones).abs().max()) < 1e-4


def test_ridge_weights_count_rows() -> None:
    """A row of weight 2 counts as two rows; one of weight 0 does not count."""
    features, targets = unit_rows(10, dimension=4), unit_rows(10, seed=1, dimension=3)
    weights = torch.tensor([2.0, 0.0, *[1.0] * 8])
    doubled = torch.cat([features[:1], features[:1], features[2:]])
    same = ridge(
        doubled, torch.cat([targets[:1], targets[:1], targets[2:]]), 0.1, torch.ones(len(doubled))
    )
    assert torch.allclose(ridge(features, targets, 0.1, weights), same, atol=1e-5)


def training_set(count: int = 40) -> TrainingSet:
    """Random pairs whose image features differ a million times in scale."""
    images = torch.randn(count, 12, generator=torch.Generator().manual_seed(3))
    images = images * torch.logspace(-3, 3, 12)
    texts = unit_rows(count, seed=4)
    each = torch.arange(count)[:, None]
    return TrainingSet(images, texts, each, each, torch.ones(count), texts)


def test_untrained_heads_come_out_as_they_went_in() -> None:
    """Scaling by the features' RMS is folded in and out without a trace."""
    data = training_set()
    start = Heads(Head(unit_rows(8, dimension=12)), Head(torch.eye(8)), 20.0)
    heads = HeadTrainer(data, start, HeadSettings()).heads
    assert heads.image is not None
    assert heads.text is not None
    assert heads.image.weight == pytest.approx(start.image.weight.numpy(), rel=1e-5)
    assert torch.equal(heads.text.weight, torch.eye(8))
    assert heads.logit_scale == pytest.approx(20.0)


def test_the_scale_of_columns_may_be_given() -> None:
    """Training on images with a scale is training on the scaled images, without a trace of it."""
    data, scale = training_set(), torch.logspace(-1, 2, 12)
    weight = unit_rows(8, dimension=12)
    trained = []
    for part, start in (
        (replace(data, scale=scale), weight / scale),
        (replace(data, images=data.images / scale, scale=torch.ones(12)), weight),
        (data, weight / scale),
    ):
        trainer = HeadTrainer(part, Heads(Head(start), Head(torch.eye(8)), 20.0), HeadSettings())
        for _ in range(3):
            trainer.step()
        assert trainer.heads.image is not None
        trained.append(trainer.heads.image.weight)
    assert torch.allclose(trained[0] * scale, trained[1], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(trained[2] * scale, trained[1], rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("loss", list(Loss))
def test_steps_lower_the_loss(loss: Loss) -> None:
    """Either loss falls while its heads learn a small set by heart."""
    data = training_set()
    start = Heads(Head(unit_rows(8, dimension=12) / rms(data.images)), Head(torch.eye(8)), 10.0)
    trainer = HeadTrainer(
        data, start, HeadSettings(loss=loss, steps=200, dropout=0.0, learning_rate=5e-3)
    )
    first = trainer.step()
    for _ in range(199):
        last = trainer.step()
    assert last < 0.8 * first


def test_what_was_hardly_ever_seen_is_not_made_large_of() -> None:
    """A class that next to no picture is of gets no weight that drowns the next picture of it."""
    images = unit_rows(40, dimension=12)
    images[:, 0] *= 1e-6
    material = Material(images, unit_rows(40, dimension=8), np.arange(40), np.arange(40))
    start = Heads(Head(unit_rows(8, dimension=12)), Head(torch.eye(8)), 10.0)
    course = TrainingLoop(material, material, start, TrainingOptions(learning_rate=3e-3, epochs=3))
    course.run(lambda _: None)
    assert course.best > 0
    assert start.image is not None
    assert course.heads.image is not None
    moved = (course.heads.image.weight - start.image.weight).abs()
    assert float(moved[:, 1:].max()) > 0.02
    assert float(moved[:, 0].max()) < 3


def test_mse_leaves_the_text_head_alone() -> None:
    """With both heads free the best answer would be one point for everything."""
    start = Heads(Head(unit_rows(8, dimension=12)), Head(torch.eye(8)), 10.0)
    trainer = HeadTrainer(training_set(), start, HeadSettings(loss=Loss.MSE))
    for _ in range(5):
        trainer.step()
    assert trainer.heads.text is start.text
    assert trainer.heads.logit_scale == 10.0
    assert not torch.equal(trainer.heads.image.weight, start.image.weight)


@pytest.mark.parametrize("build", [tiny_clip, tiny_dual, tiny_siglip, tiny_align])
def test_features_and_heads_give_the_encoders_vectors(build: Builder, tmp_path: Path) -> None:
    """What is cached in front of a head, put through the head, is what the encoder says."""
    base = build(tmp_path / "base")
    encoder, towers = load_encoder(str(base), device="cpu"), FrozenTowers(base, device="cpu")
    pixels = np.stack(list(two_colours(PICTURES[:5], towers.pixel_spec)))
    texts = ["red", "a much longer text about a green and a blue thing", "blue above red"]
    heads = towers.heads
    images = heads.image_vectors(towers.image_features(pixels)).numpy()
    assert (images * encoder.encode_images(pixels)).sum(axis=1).min() > 0.99999
    found = heads.text_vectors(towers.text_features(texts)).numpy()
    assert (found * encoder.encode_texts(texts)).sum(axis=1).min() > 0.99999


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A tiny CLIP trained on two-coloured pictures: base, out, epochs, report."""
    folder = tmp_path_factory.mktemp("trained")
    base, epochs = tiny_clip(folder / "base"), []
    report = train(
        PAIRS,
        base,
        folder / "out",
        decode=two_colours,
        identify=by_name,
        options=TrainingOptions(held_out=0.25, learning_rate=3e-3),
        device="cpu",
        on_epoch=epochs.append,
    )
    return base, folder / "out", epochs, report


def test_training_raises_recall_on_held_out_pictures(trained: Trained) -> None:
    """Heads trained on some colour pairs recognise pairs that they have never seen."""
    _, _, epochs, report = trained
    recalls = [epoch.recall for epoch in epochs]
    assert report.pairs == len(PAIRS)
    assert report.held_out_pairs == round(0.25 * len(PAIRS))
    assert epochs[0].number == 0
    assert epochs[0].loss is None
    assert report.best > 0
    assert epochs[report.best].recall == max(recalls)
    assert max(recalls) > recalls[0] + 0.1


def test_a_training_that_learns_nothing_writes_nothing(tmp_path: Path) -> None:
    """The base model's own heads in a new folder would pass for trained ones."""
    report = train(
        PAIRS,
        tiny_clip(tmp_path / "base"),
        tmp_path / "out",
        decode=two_colours,
        identify=by_name,
        options=TrainingOptions(learning_rate=0.0, epochs=1),
        device="cpu",
    )
    assert report.best == 0
    assert report.after == report.before
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.glob("out*")) == []


def test_the_checkpoint_says_what_the_report_says(trained: Trained) -> None:
    """The written folder loads as any model does, and measures as reported."""
    base, out, _, report = trained
    before, after = (load_encoder(str(folder), device="cpu") for folder in (base, out))
    # The whole set, most of which was learnt: far better than before.
    assert (
        encode_pairs(after, PAIRS, two_colours).evaluation().text_to_image["recall@1"]
        > encode_pairs(before, PAIRS, two_colours).evaluation().text_to_image["recall@1"] + 0.2
    )
    assert after.identity.fingerprint != before.identity.fingerprint
    assert report.after.text_to_image["recall@5"] >= report.before.text_to_image["recall@5"]


def test_towers_stay_as_they_were(trained: Trained) -> None:
    """Nothing but the two projections and the temperature is changed."""
    base, out, _, _ = trained
    before, after = (load_file(folder / "model.safetensors") for folder in (base, out))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert changed == {"visual_projection.weight", "text_projection.weight", "logit_scale"}


def test_equal_seeds_give_equal_heads(trained: Trained, tmp_path: Path) -> None:
    """Training again with the same seed writes the same weights."""
    base, out, _, _ = trained
    options = TrainingOptions(held_out=0.25, learning_rate=3e-3)
    train(
        PAIRS,
        base,
        tmp_path / "out",
        decode=two_colours,
        identify=by_name,
        options=options,
        device="cpu",
    )
    first, again = (load_file(f / "model.safetensors") for f in (out, tmp_path / "out"))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_model_without_image_head_trains_its_text_head(tmp_path: Path) -> None:
    """SigLIP ends in attention pooling on the image side; only its text head is linear."""
    base = tiny_siglip(tmp_path / "base")
    options = TrainingOptions(epochs=3, learning_rate=5e-3)
    report = train(
        PAIRS,
        base,
        tmp_path / "out",
        decode=two_colours,
        identify=by_name,
        options=options,
        device="cpu",
    )
    before, after = (load_file(base.parent / n / "model.safetensors") for n in ("base", "out"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert report.best > 0
    assert changed == {"text_model.head.weight", "text_model.head.bias"}
    load_encoder(str(tmp_path / "out"), device="cpu")


def test_a_bad_picture_is_left_out(tmp_path: Path) -> None:
    """One picture that cannot be decoded is named and costs nothing else."""
    bad = []
    report = train(
        [(("", ""), "broken"), *PAIRS],
        tiny_clip(tmp_path / "base"),
        tmp_path / "out",
        decode=two_colours,
        identify=by_name,
        options=TrainingOptions(epochs=1),
        device="cpu",
        on_bad_picture=lambda source, error: bad.append((source, error.code)),
    )
    assert report.pairs == len(PAIRS)
    assert bad == [(("", ""), "damaged_picture")]


def test_too_few_captions_are_refused(tmp_path: Path) -> None:
    """Seven captions are too few to train with: said before the model is loaded."""
    with pytest.raises(SourceError, match="7 different captions"):
        train(
            PAIRS[:7], tmp_path / "missing", tmp_path / "out", decode=two_colours, identify=by_name
        )


def test_a_filled_folder_is_not_overwritten(tmp_path: Path) -> None:
    """``--out`` never destroys what is there."""
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(SourceError, match="exists already"):
        train(PAIRS, tmp_path / "missing", tmp_path, decode=two_colours, identify=by_name)
    assert (tmp_path / "keep.txt").read_text() == "mine"


def test_a_base_that_is_no_model_is_told(tmp_path: Path) -> None:
    """A folder without a checkpoint ends in the error that the encoder would give."""
    with pytest.raises(ModelUnavailable):
        train(PAIRS, tmp_path / "missing", tmp_path / "out", decode=two_colours, identify=by_name)
    assert not (tmp_path / "out").exists()
