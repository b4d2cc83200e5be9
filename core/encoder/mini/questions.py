"""The vectors of single questions by ``mini``, without transformers.

A command that asks one question would wait longer for transformers than for everything else
together. This is the text half of :class:`core.encoder.mini.modeling.MiniModel` in the same steps,
so that its numbers are the same; tests hold the two together. Weights are mapped from the
checkpoint, and only what a text needs of them is read.

One of the modules that import torch at the top, which is all that it needs of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch.nn.functional import (
    gelu,
    layer_norm,
    linear,
    normalize,
    pad,
    scaled_dot_product_attention,
)

from core.domain.plain_text import plain_text
from core.domain.types import Vectors
from core.encoder.mini.towers import MAX_TOKENS

_TOWER = "text_model."


class MiniQuestions:
    """Encodes texts one by one, as the whole encoder does on torch in float32 on a CPU.

    ``folder`` is the checkpoint of ``mini``. Raises OSError, ValueError and KeyError where it is
    another one, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        tower = config["text_config"]
        self._layers = int(tower["num_hidden_layers"])
        self._heads = int(tower["num_attention_heads"])
        self._eps = float(tower["layer_norm_eps"])
        self._look, self._hub = int(config["look_axes"]), float(config["text_hub"])
        self._scale = (1 - self._hub**2) ** 0.5
        if (tower["model_type"], tower["hidden_act"]) != ("bert", "gelu"):
            raise ValueError("the text tower is another one")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._unknown = self._tokenizer.token_to_id("[UNK]")
        self._weights: Any = safe_open(folder / "model.safetensors", framework="pt")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, d], in the order of ``texts``."""
        with torch.inference_mode():
            found = [self._vector(text) for text in texts]
        vectors: Vectors = np.concatenate([one.numpy() for one in found])
        return vectors

    def _vector(self, text: str) -> torch.Tensor:
        ids = torch.tensor(self._tokenizer.encode(plain_text(text, self._knows)).ids)
        values = self._embedded(ids)
        for layer in range(self._layers):
            values = self._block(values, f"{_TOWER}encoder.layer.{layer}.")
        pooled = torch.tanh(self._linear(values[:, 0], f"{_TOWER}pooler.dense"))
        head = self._get("text_projection.head.weight")
        meaning = normalize(linear(pooled, head), dim=1)
        whole = pad(pad(self._scale * meaning, (0, self._look)), (0, 1), value=self._hub)
        return normalize(whole, dim=1)

    def _knows(self, text: str) -> bool:
        return self._unknown not in self._tokenizer.encode(text, add_special_tokens=False).ids

    def _embedded(self, ids: torch.Tensor) -> torch.Tensor:
        names = f"{_TOWER}embeddings."
        words = self._weights.get_tensor(f"{names}word_embeddings.weight")[ids].float()
        places = self._weights.get_slice(f"{names}position_embeddings.weight")[: len(ids)].float()
        kind = self._get(f"{names}token_type_embeddings.weight")[0]
        return self._norm((words + kind + places)[None], f"{names}LayerNorm")

    def _block(self, values: torch.Tensor, name: str) -> torch.Tensor:
        attended = self._attended(values, f"{name}attention.self.")
        attended = self._linear(attended, f"{name}attention.output.dense")
        values = self._norm(attended + values, f"{name}attention.output.LayerNorm")
        wide = gelu(self._linear(values, f"{name}intermediate.dense"))
        return self._norm(
            self._linear(wide, f"{name}output.dense") + values, f"{name}output.LayerNorm"
        )

    def _attended(self, values: torch.Tensor, name: str) -> torch.Tensor:
        rows, length, width = values.shape
        query, key, value = (
            self._linear(values, f"{name}{part}")
            .view(rows, length, self._heads, width // self._heads)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        found = scaled_dot_product_attention(query, key, value)
        return found.transpose(1, 2).reshape(rows, length, width)

    def _linear(self, values: torch.Tensor, name: str) -> torch.Tensor:
        return linear(values, self._get(f"{name}.weight"), self._get(f"{name}.bias"))

    def _norm(self, values: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._get(f"{name}.weight"), self._get(f"{name}.bias")
        return layer_norm(values, (values.shape[-1],), weight, bias, self._eps)

    def _get(self, name: str) -> torch.Tensor:
        found: torch.Tensor = self._weights.get_tensor(name)
        return found.float()
