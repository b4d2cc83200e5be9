"""The course of a training: epoch after epoch, until the held-out pictures gain no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.training.checkpoint import heads_of_state, heads_state
from core.training.evaluation import Evaluation, evaluate_vectors
from core.training.heads import Heads, rms
from core.training.options import HeadSettings, TrainingOptions
from core.training.pairs import Labels
from core.training.trainer import HeadTrainer, Tail, TrainingSet

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_STEPS = 10
"""Steps of an epoch at least: with few pictures a pass over them is no time to look again."""

_TAIL_BATCH = 128
"""Most pictures in one step where blocks are trained too: gradients of whole blocks are large."""

_TAIL_EVALUATED = 64

_LEAST_SCALE = 0.1
"""Features are trained on one scale, but none is enlarged as if it were less than so much of
the mean of all. A class that few pictures are of (``core.encoder.mini`` says so, too) would else be
given weights that drown everything in the next picture of it: mini, trained on 585 flash cards,
lost
13 points of recall@1 on the stamps, and 5 with this."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's progress; number 0 is the base model, whose loss is not measured (None).

    ``recall`` is the mean of recall@1, @5 and @10, both ways, on the held-out pictures;
    ``best`` the number of the epoch whose heads are the best so far, ``of`` the most there
    may be.
    """

    number: int
    loss: float | None
    recall: float
    best: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Pairs of pictures and captions, by features.

    ``images`` [n, f] are of pictures, ``texts`` [m, f] of different captions; pair ``i`` is
    picture ``picture_of[i]`` with caption ``caption_of[i]`` (int64). ``tail`` gives the
    features of ``images`` again where blocks are trained.
    """

    images: Tensor
    texts: Tensor
    picture_of: Labels
    caption_of: Labels
    tail: Tail | None = None

    def part(self, pairs: Labels, tail: Callable[[Labels], Tail] | None) -> Material:
        """Some of the pairs, with their pictures and captions renumbered.

        ``tail`` makes a tail of the pictures with these rows.
        """
        pictures, picture_of = np.unique(self.picture_of[pairs], return_inverse=True)
        captions, caption_of = np.unique(self.caption_of[pairs], return_inverse=True)
        return Material(
            images=self.images[pictures],
            texts=self.texts[captions],
            picture_of=picture_of.astype(np.int64),
            caption_of=caption_of.astype(np.int64),
            tail=tail(pictures) if tail else None,
        )

    def training_set(self, start: Heads) -> TrainingSet:
        """One item a picture, with all its captions."""
        import torch  # noqa: PLC0415 - heavy

        count = len(self.images)
        captions: list[list[int]] = [[] for _ in range(count)]
        for picture, caption in zip(self.picture_of, self.caption_of, strict=True):
            captions[picture].append(int(caption))
        with torch.inference_mode():
            meanings = start.text_vectors(self.texts)
        return TrainingSet(
            images=self.images,
            texts=self.texts,
            views=torch.arange(count)[:, None],
            captions=_even(captions),
            weights=torch.ones(count),
            meanings=meanings.clone(),
            scale=_scale(self.images),
        )

    def evaluated(self, heads: Heads) -> Evaluation:
        import torch  # noqa: PLC0415 - heavy

        with torch.no_grad():
            features = self.images
            if self.tail is not None:
                rows = torch.arange(len(self.images))
                parts = torch.split(rows, _TAIL_EVALUATED)
                features = torch.cat([self.tail(part) for part in parts])
            images = heads.image_vectors(features).numpy()
            texts = heads.text_vectors(self.texts).numpy()
        return evaluate_vectors(images[self.picture_of], texts, self.caption_of)


