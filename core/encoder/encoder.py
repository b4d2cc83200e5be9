"""Any dual encoder of transformers: texts or pixels in, unit vectors out.

One class serves CLIP, SigLIP, SigLIP 2 (fixed size), Chinese-CLIP, ALIGN, AltCLIP, MetaCLIP 2,
VisionTextDualEncoder and whatever else offers text and image features of one length. What differs
between them is read from the checkpoint, or asked of the model itself when it is loaded; no model
is known by its name. What computes is one of ``core.encoder.backends.base``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import EncodingFailed
from core.domain.types import ModelIdentity, PixelBatch, PixelSpec, Vectors
from core.encoder.backends.base import Towers
from core.encoder.batch_limit import BatchLimit, in_batches
from core.encoder.choice import BackendTrial, EncoderChoice
from core.encoder.probes import common_dimension, ignores_padding
from core.encoder.tokenizer import Row, TextTokens, row_length
from core.encoder.trials import identify


@dataclass(frozen=True, slots=True)
class Probed:
    """What a model was asked when it was loaded before; see the encoder's properties."""

    dimension: int
    pads_to_longest: bool


class TransformersEncoder:
    """A dual encoder (``core.domain.ports.Encoder``); see load_encoder.

    Args:
        towers: what computes; vectors of texts and of pictures are of the same length.
        tokens: the model's tokenizer.
        spec: the pictures that it takes.
        name: what the user calls it.
        fingerprint: SHA-256 (hex) over its files.
        temperature: the factor and the bias on cosines that it was trained with.
        max_batch: the most texts or pictures in one forward pass; None: as suits the towers.
        probed: what is known already; None: the model is asked, by some forward passes.

    Raises ModelUnavailable where the model does not fit its own tokenizer or preprocessing.
    """

    def __init__(
        self,
        towers: Towers,
        tokens: TextTokens,
        spec: PixelSpec,
        *,
        name: str,
        fingerprint: str,
        temperature: tuple[float, float],
        max_batch: int | None = None,
        probed: Probed | None = None,
    ) -> None:
        self._towers = towers
        self._tokens = tokens
        self.pixel_spec = spec
        sizes = towers.sizes
        self._text_limit = BatchLimit(max_batch or sizes.texts)
        self._image_limit = BatchLimit(max_batch or sizes.pictures)
        # 100 and 0 where the model was trained without.
        self.logit_scale, self.logit_bias = temperature

        probed = probed or self._probed(name)
        self._pads_to_longest = probed.pads_to_longest
        self.identity = ModelIdentity(name, fingerprint, probed.dimension)
        self.choice = EncoderChoice(towers.backend, towers.precision)

    def _probed(self, name: str) -> Probed:
        towers, tokens = self._towers, self._tokens

        def rows(rows: Sequence[Row], length: int) -> Vectors:
            return towers.gather([self._embed_rows(rows, length)])

        def pixels(pixels: PixelBatch) -> Vectors:
            return towers.gather([self._embed_pixels(pixels)])

        dimension = common_dimension(name, tokens, self.pixel_spec, rows, pixels)
        return Probed(dimension, ignores_padding(tokens, towers.precision, rows))

    @property
    def device(self) -> str:
        """Where it runs, as ``cpu`` or ``cuda:0``."""
        return self._towers.device

    @property
    def backend(self) -> str:
        """What computes: ``torch``, ``openvino`` or ``onnx``."""
        return self._towers.backend

    @property
    def precision(self) -> str:
        """What it computes in: ``float32``, ``float16``, ``bfloat16`` or ``int8``."""
        return self._towers.precision

    @property
    def packs_texts(self) -> bool:
        """Whether texts of any lengths are as cheap together, since none of them is padded."""
        return self._towers.sizes.packed

    @property
    def pads_to_longest(self) -> bool:
        """Whether texts are padded to the longest of their batch only.

        Exact where padding behind a text cannot change its vector: causal towers that pool
        at the end token, and towers that mask padding. Elsewhere (SigLIP pools at the last
        position) every text is padded to the tower's full length. Asked of the model itself
        when it is loaded.
        """
        return self._pads_to_longest

    def record(self, trials: Sequence[BackendTrial], refused: Sequence[str] = ()) -> None:
        """Keep what was measured before this encoder was chosen. Once.

        Where its vectors are too far from those of float32, its fingerprint is another one
        from now on.
        """
        self.choice = replace(self.choice, trials=tuple(trials), refused=tuple(refused))
        trial = self.choice.trial
        if trial is not None:
            digest = identify(self.identity.fingerprint, trial)
            self.identity = replace(self.identity, fingerprint=digest)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed ``n`` texts: float32 [n, d], rows of length 1, in the order of ``texts``.

        Texts longer than the tower takes are cut at the end. Raises EncodingFailed.
        """
        rows = self._tokens.tokenize(texts) if texts else []
        # Neighbours in this order are of similar length, so that little is padded.
        order = sorted(range(len(rows)), key=lambda row: row_length(rows[row]))

        def forward(chosen: Sequence[int]) -> Any:
            batch = [rows[row] for row in chosen]
            length = self._tokens.max_length
            if self._pads_to_longest:
                length = self._tokens.shared_length(batch, self._towers.sizes.length_step)
            return self._embed_rows(batch, length)

        sorted_vectors = self._in_batches(order, self._text_limit, forward)
        vectors = np.empty_like(sorted_vectors)
        vectors[order] = sorted_vectors
        return vectors

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """Embed ``n`` pictures: float32 [n, d], rows of length 1.

        ``pixels`` is uint8 [n, spec.height, spec.width, 3], as ``fit_pixels`` makes them;
        anything else is a ValueError. Raises EncodingFailed.
        """
        wanted = (self.pixel_spec.height, self.pixel_spec.width, 3)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:  # noqa: PLR2004  # [n, h, w, 3]
            raise ValueError(
                f"pixels must be uint8 [n, {wanted[0]}, {wanted[1]}, 3], "
                f"not {pixels.dtype} {list(pixels.shape)}"
            )

        def forward(chosen: Sequence[int]) -> Any:
            return self._embed_pixels(pixels[chosen[0] : chosen[-1] + 1])

        return self._in_batches(range(len(pixels)), self._image_limit, forward)

    def _in_batches(
        self, order: Sequence[int], limit: BatchLimit, forward: Callable[[Sequence[int]], Any]
    ) -> Vectors:
        """The vectors of the items, in this order; a batch that does not fit is halved."""
        if not order:
            return np.empty((0, self.identity.dimension), np.float32)
        done = in_batches(order, limit, forward, self._towers.release)
        # The one point at which a GPU is waited for.
        vectors: NDArray[np.float32] = self._towers.gather(done)
        if not np.isfinite(vectors).all():
            raise EncodingFailed(
                "The model gave no usable vector for this input.",
                remedy="If this happens often, set the encoder's precision to float32.",
            )
        return vectors

    def _embed_rows(self, rows: Sequence[Row], length: int) -> Any:
        return self._towers.texts(self._tokens.pad(rows, length))

    def _embed_pixels(self, pixels: PixelBatch) -> Any:
        return self._towers.pictures(pixels)
