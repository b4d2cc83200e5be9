"""What the frozen text tower says of every caption, cached."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from transformers import AutoTokenizer

from core.encoder.mini.towers import MAX_TOKENS, TEXT_PACKAGE, package_file, text_tower

_BATCH = 64


def text_features(texts: Sequence[str], cache: Path) -> torch.Tensor:
    """Unit features of the text tower, before any head: float32 [n, 384]."""
    key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    file = cache / f"texts-{key}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, _encoded(texts).numpy())
        part.rename(file)
    return torch.from_numpy(np.load(file))


def _encoded(texts: Sequence[str]) -> torch.Tensor:
    folder = package_file(TEXT_PACKAGE, "model/tokenizer.json").parent
    tokenizer, model = AutoTokenizer.from_pretrained(folder), text_tower()
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    rows = torch.empty(len(texts), model.config.hidden_size)
    with torch.inference_mode():
        for start in track(range(0, len(order), _BATCH), description="texts"):
            chosen = order[start : start + _BATCH]
            tokens = tokenizer(
                [texts[row] for row in chosen],
                padding=True,
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
            )
            rows[chosen] = model(**tokens).pooler_output
    return torch.nn.functional.normalize(rows, dim=1)
