"""Trains the projection heads of a dual encoder on captioned pictures.

Both towers stand still: every picture and caption goes through them once, and what is
trained, in seconds, are the linear heads at their ends. A part of the captions is held out;
training stops when it no longer helps them, and the best heads so far are what is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.errors import BadPicture, SourceError
from core.evaluation import Evaluation, evaluate_vectors
from core.frozen_towers import FrozenTowers, refuse_filled
from core.heads import Heads, HeadSettings, HeadTrainer, Loss, TrainingSet
from core.pairs import Decode, Labels, Source, decoded_batches, parts, unique_captions

MIN_CAPTIONS = 8
"""Different captions below which neither a held-out part nor negatives mean anything."""

__all__ = ["MIN_CAPTIONS", "Epoch", "Loss", "TrainingOptions", "TrainingReport", "train"]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train.

    Args:
        loss: see :class:`core.heads.Loss`.
        seed: decides the held-out captions and every draw; equal seeds give equal heads.
        held_out: share of the different captions, at least two, that measure and do not
            train.
        epochs: at most so many.
        patience: stop after so many epochs without a better recall.
        batch: pictures in one step.
        learning_rate: of the image head at the start; the text head's is a fifth of it. Of 3e-5,
            1e-4 and 5e-4, the middle one was best when mini learnt 585 flash cards.
        duplicate_cosine: captions that the base model finds more alike than this are no
            wrong answers to each other's pictures.

    """

    loss: Loss = Loss.CONTRASTIVE
    seed: int = 0
    held_out: float = 0.1
    epochs: int = 40
    patience: int = 8
    batch: int = 512
    learning_rate: float = 1e-4
    duplicate_cosine: float = 0.95


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's progress; number 0 is the base model, whose loss is not measured (None).

    ``recall`` is the mean of recall@1, @5 and @10, both ways, on the held-out pictures.
    """

    number: int
    loss: float | None
    recall: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What came of it: ``before`` and ``after`` are measured on the held-out pictures.

    ``best`` is the epoch whose heads were written (0: nothing was better than the base
    model), ``epochs`` the number that were run, ``seconds`` wall-clock time.
    """

    out: Path
    pairs: int
    held_out_pairs: int
    epochs: int
    best: int
    before: Evaluation
    after: Evaluation
    seconds: float


