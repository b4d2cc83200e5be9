"""CLIP's towers without what nobody looks at: padding, and the last layer of all but one token.

transformers computes every token of every layer, and then takes one: the first of a picture,
the end of a text. The last layer of the others is a twelfth of the work of a tower of twelve.
Here the modules of transformers' own model are run in another order, to the same numbers but
for rounding. Each is compared with the model before it is used; where they differ, or where a
model is built in another way, the model itself runs.

One of the modules that import torch at the top: classes of modules need it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self, TypeVar

import torch
from numpy.typing import NDArray
from torch.nn.functional import cosine_similarity

from core.encoder.backends.sequence_packing import IDS, TextPacking
from core.encoder.model import features

_Tower = TypeVar("_Tower", bound=torch.nn.Module)

_OTHERWISE = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""What a model raises that lacks a part, or has it in another form."""

_LEAST_COSINE = {torch.float32: 0.99999, torch.bfloat16: 0.999, torch.float16: 0.999}
"""How close a vector has to come to the model's own; rounding alone leaves more."""

_HIDDEN = -1e30
"""What is added to the score of a token that is not seen: e to the power of it is 0."""

_PROBE_LENGTHS = (5, 9, 2)
"""Tokens of the texts that both are asked: two lengths at least, since company must not matter."""


class PooledLayer(torch.nn.Module):
    """The last layer of a tower, for the one token of each row that is pooled.

    Where a single token asks, keys and values of the others need not be made: with q the
    query and x a token, q·(K x) is (Kᵀq)·x, and the mean of all V x is V of the mean of x.
    The bias of K moves all scores of a row alike, which their softmax does not see.

    ``layer`` has the parts of transformers' CLIPEncoderLayer.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.attention = layer.self_attn
        self.before, self.between, self.mlp = layer.layer_norm1, layer.layer_norm2, layer.mlp

    def forward(
        self, pooled: torch.Tensor, states: torch.Tensor, hidden: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The states [n, d] of the pooled tokens behind the layer.

        Args:
            pooled: their states before it, [n, d].
            states: of all tokens beside them, normalised (``before``): [n, length, d], or
                [1, length, d] where all stand in one row.
            hidden: which of these each does not see, bool [n, length]; None: it sees all.

        """
        attention, heads = self.attention, self.attention.num_heads
        rows, length, width = states.shape
        queries = attention.q_proj(self.before(pooled)).unflatten(-1, (heads, -1)).transpose(0, 1)
        keys = attention.k_proj.weight.unflatten(0, (heads, -1))
        asked = torch.matmul(queries * attention.scale, keys).transpose(0, 1)
        scores = torch.matmul(asked.reshape(rows, -1, width), states.transpose(1, 2)).float()
        if hidden is not None:
            scores = scores.reshape(-1, heads, length).masked_fill(hidden[:, None], _HIDDEN)
        shares = scores.softmax(dim=-1).to(states.dtype).reshape(rows, -1, length)
        means = torch.matmul(shares, states).reshape(-1, heads, width).transpose(0, 1)
        values = attention.v_proj.weight.unflatten(0, (heads, -1)).transpose(1, 2)
        found = torch.matmul(means, values).transpose(0, 1).flatten(1)
        if attention.v_proj.bias is not None:
            found = found + attention.v_proj.bias
        pooled = pooled + attention.out_proj(found)
        behind: torch.Tensor = pooled + self.mlp(self.between(pooled))
        return behind


class ClipPictures(torch.nn.Module):
    """Normalised pixels [n, 3, h, w] to features [n, d], as ``get_image_features`` of ``model``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        vision = model.vision_model
        self.embeddings, self.before = vision.embeddings, vision.pre_layrnorm
        self.layers, self.last = vision.encoder.layers[:-1], PooledLayer(vision.encoder.layers[-1])
        self.behind, self.projection = vision.post_layernorm, model.visual_projection

    @classmethod
    def of(cls, model: Any, height: int, width: int) -> Self | None:
        """For this model and pictures of this size; None where it is built in another way.

        CLIP's, Chinese-CLIP's and AltCLIP's vision towers are, and that of a
        VisionTextDualEncoder where it is CLIP's.
        """
        values = _noise((2, 3, height, width)).to(model.device, model.dtype)
        return _agreeing(
            lambda: cls(model),
            lambda tower: (
                tower(values),
                features(model.get_image_features(pixel_values=values)),
            ),
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Pools the first token, as the model does."""
        states = self.before(self.embeddings(values))
        for layer in self.layers:
            states = layer(states, None)
        pooled = self.last(states[:, 0], self.last.before(states))
        found: torch.Tensor = self.projection(self.behind(pooled))
        return found


