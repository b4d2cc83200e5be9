"""What stands beside the trained heads of ``mini``, found without training, and the file of all.

By the letters of ``core.encoder.mini.modeling``: the captions behind h, its mean h0, and the axes
of q.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import normalize

from core.encoder.mini.modeling import MiniConfig
from core.training.heads import Heads

WHITENING = 0.375
"""Axes are multiplied with their variance to the power of minus this: by 0.5 all would weigh
the same, by 0 as they do in the features."""


def look_axes(
    features: torch.Tensor, count: int = MiniConfig.look_axes
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean [f] and the main axes [count, f], partly whitened, of features' logarithms.

    PCA whitening (Jégou and Chum, ECCV 2012), short of equal variances: see :data:`WHITENING`.
    """
    logarithms = normalize((MiniConfig.log_gain * features).log1p(), dim=1)
    mean = logarithms.mean(dim=0)
    centred = logarithms - mean
    values, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
    values, axes = values.flip(0)[:count], vectors.flip(1)[:, :count].T
    # An axis has two directions; the one in which its largest part is positive is taken.
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    axes = axes * largest.sign() * values.pow(-WHITENING)[:, None]
    return mean, axes.to(features.dtype)


def hub_mean(images: torch.Tensor, bank: torch.Tensor) -> float:
    """The mean h of pictures' vectors [n, d] against the bank's [m, d]."""
    temperature = MiniConfig.hub_temperature
    near = (images @ bank.T / temperature).logsumexp(dim=1)
    return float(temperature * near.mean())


def finished(
    heads: Heads, pictures: torch.Tensor, seen: torch.Tensor, bank: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Everything that ``core.encoder.mini.assemble`` reads, by name.

    Args:
        heads: over [f ; p ; √p] and over the text tower's features.
        pictures: features [n, f] of the pictures that were trained with, one view of each.
        seen: the same as the picture head takes them.
        bank: the text tower's unit features of the bank's captions.

    """
    if heads.image is None or heads.text is None:
        raise ValueError("mini has two heads")
    mean, axes = look_axes(pictures)
    return {
        "picture_head": heads.image.weight,
        "text_head": heads.text.weight,
        "bank_features": bank,
        "mean": mean,
        "axes": axes,
        "logit_scale": torch.tensor(heads.logit_scale).log(),
        "hub_mean": torch.tensor(hub_mean(heads.image_vectors(seen), heads.text_vectors(bank))),
    }


def save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    """Write what :func:`finished` gives, in half precision."""
    part = file.with_suffix(".part")
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, part)
    part.chmod(0o644)  # safetensors lets only the owner read
    part.rename(file)