def train(
    pairs: Sequence[tuple[Source, str]],
    base: str | Path,
    out: Path,
    *,
    decode: Decode[Source],
    options: TrainingOptions | None = None,
    device: str = "auto",
    on_pictures: Callable[[int, int], None] = lambda _done, _total: None,
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
    on_bad_picture: Callable[[Source, BadPicture], None] = lambda _source, _error: None,
) -> TrainingReport:
    """Train the heads of ``base`` and write the checkpoint to ``out``. Blocking.

    Args:
        pairs: what ``decode`` takes, and the caption. Pictures may share captions.
        base: folder or hub name of a dual encoder, as ``TANGERINE_MODEL`` takes it.
        out: a folder that does not exist yet, or is empty; ``TANGERINE_MODEL`` takes it.
        decode: see :data:`core.pairs.Decode`.
        options: see :class:`TrainingOptions`.
        device: for the towers: ``auto``, ``cpu`` or ``cuda``.
        on_pictures: called with the number of pictures that went through the tower, and all.
        on_epoch: called after each epoch, and once before the first.
        on_bad_picture: called for each picture that cannot be decoded; it is left out.

    Raises:
        SourceError: fewer than :data:`MIN_CAPTIONS` captions, or ``out`` is not usable.
        ModelUnavailable: ``base`` cannot be loaded or has no heads to train.

    """
    started = time.monotonic()
    options = options or TrainingOptions()
    _enough([caption for _, caption in pairs])
    refuse_filled(out)
    towers = FrozenTowers(base, device=device)
    kept: list[int] = []
    rows = []
    for batch, numbers in decoded_batches(
        [source for source, _ in pairs],
        towers.pixel_spec,
        decode,
        on_progress=on_pictures,
        on_bad_picture=on_bad_picture,
    ):
        rows.append(towers.image_features(batch))
        kept += numbers
    captions, caption_of = _enough([pairs[row][1] for row in kept])
    texts = torch.cat([towers.text_features(part) for part in parts(captions)])
    features = _Features(torch.cat(rows), texts, caption_of)
    learn, test = features.split(options.held_out, options.seed)
    course = _Course(learn, test, towers.heads, options)
    course.run(on_epoch)
    towers.save(course.heads, out)
    return TrainingReport(
        out=out,
        pairs=len(kept),
        held_out_pairs=len(test.caption_of),
        epochs=course.epochs,
        best=course.best,
        before=course.before,
        after=course.after,
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """Features of pictures [n, f] and of unique captions [m, f], and each picture's caption."""

    images: torch.Tensor
    texts: torch.Tensor
    caption_of: Labels

    def split(self, share: float, seed: int) -> tuple[_Features, _Features]:
        """Two parts without a caption in common: for learning and for measuring."""
        count = max(2, round(share * len(self.texts)))
        order = np.random.default_rng(seed).permutation(len(self.texts))
        return self._part(order[count:]), self._part(order[:count])

    def _part(self, captions: Labels) -> _Features:
        captions = np.sort(captions)
        rows = np.flatnonzero(np.isin(self.caption_of, captions))
        renumbered = np.searchsorted(captions, self.caption_of[rows]).astype(np.int64)
        return _Features(self.images[rows], self.texts[captions], renumbered)

    def evaluated(self, heads: Heads) -> Evaluation:
        with torch.inference_mode():
            images = heads.image_vectors(self.images).numpy()
            texts = heads.text_vectors(self.texts).numpy()
        return evaluate_vectors(images, texts, self.caption_of)


class _Course:
    """Epoch after epoch until the held-out pictures gain nothing more; keeps the best heads."""

    def __init__(
        self, learn: _Features, test: _Features, start: Heads, options: TrainingOptions
    ) -> None:
        self._test, self._options = test, options
        batch = min(options.batch, len(learn.images))
        self._steps = max(10, -(-len(learn.images) // batch))
        settings = HeadSettings(
            loss=options.loss,
            steps=self._steps * options.epochs,
            batch=batch,
            learning_rate=options.learning_rate,
            text_learning_rate=options.learning_rate / 5,
            dropout=0.3,
            duplicate_cosine=options.duplicate_cosine,
            seed=options.seed,
        )
        with torch.inference_mode():
            meanings = start.text_vectors(learn.texts)
        data = TrainingSet(
            images=learn.images,
            texts=learn.texts,
            views=torch.arange(len(learn.images))[:, None],
            captions=torch.from_numpy(learn.caption_of)[:, None],
            weights=torch.ones(len(learn.images)),
            meanings=meanings.clone(),
        )
        self._trainer = HeadTrainer(data, start, settings)
        self.heads = start
        self.before = self.after = test.evaluated(start)
        self.epochs = self.best = 0

    def run(self, on_epoch: Callable[[Epoch], None]) -> None:
        on_epoch(Epoch(0, None, _recall(self.before)))
        for number in range(1, self._options.epochs + 1):
            loss = sum(self._trainer.step() for _ in range(self._steps)) / self._steps
            heads = self._trainer.heads
            found = self._test.evaluated(heads)
            on_epoch(Epoch(number, loss, _recall(found)))
            self.epochs = number
            if _better(found, self.after):
                self.heads, self.after, self.best = heads, found, number
            elif number - self.best >= self._options.patience:
                return


def _enough(captions: Sequence[str]) -> tuple[list[str], Labels]:
    found, caption_of = unique_captions(captions)
    if len(found) < MIN_CAPTIONS:
        raise SourceError(
            f"Found {len(found)} different captions where training needs {MIN_CAPTIONS}.",
            remedy="Name a folder with more captioned pictures.",
        )
    return found, caption_of


def _recall(evaluation: Evaluation) -> float:
    recalls = (*evaluation.text_to_image.values(), *evaluation.image_to_text.values())
    return sum(recalls) / len(recalls)


def _better(one: Evaluation, other: Evaluation) -> bool:
    """By recall; where that is equal, as on few pictures it often is, by the wider gap."""
    return (_recall(one), one.gap) > (_recall(other), other.gap)
