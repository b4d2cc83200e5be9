"""What a model is asked when it is loaded, rather than guessed from its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core.domain.errors import ModelUnavailable
from core.domain.types import PixelBatch, PixelSpec, Vectors
from core.encoder.hub import first_line
from core.encoder.tokenizer import Row, TextTokens, row_length

EmbedRows = Callable[[Sequence[Row], int], Vectors]
"""Token rows and the length to pad them to -> unit vectors [n, d]."""

EmbedPixels = Callable[[PixelBatch], Vectors]
"""Pixels -> unit vectors [n, d]."""

_TEXTS = ("a", "a photo of two small dogs on a green chair")
"""Two texts of different length: whether padding matters shows in both."""

_ROUNDING = {"float32": 1e-5, "float16": 1e-3, "bfloat16": 1e-2, "int8": 1e-2}
"""1 - cosine below which two vectors differ by rounding alone, by precision."""


class NotFinite(ModelUnavailable):
    """The model's numbers leave the range of the precision it runs in."""


def common_dimension(
    name: str,
    tokens: TextTokens,
    spec: PixelSpec,
    embed_rows: EmbedRows,
    embed_pixels: EmbedPixels,
) -> int:
    """The length of the vectors of both towers, each of them run once.

    Raises ModelUnavailable where a tower does not take its input or the two do not share a
    space, NotFinite where one overflows.
    """
    shape = (1, spec.height, spec.width, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rows = tokens.tokenize(_TEXTS[:1])
    try:
        image, text = embed_pixels(noise), embed_rows(rows, tokens.max_length)
    except Exception as error:
        raise ModelUnavailable(
            f"The model {name} does not run on what its own files prescribe ({first_line(error)}).",
            remedy="Choose another model.",
        ) from error
    if image.ndim != 2 or image.shape != text.shape:  # noqa: PLR2004  # [1, d]
        raise ModelUnavailable(
            f"The model {name} has no common space: texts become {list(text.shape[1:])} numbers, "
            f"pictures {list(image.shape[1:])}.",
            remedy="Choose a dual encoder, such as a CLIP or SigLIP checkpoint.",
        )
    if not bool((np.isfinite(image) & np.isfinite(text)).all()):
        raise NotFinite(
            f"The model {name} overflows in half precision.",
            remedy="Set the encoder's precision to float32.",
        )
    return int(image.shape[1])


def ignores_padding(tokens: TextTokens, precision: str, embed_rows: EmbedRows) -> bool:
    """Whether more padding than needed leaves the vectors of two texts as they are."""
    rows = tokens.tokenize(_TEXTS)
    longest = max(row_length(row) for row in rows)
    padded = min(2 * longest + 1, tokens.max_length)
    short, long = (embed_rows(rows, length) for length in (longest, padded))
    cosines = (short * long).sum(axis=1)
    return bool((1.0 - cosines < _ROUNDING[precision]).all())