class ClipTexts(torch.nn.Module):
    """Tokens to features [n, d], as ``get_text_features`` of ``model`` (transformers' CLIP).

    Every token sees those before it in its own text alone, so that nothing behind the end of
    a text, where it is pooled, can change its vector.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        text = model.text_model
        self.tokens = text.embeddings.token_embedding
        self.positions = text.embeddings.position_embedding
        self.layers, self.last = text.encoder.layers[:-1], PooledLayer(text.encoder.layers[-1])
        self.behind, self.projection = text.final_layer_norm, model.text_projection
        self.packing = TextPacking(int(text.eos_token_id))

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """For this model; None for any other than CLIP, whose towers are built otherwise."""
        from transformers import CLIPModel  # noqa: PLC0415  # a slow import

        if type(model) is not CLIPModel:
            return None

        def both(tower: ClipTexts) -> tuple[torch.Tensor, torch.Tensor]:
            arrays = tower.packing.probe(
                _PROBE_LENGTHS, tower.tokens.num_embeddings, tower.positions.num_embeddings
            )
            tensors = {name: _on(model, array) for name, array in arrays.items()}
            rows = [map(partial(_on, model), row.values()) for row in tower.packing.pack(arrays)]
            ours = torch.cat([*(tower(*row) for row in rows), tower.padded(tensors[IDS])])
            return ours, features(model.get_text_features(**tensors)).repeat(2, 1)

        return _agreeing(lambda: cls(model), both)

    def forward(
        self, ids: torch.Tensor, places: torch.Tensor, texts: torch.Tensor, ends: torch.Tensor
    ) -> torch.Tensor:
        """Features of the texts of a row; see ``TextPacking.pack``."""
        seen = (texts[:, None] == texts) & (places[:, None] >= places)
        states = (self.tokens(ids) + self.positions(places))[None]
        # Made once for all layers, since programs that run exports add it as it is.
        mask = torch.where(seen, 0.0, _HIDDEN).to(states.dtype)[None, None]
        for layer in self.layers:
            states = layer(states, mask)
        return self._features(states[0, ends], self.last.before(states), ~seen[ends])

    def padded(self, ids: torch.Tensor) -> torch.Tensor:
        """Features of token ids [n, length] that are padded behind each text."""
        places = torch.arange(ids.shape[1], device=ids.device)
        states = self.tokens(ids) + self.positions(places)
        for layer in self.layers:
            states = layer(states, None, is_causal=True)
        ends = self.packing.ends(ids)
        pooled = states[torch.arange(len(ids), device=ids.device), ends]
        return self._features(pooled, self.last.before(states), places > ends[:, None])

    def _features(
        self, pooled: torch.Tensor, states: torch.Tensor, hidden: torch.Tensor
    ) -> torch.Tensor:
        found: torch.Tensor = self.projection(self.behind(self.last(pooled, states, hidden)))
        return found


def _on(model: Any, array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(array).to(model.device)


def _noise(shape: tuple[int, ...]) -> torch.Tensor:
    """Numbers like those of normalised pixels; the same every time, and for nobody else."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _agreeing(
    made: Callable[[], _Tower], both: Callable[[_Tower], tuple[torch.Tensor, torch.Tensor]]
) -> _Tower | None:
    """The tower where it comes to what the model does, vector by vector; else None."""
    with torch.inference_mode():
        try:
            tower = made().eval()
            ours, theirs = both(tower)
            cosines = cosine_similarity(ours.float(), theirs.float(), dim=-1)
        except _OTHERWISE:
            return None
        return tower if bool((cosines >= _LEAST_COSINE[theirs.dtype]).all()) else None
