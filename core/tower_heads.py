"""Finds the linear heads that the towers of a dual encoder end with, and taps in front of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.dual_model import features
from core.heads import Head

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_HEADS = ("visual_projection",)
TEXT_HEADS = ("text_projection", "text_model.head")
"""Where dual encoders keep the linear map that ends a tower (the second is SigLIP's)."""

_SAME = 1e-4
"""Largest relative difference by which a head still is what the model's features end with."""


def find_head(model: Any, names: Sequence[str], forward: Callable[[], Any]) -> Any:
    """The linear module that a side's features end with; None where there is none.

    Args:
        model: the dual encoder.
        names: where the module may be.
        forward: runs the side on anything; whether its output is the module's is asked so.

    """
    import torch  # noqa: PLC0415 - heavy

    modules = dict(model.named_modules())
    for name in names:
        module = modules.get(name)
        if isinstance(module, torch.nn.Linear) and _ends_in(module, forward):
            return module
    return None


def tapped(head: Any, forward: Callable[[], Any]) -> Tensor:
    """What goes into the head during the forward pass; without a head, what comes out."""
    taken: list[Tensor] = []
    hook = None
    if head is not None:
        hook = head.register_forward_pre_hook(lambda _module, args: taken.append(args[0]))
    try:
        vectors: Tensor = features(forward())
    finally:
        if hook is not None:
            hook.remove()
    return taken[0] if taken else vectors


def read_head(module: Any) -> Head | None:
    """A copy on the CPU, float32; None of None."""
    if module is None:
        return None
    bias = None if module.bias is None else module.bias.detach().float().cpu().clone()
    return Head(module.weight.detach().float().cpu().clone(), bias)


def write_head(module: Any, head: Head | None) -> None:
    """Put the head's numbers into the module; nothing where there is none."""
    if module is None or head is None:
        return
    module.weight.data.copy_(head.weight)
    if module.bias is not None and head.bias is not None:
        module.bias.data.copy_(head.bias)


def _ends_in(module: Any, forward: Callable[[], Any]) -> bool:
    import torch  # noqa: PLC0415 - heavy

    outputs: list[Any] = []
    hook = module.register_forward_hook(lambda _module, _inputs, out: outputs.append(out))
    try:
        with torch.inference_mode():
            vectors = features(forward())
    finally:
        hook.remove()
    return bool(
        len(outputs) == 1
        and outputs[0].shape == vectors.shape
        and torch.allclose(_unit(outputs[0]), _unit(vectors), atol=_SAME)
    )


def _unit(vectors: Tensor) -> Tensor:
    from torch.nn.functional import normalize  # noqa: PLC0415 - heavy

    return normalize(vectors.float(), dim=-1)
