"""Finds the linear heads that the towers of a dual encoder end with, and taps in front of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from core.encoder.model import features
from core.training.heads import Head, Heads

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_HEADS = ("visual_projection", "visual_projection.head")
TEXT_HEADS = ("text_projection", "text_projection.head", "text_model.head")
"""Where dual encoders keep the linear map that ends a tower (``.head`` is of ``core.encoder.mini``,
the
last SigLIP's)."""

_SAME = 1e-4
"""Largest relative difference by which a head still is what the model's features begin with."""


def find_head(model: Any, names: Sequence[str], forward: Callable[[], Any]) -> Any:
    """The linear module whose output a side's features are; None where there is none.

    Where the features are longer (``core.encoder.mini``), the output has to be what they begin
    with, but for its length.

    Args:
        model: the dual encoder.
        names: where the module may be.
        forward: runs the side on anything; whether its output is the module's is asked so.

    """
    import torch  # noqa: PLC0415 - heavy

    modules = dict(model.named_modules())
    for name in names:
        module = modules.get(name)
        if isinstance(module, torch.nn.Linear) and _is_seen(module, forward):
            return module
    return None


def tapped(head: Any, forward: Callable[[], Any]) -> Tensor:
    """What goes into the head during the forward pass; without a head, what comes out."""
    taken: list[Tensor] = []
    hook: Any = nullcontext()
    if head is not None:
        hook = head.register_forward_pre_hook(lambda _module, args: taken.append(args[0]))
    with hook:
        vectors: Tensor = features(forward())
    return taken[0] if taken else vectors


def read_heads(model: Any, image: Any, text: Any) -> Heads:
    """Copies of the two modules (None: none), on the CPU, float32, with the model's scale.

    The scale is that of the heads' own cosines, which a model may mix with more.
    """
    scale = getattr(model, "logit_scale", None)
    factor = 1 / 0.07 if scale is None else math.exp(float(scale.detach()))
    return Heads(_read(image), _read(text), factor * _head_cosine(model))


def write_heads(model: Any, image: Any, text: Any, heads: Heads) -> None:
    """Put the heads' numbers into the two modules (None: none), and the scale into the model."""
    _write(image, heads.image)
    _write(text, heads.text)
    # SigLIP's scale belongs to its bias, which softmax training knows nothing of.
    if hasattr(model, "logit_scale") and not hasattr(model, "logit_bias"):
        model.logit_scale.data.fill_(math.log(heads.logit_scale / _head_cosine(model)))
    if hasattr(model, "heads_changed"):
        model.heads_changed()


def _read(module: Any) -> Head | None:
    if module is None:
        return None
    bias = None if module.bias is None else module.bias.detach().float().cpu().clone()
    return Head(module.weight.detach().float().cpu().clone(), bias)


def _write(module: Any, head: Head | None) -> None:
    if module is None or head is None:
        return
    module.weight.data.copy_(head.weight)
    if module.bias is not None and head.bias is not None:
        module.bias.data.copy_(head.bias)


def _head_cosine(model: Any) -> float:
    """What a cosine of the heads' vectors is multiplied with in the model's own: 1 in most."""
    return float(getattr(model, "head_cosine", 1.0))


def _is_seen(module: Any, forward: Callable[[], Any]) -> bool:
    import torch  # noqa: PLC0415 - heavy

    outputs: list[Any] = []
    hook = module.register_forward_hook(lambda _module, _inputs, out: outputs.append(out))
    with hook, torch.inference_mode():
        vectors = features(forward())
    if len(outputs) != 1 or outputs[0].ndim != vectors.ndim:
        return False
    begun = vectors[..., : outputs[0].shape[-1]]
    return bool(
        outputs[0].shape == begun.shape
        and torch.allclose(_unit(outputs[0]), _unit(begun), atol=_SAME)
    )


def _unit(vectors: Tensor) -> Tensor:
    from torch.nn.functional import normalize  # noqa: PLC0415 - heavy

    return normalize(vectors.float(), dim=-1)
