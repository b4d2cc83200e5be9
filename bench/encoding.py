"""The encoder against transformers called as its documentation shows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.comparison import Comparison, Timed, timed
from bench.models import random_clip
from core.encoder import load_encoder
from core.trials import probe_pixels

_TEXTS = [f"a photo of thing number {n}" for n in range(32)]
_PICTURES = 8

Pair = tuple[Timed, Timed]


def _texts(precision: str) -> Callable[[], AbstractContextManager[Pair]]:
    @contextmanager
    def prepare() -> Iterator[Pair]:
        import torch  # noqa: PLC0415 - as its user would
        from transformers import AutoModel, AutoProcessor  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as name:
            folder = random_clip(Path(name))
            encoder = load_encoder(str(folder), device="cpu", threads=1, precision=precision)
            model = AutoModel.from_pretrained(folder).eval()
            processor = AutoProcessor.from_pretrained(folder)

            def plain() -> object:
                inputs = processor(
                    text=_TEXTS, padding="max_length", truncation=True, return_tensors="pt"
                )
                with torch.inference_mode():
                    return model.get_text_features(**inputs)

            yield timed(lambda: encoder.encode_texts(_TEXTS)), timed(plain)

    return prepare


def _pictures(precision: str) -> Callable[[], AbstractContextManager[Pair]]:
    @contextmanager
    def prepare() -> Iterator[Pair]:
        import torch  # noqa: PLC0415 - as its user would
        from transformers import AutoModel  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as name:
            folder = random_clip(Path(name))
            encoder = load_encoder(str(folder), device="cpu", threads=1, precision=precision)
            model = AutoModel.from_pretrained(folder).eval()
            pixels = probe_pixels(encoder.pixel_spec, _PICTURES)
            # What a processor would have made of them, outside the timing.
            values = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1.0

            def plain() -> object:
                with torch.inference_mode():
                    return model.get_image_features(pixel_values=values)

            yield timed(lambda: encoder.encode_images(pixels)), timed(plain)

    return prepare


_SHORT = "32 short texts, CLIP ViT-B/32 text tower, one thread"
_BATCH = f"{_PICTURES} pictures, CLIP ViT-B/32 vision tower, one thread"

COMPARISONS = (
    *(
        Comparison(
            _SHORT,
            f"our encoder, {precision}",
            "transformers float32, padded to 77",
            "a batch",
            _texts(precision),
        )
        for precision in ("float32", "bfloat16")
    ),
    *(
        Comparison(
            _BATCH,
            f"our encoder, {precision}",
            "transformers float32",
            "a batch",
            _pictures(precision),
        )
        for precision in ("float32", "bfloat16")
    ),
)