class TrainingLoop:
    """Trains until the held-out pictures gain nothing more; keeps the best heads.

    Args:
        learn: what is trained with.
        test: what measures; its tail, if any, shares the weights of that of ``learn``.
        start: the heads of the base model.
        options: see :class:`TrainingOptions`.
        save: given the state after each epoch.

    """

    def __init__(
        self,
        learn: Material,
        test: Material,
        start: Heads,
        options: TrainingOptions,
        *,
        save: Callable[[Mapping[str, Any]], None] = lambda _state: None,
    ) -> None:
        self._test, self._options, self._save = test, options, save
        self._tail = learn.tail
        most = options.batch if learn.tail is None else min(options.batch, _TAIL_BATCH)
        batch = min(most, len(learn.images))
        self._steps = max(_LEAST_STEPS, -(-len(learn.images) // batch))
        settings = HeadSettings(
            loss=options.loss,
            steps=self._steps * options.epochs,
            batch=batch,
            learning_rate=options.learning_rate,
            text_learning_rate=options.learning_rate / 5,
            tail_learning_rate=options.learning_rate / 10,
            dropout=0.3,
            duplicate_cosine=options.duplicate_cosine,
            seed=options.seed,
        )
        self._trainer = HeadTrainer(learn.training_set(start), start, settings, learn.tail)
        self.heads = start
        self._best_tail = self._tail_weights()
        self.before = self.after = test.evaluated(start)
        self.epochs = self.best = 0

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``save`` was given by a course that was made alike."""
        self._trainer.restore(state["trainer"])
        self.epochs, self.best = int(state["epochs"]), int(state["best"])
        self.heads = heads_of_state(state["heads"])
        now = self._tail_weights()
        self._best_tail = list(state["tail"])
        self._put_tail(self._best_tail)
        self.after = self._test.evaluated(self.heads)
        self._put_tail(now)

    def run(self, on_epoch: Callable[[Epoch], None]) -> None:
        """Train to the end; afterwards ``heads``, and the tail's weights, are the best ones."""
        options = self._options
        if self.epochs == 0:
            on_epoch(Epoch(0, None, mean_recall(self.before), 0, options.epochs))
        while self.epochs < options.epochs and self.epochs - self.best < options.patience:
            loss = sum(self._trainer.step() for _ in range(self._steps)) / self._steps
            self.epochs += 1
            heads = self._trainer.heads
            found = self._test.evaluated(heads)
            if _better(found, self.after):
                self.heads, self.after, self.best = heads, found, self.epochs
                self._best_tail = self._tail_weights()
            self._save(self._state())
            on_epoch(Epoch(self.epochs, loss, mean_recall(found), self.best, options.epochs))
        self._put_tail(self._best_tail)

    def _state(self) -> dict[str, Any]:
        return {
            "trainer": self._trainer.state(),
            "epochs": self.epochs,
            "best": self.best,
            "heads": heads_state(self.heads),
            "tail": self._best_tail,
        }

    def _tail_weights(self) -> list[Tensor]:
        weights = self._tail.parameters if self._tail is not None else ()
        return [weight.detach().cpu().clone() for weight in weights]

    def _put_tail(self, values: Sequence[Tensor]) -> None:
        weights = self._tail.parameters if self._tail is not None else ()
        for weight, value in zip(weights, values, strict=True):
            weight.data.copy_(value)


def mean_recall(evaluation: Evaluation) -> float:
    """The mean of recall@1, @5 and @10, both ways."""
    recalls = (*evaluation.text_to_image.values(), *evaluation.image_to_text.values())
    return sum(recalls) / len(recalls)


def _better(one: Evaluation, other: Evaluation) -> bool:
    """By recall; where that is equal, as on few pictures it often is, by the wider gap."""
    return (mean_recall(one), one.gap) > (mean_recall(other), other.gap)


def _scale(images: Tensor) -> Tensor:
    """What the features [n, f] are divided by in training, [f]."""
    scale = rms(images)
    return scale.clamp(min=_LEAST_SCALE * float(scale.square().mean().sqrt()))


def _even(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of numbers, each repeated to the length of the longest: int64 [n, longest]."""
    import torch  # noqa: PLC0415 - heavy

    longest = max(len(row) for row in rows)
    return torch.tensor([[row[n % len(row)] for n in range(longest)] for row in rows])
