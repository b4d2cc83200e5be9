"""Trains projection heads, step by step, on features of frozen towers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from core.training.heads import (
    MAX_LOGIT_SCALE,
    Head,
    Heads,
    contrastive_loss,
    mse_loss,
    near_duplicates,
    rms,
    vectors_of,
)
from core.training.options import HeadSettings, Loss

if TYPE_CHECKING:
    from torch import Generator, Tensor

_EPSILON = 1e-6
"""Keeps an anchor of a head that starts at zero from being divided by zero."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Cached features and what belongs together.

    Item ``i`` is one picture: ``views[i]`` are the rows of its views in ``images``,
    ``captions[i]`` those of its captions in ``texts`` (both int64, of equal length for all
    items; repeat rows where an item has fewer). ``weights`` says how often it is drawn.
    ``meanings`` are unit vectors, one a row of ``texts``, by which near-duplicate captions
    are told; usually the frozen text tower's own vectors. ``scale`` [features] is what columns
    of ``images`` are divided by while training; None: their RMS.
    """

    images: Tensor
    texts: Tensor
    views: Tensor
    captions: Tensor
    weights: Tensor
    meanings: Tensor
    scale: Tensor | None = None


class Tail(Protocol):
    """The end of an image tower, where it is trained along with the head behind it."""

    @property
    def parameters(self) -> Sequence[Tensor]:
        """What is trained, always in the same order."""
        ...

    def __call__(self, rows: Tensor) -> Tensor:
        """Features [n, f] of the pictures with these rows (int64 [n]), with gradients."""
        ...


class HeadTrainer:
    """Trains heads step by step; the caller decides when to look and when to stop.

    Image features are divided by their RMS while training (or what ``data.scale`` says), since
    frozen towers leave them on very different scales; :attr:`heads` takes features as they are.

    Args:
        data: its ``images`` are what the tower says before anything is trained.
        start: where the heads start.
        settings: how they are trained.
        tail: asked for features instead of ``data.images``, and trained too.

    """

    def __init__(
        self, data: TrainingSet, start: Heads, settings: HeadSettings, tail: Tail | None = None
    ) -> None:
        import torch  # noqa: PLC0415 - heavy

        self._data, self._settings, self._tail = data, settings, tail
        scale = rms(data.images) if data.scale is None else data.scale
        self._scale = scale if start.image else torch.ones(data.images.shape[1])
        self._images = data.images / self._scale
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._start = start
        trains_text = settings.train_text
        if trains_text is None:
            trains_text = settings.loss is Loss.CONTRASTIVE or start.image is None
        self._image = _trainable(start.image, self._scale)
        self._text = _trainable(start.text if trains_text else None, None)
        self._log_scale = torch.tensor(start.logit_scale).log().requires_grad_()
        groups: list[dict[str, Any]] = [
            {"params": _tensors(self._image), "lr": settings.learning_rate},
            {"params": _tensors(self._text), "lr": settings.text_learning_rate},
            {"params": [self._log_scale], "lr": settings.learning_rate, "weight_decay": 0.0},
            {"params": list(tail.parameters) if tail else [], "lr": settings.tail_learning_rate},
        ]
        self._trained = [tensor for group in groups for tensor in group["params"]]
        self._anchors = [
            (
                head,
                head.weight.detach().clone(),
                strength / (float(head.weight.detach().square().sum()) + _EPSILON),
            )
            for head, strength in (
                (self._image, settings.image_anchor),
                (self._text, settings.text_anchor),
            )
            if head is not None and strength > 0.0
        ]
        self._optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], weight_decay=settings.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self._optimizer, T_max=settings.steps
        )

    def step(self) -> float:
        data, settings = self._data, self._settings
        count = min(settings.batch, len(data.views))
        items = data.weights.multinomial(count, generator=self._generator)
        rows = _drawn(data.captions[items], self._generator)
        features = self._features(_drawn(data.views[items], self._generator))
        images = vectors_of(self._image, self._dropped(features))
        texts = vectors_of(self._text or self._start.text, data.texts[rows])
        if settings.loss is Loss.MSE:
            loss = mse_loss(images, texts)
        else:
            meanings = data.meanings[rows]
            duplicates = near_duplicates(meanings, settings.duplicate_cosine)
            scale = self._log_scale.exp().clamp(max=MAX_LOGIT_SCALE)
            loss = contrastive_loss(images, texts, scale, duplicates)
        total = loss
        for head, anchor, strength in self._anchors:
            total = total + strength * (head.weight - anchor).square().sum()
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]  # torch's own
        self._optimizer.step()
        self._schedule.step()
        return float(loss.detach())

    @property
    def heads(self) -> Heads:
        """The heads as they are now, independent of later steps."""
        scale = float(self._log_scale.detach().exp().clamp(max=MAX_LOGIT_SCALE))
        return Heads(
            image=_finished(self._image, self._scale),
            text=_finished(self._text, None) or self._start.text,
            logit_scale=scale
            if self._settings.loss is Loss.CONTRASTIVE
            else self._start.logit_scale,
        )

    def state(self) -> dict[str, Any]:
        """Everything that later steps depend on: tensors, numbers, lists and dicts of them."""
        return {
            "trained": [tensor.detach().clone() for tensor in self._trained],
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "generator": self._generator.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a trainer that was made alike, as if it were this one."""
        for tensor, value in zip(self._trained, state["trained"], strict=True):
            tensor.data.copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._generator.set_state(state["generator"])

    def _features(self, rows: Tensor) -> Tensor:
        return self._images[rows] if self._tail is None else self._tail(rows) / self._scale

    def _dropped(self, features: Tensor) -> Tensor:
        """Features with a share of them zeroed and the rest scaled up."""
        share = self._settings.dropout if self._image is not None else 0.0
        if share == 0.0:
            return features
        kept = features.new_empty(features.shape).uniform_(generator=self._generator) >= share
        return features * kept / (1.0 - share)


def _trainable(head: Head | None, scale: Tensor | None) -> Head | None:
    if head is None:
        return None
    weight = head.weight if scale is None else head.weight * scale
    bias = None if head.bias is None else head.bias.clone().requires_grad_()
    return Head(weight.clone().requires_grad_(), bias)


def _finished(head: Head | None, scale: Tensor | None) -> Head | None:
    if head is None:
        return None
    weight = head.weight.detach().clone()
    bias = None if head.bias is None else head.bias.detach().clone()
    return Head(weight if scale is None else weight / scale, bias)


def _tensors(head: Head | None) -> list[Tensor]:
    if head is None:
        return []
    return [head.weight] if head.bias is None else [head.weight, head.bias]


def _drawn(rows: Tensor, generator: Generator) -> Tensor:
    """One column of each row [n, options], drawn evenly."""
    import torch  # noqa: PLC0415 - heavy

    columns = torch.randint(rows.shape[1], (len(rows), 1), generator=generator)
    return rows.gather(1, columns)[:, 0]
