"""The vectors of single questions by ``mini``, without transformers.

A command that asks one question would wait longer for transformers than for everything else
together. This is the text half of :class:`core.encoder.mini.modeling.MiniModel`, of the same
modules, so that its numbers are the same; tests hold the two together. Weights are mapped from the
checkpoint, and only what a text needs of them is read.

One of the modules that import torch at the top, which is all that it needs of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.functional import linear, normalize, pad

from core.domain.plain_text import plain_text
from core.domain.types import Vectors
from core.encoder.mini.ngrams import NgramTower
from core.encoder.mini.pieces import PIECES_FILE, UNKNOWN, Pieces

_TOWER = "text_model.tower."
_HEAD = "text_projection.head.weight"


class MiniQuestions:
    """Encodes texts one by one, as the whole encoder does on torch in float32 on a CPU.

    ``folder`` is the checkpoint of ``mini``. Raises OSError, ValueError, KeyError and
    RuntimeError where it is another one, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        self._look, self._hub = int(config["look_axes"]), float(config["text_hub"])
        self._scale = (1 - self._hub**2) ** 0.5
        if config["text_config"]["model_type"] != "tangerine-ngrams":
            raise ValueError("the text tower is another one")
        self._pieces = Pieces(folder / PIECES_FILE)
        with (
            safe_open(folder / "model.safetensors", framework="pt") as weights,
            torch.device("meta"),
        ):
            tower = NgramTower(int(config["text_config"]["vocab_size"]))
            state = {name: weights.get_tensor(_TOWER + name) for name in tower.state_dict()}
            self._head = weights.get_tensor(_HEAD).float()
        # The table stays as it is stored: of its 65 MB, a text reads a few rows.
        tower.load_state_dict(
            {
                name: tensor.float() if tensor.is_floating_point() else tensor
                for name, tensor in state.items()
            },
            assign=True,
        )
        self._tower = tower.eval()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, d], in the order of ``texts``."""
        with torch.inference_mode():
            found = [self._vector(text) for text in texts]
        vectors: Vectors = np.concatenate([one.numpy() for one in found])
        return vectors

    def _vector(self, text: str) -> torch.Tensor:
        cut = self._pieces([plain_text(text, self._knows)], truncation=True)
        ids, mask = (torch.tensor(cut[name]) for name in ("input_ids", "attention_mask"))
        meaning = normalize(linear(self._tower(ids, mask), self._head), dim=1)
        whole = pad(pad(self._scale * meaning, (0, self._look)), (0, 1), value=self._hub)
        return normalize(whole, dim=1)

    def _knows(self, text: str) -> bool:
        return UNKNOWN not in self._pieces(text, add_special_tokens=False)["input_ids"]
