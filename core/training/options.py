"""Options of a training, with their defaults: what is chosen, and what one run of steps takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Loss(StrEnum):
    """What training minimises; see :mod:`core.training.heads`."""

    CONTRASTIVE = "contrastive"
    MSE = "mse"


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train.

    Args:
        loss: see :class:`Loss`.
        seed: decides what is held out and every draw; equal seeds give equal heads.
        unfreeze: so many last blocks of the image tower are trained too.
        held_out: share of the different captions (of the pictures, where captions are
            labels), at least two, that measure and do not train.
        epochs: at most so many.
        patience: stop after so many epochs without a better recall.
        batch: pictures in one step.
        learning_rate: of the image head at the start; the text head's is a fifth of it, that
            of unfrozen blocks a tenth. Of 3e-5, 1e-4 and 5e-4, the middle one was best when
            mini learnt 585 flash cards.
        duplicate_cosine: captions that the base model finds more alike than this are no
            wrong answers to each other's pictures.

    """

    loss: Loss = Loss.CONTRASTIVE
    seed: int = 0
    unfreeze: int = 0
    held_out: float = 0.1
    epochs: int = 40
    patience: int = 8
    batch: int = 512
    learning_rate: float = 1e-4
    duplicate_cosine: float = 0.95


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How heads are trained.

    Args:
        loss: what is made small.
        train_text: whether the text head is trained; None: under MSE only where there is no
            image head, since with both free everything collapses into one point.
        steps: length of the cosine schedule, in batches.
        batch: items drawn for one step; contrastive training takes its negatives from them.
        learning_rate: of the image head, at the start of the schedule.
        text_learning_rate: of the text head.
        dropout: share of image features that are zeroed in each step.
        text_anchor: weight of the squared distance of the text head from where it started,
            relative to its size there.
        image_anchor: the same of the image head.
        tail_learning_rate: of the blocks in front of the image head, where they are trained.
        duplicate_cosine: captions more alike than this are no negatives of each other.
        seed: for drawing and dropout.

    """

    loss: Loss = Loss.CONTRASTIVE
    train_text: bool | None = None
    steps: int = 300
    batch: int = 512
    learning_rate: float = 5e-4
    text_learning_rate: float = 1e-4
    weight_decay: float = 0.01
    dropout: float = 0.6
    text_anchor: float = 400.0
    image_anchor: float = 0.0
    tail_learning_rate: float = 1e-5
    duplicate_cosine: float = 0.8
    seed: int = 0
