"""An encoder that is loaded when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from core.domain.types import ModelIdentity, PixelBatch, PixelSpec, Vectors
from core.encoder.choice import EncoderChoice
from core.encoder.known import KnownEncoder

if TYPE_CHECKING:
    from core.encoder.encoder import TransformersEncoder


_FEW = 8
"""Texts at once: with more, batches are worth the loading."""


class Questions(Protocol):
    """What encodes a few texts exactly as the whole encoder does, and is there at once."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, d]."""


class LateEncoder:
    """An encoder (``core.domain.ports.Encoder``) of which only what is ``known`` is there at first.

    ``load`` blocks and may raise ModelUnavailable, then and at each later try. ``questions``
    makes what answers a few texts meanwhile; it raises OSError, ValueError or KeyError where
    it cannot.
    """

    def __init__(
        self,
        known: KnownEncoder,
        load: Callable[[], TransformersEncoder],
        questions: Callable[[], Questions] | None = None,
    ) -> None:
        self._known = known
        self._load = load
        self._make_questions = questions
        self._questions: Questions | None = None
        self._whole: TransformersEncoder | None = None
        self._loading = threading.Lock()

    @property
    def identity(self) -> ModelIdentity:
        return self._known.identity

    @property
    def pixel_spec(self) -> PixelSpec:
        return self._known.pixel_spec

    @property
    def logit_scale(self) -> float:
        return self._known.logit_scale

    @property
    def device(self) -> str:
        return self._known.device

    @property
    def packs_texts(self) -> bool:
        return self._known.packs_texts

    @property
    def choice(self) -> EncoderChoice:
        return self._known.choice

    def prepare_texts(self) -> None:
        """Load what a question needs. Blocking. Raises ModelUnavailable."""
        with self._loading:
            ready = self._few() is not None
        if not ready:
            self._loaded()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        with self._loading:
            questions = self._few() if self._whole is None and len(texts) <= _FEW else None
        if questions is not None:
            return questions.encode_texts(texts)
        return self._loaded().encode_texts(texts)

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """Unit vectors, float32 [n, d]. Raises EncodingFailed, ModelUnavailable."""
        return self._loaded().encode_images(pixels)

    def _few(self) -> Questions | None:
        if self._questions is None and self._make_questions is not None:
            try:
                self._questions = self._make_questions()
            except (OSError, ValueError, KeyError):
                self._make_questions = None  # the whole encoder tells what is wrong with it
        return self._questions

    def _loaded(self) -> TransformersEncoder:
        with self._loading:
            if self._whole is None:
                self._whole = self._load()
            return self._whole
