"""Any dual encoder of transformers: texts or pixels in, unit vectors out.

One class serves CLIP, SigLIP, SigLIP 2 (fixed size), Chinese-CLIP, ALIGN, AltCLIP,
MetaCLIP 2, VisionTextDualEncoder and whatever else offers text and image features of one
length. What differs between them is read from the checkpoint, or asked of the model itself
when it is loaded; no model is known by its name.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.batch_limit import BatchLimit, in_batches
from core.checkpoint import find_checkpoint, fingerprint
from core.dual_model import (
    choose_device,
    choose_dtype,
    features,
    gains_from_bfloat16,
    load_model,
    quiet,
    temperature,
    text_limit,
)
from core.errors import EncodingFailed
from core.probes import NotFinite, common_dimension, ignores_padding
from core.processor_config import Preprocessing, read_preprocessing
from core.tokens import Row, TextTokens, row_length
from core.trials import EncoderChoice, Trial, compare, identify
from core.types import ModelIdentity, PixelBatch, PixelSpec, Vectors

_CPU_BATCH = {"texts": 32, "images": 4}
"""On a CPU larger batches are slower: EfficientNet-Lite0 does 46 pictures a second in fours
and 16 in sixteens, ViT-B/32 gains nothing after four (one core each)."""

_CUDA_BATCH = {"texts": 256, "images": 256}

_CUDA_LENGTH_STEP = 8
"""On a GPU, lengths are rounded up: few shapes, and tensor cores like multiples of 8."""


class TransformersEncoder:
    """A dual encoder (``core.ports.Encoder``). Blocking, not thread-safe; see load_encoder.

    Args:
        model: in eval mode, on ``device``, with ``get_text_features`` and
            ``get_image_features`` that return [n, d] of the same d.
        tokens: its tokenizer.
        preprocessing: what its pictures need.
        name: what the user calls it.
        fingerprint: SHA-256 (hex) over its files.
        max_batch: the most texts or pictures in one forward pass; None: by device.

    Raises ModelUnavailable where the model does not fit its own tokenizer or preprocessing.
    """

    def __init__(
        self,
        model: Any,
        tokens: TextTokens,
        preprocessing: Preprocessing,
        *,
        name: str,
        fingerprint: str,
        max_batch: int | None = None,
    ) -> None:
        self._model = model
        self._tokens = tokens
        self._device: torch.device = model.device
        self._dtype: torch.dtype = model.dtype
        self._cuda = self._device.type == "cuda"
        most = _CUDA_BATCH if self._cuda else _CPU_BATCH
        self._text_limit = BatchLimit(max_batch or most["texts"])
        self._image_limit = BatchLimit(max_batch or most["images"])
        self._spec = preprocessing.spec
        self._scale = torch.tensor(preprocessing.scale, device=self._device).view(3, 1, 1)
        self._offset = torch.tensor(preprocessing.offset, device=self._device).view(3, 1, 1)
        self._logit_scale, self._logit_bias = temperature(model)
        with torch.inference_mode():
            dimension = common_dimension(
                name, tokens, self._spec, self._embed_rows, self._embed_pixels
            )
            self._pads_to_longest = ignores_padding(tokens, self.precision, self._embed_rows)
        self._identity = ModelIdentity(name, fingerprint, dimension)
        self._trials: tuple[Trial, ...] = ()

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dimension of the model."""
        return self._identity

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size and fit of the pictures that :meth:`encode_images` takes."""
        return self._spec

    @property
    def logit_scale(self) -> float:
        """The factor on cosines that the model was trained with; 100 where it has none."""
        return self._logit_scale

    @property
    def logit_bias(self) -> float:
        """What SigLIP adds to scaled cosines; 0 for other models."""
        return self._logit_bias

    @property
    def device(self) -> str:
        """Where it runs, as ``cpu`` or ``cuda:0``."""
        return str(self._device)

    @property
    def precision(self) -> str:
        """The type of its weights: ``float32``, ``float16`` or ``bfloat16``."""
        return str(self._dtype).removeprefix("torch.")

    @property
    def choice(self) -> EncoderChoice:
        """How it runs, and what was measured before that was decided."""
        return EncoderChoice("torch", self.precision, self._trials)

    @property
    def pads_to_longest(self) -> bool:
        """Whether texts are padded to the longest of their batch only.

        Exact where padding behind a text cannot change its vector: causal towers that pool
        at the end token, and towers that mask padding. Elsewhere (SigLIP pools at the last
        position) every text is padded to the tower's full length. Asked of the model itself
        when it is loaded.
        """
        return self._pads_to_longest

    def record(self, trial: Trial) -> None:
        """Keep what was measured before this encoder was chosen.

        Where it is the one that was tried and its vectors are too far from those of float32,
        its fingerprint is another one from now on.
        """
        self._trials = (*self._trials, trial)
        if trial.precision == self.precision:
            digest = identify(self._identity.fingerprint, trial)
            self._identity = replace(self._identity, fingerprint=digest)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed ``n`` texts: float32 [n, d], rows of length 1, in the order of ``texts``.

        Texts longer than the tower takes are cut at the end. Raises EncodingFailed.
        """
        rows = self._tokens.tokenize(texts) if texts else []
        # Neighbours in this order are of similar length, so that little is padded.
        order = sorted(range(len(rows)), key=lambda row: row_length(rows[row]))

        def forward(chosen: Sequence[int]) -> torch.Tensor:
            batch = [rows[row] for row in chosen]
            length = self._tokens.max_length
            if self._pads_to_longest:
                length = self._tokens.shared_length(batch, _CUDA_LENGTH_STEP if self._cuda else 1)
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
        wanted = (self._spec.height, self._spec.width, 3)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:  # noqa: PLR2004  # [n, h, w, 3]
            raise ValueError(
                f"pixels must be uint8 [n, {wanted[0]}, {wanted[1]}, 3], "
                f"not {pixels.dtype} {list(pixels.shape)}"
            )

        def forward(chosen: Sequence[int]) -> torch.Tensor:
            return self._embed_pixels(pixels[chosen[0] : chosen[-1] + 1])

        return self._in_batches(range(len(pixels)), self._image_limit, forward)

    def _in_batches(
        self,
        order: Sequence[int],
        limit: BatchLimit,
        forward: Callable[[Sequence[int]], torch.Tensor],
    ) -> Vectors:
        """The vectors of the items, in this order; a batch that does not fit is halved."""
        if not order:
            return np.empty((0, self._identity.dimension), np.float32)
        release = torch.cuda.empty_cache if self._cuda else None
        with torch.inference_mode():
            done = in_batches(order, limit, forward, release)
            # The one point at which a GPU is waited for.
            vectors: NDArray[np.float32] = torch.cat(done).cpu().numpy()
        if not np.isfinite(vectors).all():
            raise EncodingFailed(
                "The model gave no usable vector for this input.",
                remedy="If this happens often, set the encoder's precision to float32.",
            )
        return vectors

    def _embed_rows(self, rows: Sequence[Row], length: int) -> torch.Tensor:
        arrays = self._tokens.pad(rows, length)
        inputs = {name: self._to_device(array) for name, array in arrays.items()}
        return _unit(features(self._model.get_text_features(**inputs)))

    def _embed_pixels(self, pixels: PixelBatch) -> torch.Tensor:
        raw = self._to_device(pixels).permute(0, 3, 1, 2)
        values = (raw.float() * self._scale + self._offset).to(self._dtype)
        return _unit(features(self._model.get_image_features(pixel_values=values)))

    def _to_device(self, array: NDArray[Any]) -> torch.Tensor:
        # Through a buffer of torch's own: pinned for the GPU, and the array may be read-only.
        dtype = torch.uint8 if array.dtype == np.uint8 else torch.int64
        buffer = torch.empty(array.shape, dtype=dtype, pin_memory=self._cuda)
        buffer.numpy()[...] = array
        return buffer.to(self._device, non_blocking=True)


