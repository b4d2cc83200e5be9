"""The encoder against transformers called as its documentation shows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.comparison import Comparison, Timed, timed
from bench.models import random_clip
from core.encoder import load_encoder

_TEXTS = [f"a photo of thing number {n}" for n in range(32)]


@contextmanager
def _texts() -> Iterator[tuple[Timed, Timed]]:
    import torch  # noqa: PLC0415 - as its user would
    from transformers import AutoModel, AutoProcessor  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        folder = random_clip(Path(name))
        encoder = load_encoder(str(folder), device="cpu", threads=1)
        model = AutoModel.from_pretrained(folder).eval()
        processor = AutoProcessor.from_pretrained(folder)

        def plain() -> object:
            inputs = processor(
                text=_TEXTS, padding="max_length", truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                return model.get_text_features(**inputs)

        yield timed(lambda: encoder.encode_texts(_TEXTS)), timed(plain)


COMPARISONS = (
    Comparison(
        "32 short texts, CLIP ViT-B/32 text tower, one thread",
        "our encoder",
        "transformers, padded to 77",
        "a batch",
        _texts,
    ),
)
