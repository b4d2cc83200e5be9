"""The last blocks of an image tower, run alone on what the blocks before them gave.

The blocks in front are frozen, so what they say of a picture is worth caching: a step of
training then costs the last blocks only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.domain.errors import ModelUnavailable
from core.training.feature_cache import FeatureCache
from core.training.tower_heads import tapped

if TYPE_CHECKING:
    from torch import Tensor

_SAME = 1e-4
"""Largest difference, relative to the largest feature, between replayed and ordinary features."""


class TowerTail:
    """The last ``blocks`` blocks of a model's image tower, and what follows them.

    Only the blocks are trained. Normalisations keep their running statistics, as everywhere
    where a model is trained further on few pictures. Blocking.

    Args:
        model: a dual encoder in eval mode, none of whose parameters wants gradients.
        head: the linear head of its image side, or None.
        blocks: how many, from 1 to one less than the tower has.
        height: of the pictures in pixels.
        width: likewise.

    Raises:
        ModelUnavailable: the tower has too few blocks, or is built in another way than one
            block after the other.

    """

    def __init__(self, model: Any, head: Any, blocks: int, *, height: int, width: int) -> None:
        import torch  # noqa: PLC0415 - heavy

        self.blocks = blocks
        self._model, self._head = model, head
        self._size = (3, height, width)
        self._place, self._name, self._all = _block_list(model)
        if not 1 <= blocks < len(self._all):
            raise ModelUnavailable(
                f"The image tower has {len(self._all)} blocks, of which {blocks} cannot be "
                "trained.",
                remedy=f"Unfreeze from 1 to {len(self._all) - 1} blocks.",
            )
        self._last = list(self._all[-blocks:])
        self._before = self._all[-blocks - 1]
        self._replay = _replay()
        self._short = torch.nn.ModuleList([self._replay, *self._last])
        for block in self._last:
            block.requires_grad_(requires_grad=True)
        self._check()

    @property
    def parameters(self) -> list[Tensor]:
        return [weight for block in self._last for weight in block.parameters()]

    def record(self, values: Tensor) -> Tensor:
        """What the last blocks are given for prepared pictures [n, 3, h, w]: float32 [n, …], CPU.

        Raises ModelUnavailable where a block gives more than one tensor.
        """
        import torch  # noqa: PLC0415 - heavy

        given: list[Any] = []
        hook = self._before.register_forward_hook(lambda _module, _args, out: given.append(out))
        with hook, torch.inference_mode():
            self._model.get_image_features(pixel_values=values)
        if len(given) != 1 or _only_tensor(given[0]) is None:
            raise _unsupported()
        self._replay.pattern = given[0]
        # A clone leaves inference mode behind, so that training may use it.
        found: Tensor = _only_tensor(given[0]).float().cpu().clone()
        return found

    def features(self, recorded: Tensor) -> Tensor:
        """What the head is given for what was recorded [n, …]: float32 [n, f], with gradients."""
        device = self._model.device
        # What runs before the blocks is thrown away; it only has to have the right shape.
        nothing = recorded.new_zeros(1, *self._size).expand(len(recorded), *self._size)
        self._replay.rows = recorded.to(device)
        setattr(self._place, self._name, self._short)
        try:
            found = tapped(
                self._head,
                lambda: self._model.get_image_features(pixel_values=nothing.to(device)),
            )
        finally:
            setattr(self._place, self._name, self._all)
            self._replay.rows = None
        return found.float().cpu()

    def _check(self) -> None:
        """Replaying must give what the whole tower gives."""
        import torch  # noqa: PLC0415 - heavy

        generator = torch.Generator().manual_seed(0)
        values = torch.randn(2, *self._size, generator=generator).to(self._model.device)
        with torch.no_grad():
            whole = tapped(self._head, lambda: self._model.get_image_features(pixel_values=values))
            try:
                replayed = self.features(self.record(values))
            except (RuntimeError, TypeError, IndexError) as error:
                raise _unsupported() from error
        whole = whole.float().cpu()
        if replayed.shape != whole.shape or float((replayed - whole).abs().max()) > _SAME * float(
            whole.abs().max()
        ):
            raise _unsupported()


class CachedTail:
    """A tail over pictures whose recordings are kept (``core.training.trainer.Tail``).

    Args:
        tail: what runs.
        cache: where the recordings are.
        space: under which they are kept.
        keys: each picture's key.

    """

    def __init__(
        self, tail: TowerTail, cache: FeatureCache, space: str, keys: Sequence[str]
    ) -> None:
        self._tail, self._cache, self._space, self._keys = tail, cache, space, keys

    @property
    def parameters(self) -> Sequence[Tensor]:
        return self._tail.parameters

    def __call__(self, rows: Tensor) -> Tensor:
        """Features [n, f] of the pictures with these rows (int64 [n]), with gradients."""
        import torch  # noqa: PLC0415 - heavy

        wanted = [self._keys[row] for row in rows.tolist()]
        return self._tail.features(torch.from_numpy(self._cache.read(self._space, wanted)))


def _replay() -> Any:
    """A module in place of the blocks in front, which replays what they returned."""
    import torch  # noqa: PLC0415 - heavy

    class Replay(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows: Any = None
            self.pattern: Any = None

        def forward(self, *_args: Any, **_named: Any) -> Any:
            if isinstance(self.pattern, tuple):
                return (self.rows, *self.pattern[1:])
            return self.rows

    return Replay()


def _block_list(model: Any) -> tuple[Any, str, Any]:
    """The module that holds the image tower's list of blocks, its name there, and the list."""
    import torch  # noqa: PLC0415 - heavy

    tower: Any = getattr(model, "vision_model", torch.nn.Module())
    lists = [
        (name, module)
        for name, module in tower.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    ]
    if not lists:
        raise _unsupported()
    name, blocks = max(lists, key=lambda found: len(found[1]))
    place, _, attribute = name.rpartition(".")
    return tower.get_submodule(place), attribute, blocks


def _only_tensor(output: Any) -> Any:
    """The one tensor in what a block gave; None where there are more, or none."""
    import torch  # noqa: PLC0415 - heavy

    parts = output if isinstance(output, tuple) else (output,)
    first, *others = parts
    if not isinstance(first, torch.Tensor) or any(part is not None for part in others):
        return None
    return first


def _unsupported() -> ModelUnavailable:
    return ModelUnavailable(
        "The image tower of this model is not built as one block after the other, so its last "
        "blocks cannot be trained apart.",
        remedy="Leave --unfreeze out: then the heads alone are trained.",
    )