def load_encoder(
    model: str,
    *,
    name: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    cache_dir: str | Path | None = None,
    threads: int | None = None,
    max_batch: int | None = None,
) -> TransformersEncoder:
    """The encoder of a local folder or of ``owner/name[@revision]`` on the model hub.

    Args:
        model: a model in the hub's local cache is used without network access; one that is
            not is downloaded once.
        name: for its identity; what the user gave, by default ``model``.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        precision: ``float32``, ``float16``, ``bfloat16`` or ``auto``: float16 on CUDA unless
            the model overflows in it; on a CPU float32, but bfloat16 where the CPU computes
            in it, the model is large enough to gain, and a probe found it faster and within
            a cosine of 0.998 of float32. Vectors are float32 in any case.
        cache_dir: the hub's cache; None: the user's own.
        threads: CPU threads of torch, for the whole process; None or 0: as torch finds best.
        max_batch: the most items in one forward pass; None: as is fastest on the device.

    Where a CPU is told to run in half precision and the probe finds the vectors too far from
    those of float32, the identity's fingerprint is another one, so that no index holds both.
    Takes seconds and blocks. Raises ModelUnavailable with cause and remedy.
    """
    target = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    checkpoint = find_checkpoint(model, cache_dir=Path(cache_dir) if cache_dir else None)

    def load(dtype: torch.dtype) -> Any:
        # Pictures come as [n, h, w, 3]: convolutions that read them so are twice as fast.
        return load_model(checkpoint, dtype).to(target, memory_format=torch.channels_last)

    def build(network: Any) -> TransformersEncoder:
        return TransformersEncoder(
            network,
            TextTokens.load(checkpoint.folder, text_limit(network)),
            preprocessing,
            name=name or model,
            fingerprint=digest,
            max_batch=max_batch,
        )

    with quiet():
        preprocessing = read_preprocessing(checkpoint.folder)
        digest = fingerprint(checkpoint, preprocessing.describe())
        dtype = choose_dtype(precision, target)
        network = load(dtype)
        try:
            encoder = build(network)
        except NotFinite:
            if precision != "auto":
                raise
            return build(load(torch.float32))
        if target.type != "cpu":
            return encoder
        if dtype != torch.float32:
            trial = compare(encoder, build(load(torch.float32)), "torch", precision)
            encoder.record(trial)
            return encoder
        if precision != "auto" or not gains_from_bfloat16(network):
            return encoder
        try:
            half = build(copy.deepcopy(network).to(torch.bfloat16))
            trial = compare(half, encoder, "torch", "bfloat16")
        except (NotFinite, EncodingFailed):
            return encoder
        chosen = half if trial.close and trial.faster else encoder
        chosen.record(trial)
        return chosen


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Rows of length 1 in float32; a zero vector becomes NaN, which is found later."""
    vectors = vectors.float()
    lengths: torch.Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths
