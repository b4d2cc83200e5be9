"""The encoder that the settings ask for, tried on the collections' own pictures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import structlog

from config.settings import Settings
from core.domain.errors import EncodingFailed, TangerineError
from core.domain.ports import PictureDecoder
from core.domain.threads import finished_in_thread
from core.domain.types import UPLOADED, Picture, PixelBatch, PixelSpec, Vectors
from core.encoder.hub import local_checkpoint
from core.encoder.known import KnownEncoder, KnownEncoders
from core.encoder.lazy import LateEncoder, Questions
from core.encoder.mini.assemble import mini_folder, mini_place
from core.encoder.torch_needed import need_torch
from core.encoder.trials import Encodes, SearchCheck, overlap
from index.catalogue.catalogue import Catalogue

if TYPE_CHECKING:
    from core.encoder.load import TransformersEncoder

Need = Literal["all", "texts", "nothing"]
"""What a program will encode: everything, single questions, or perhaps nothing."""

_PLAIN = ("torch", "float32")

_log = structlog.get_logger("bot.encoding")


@dataclass(frozen=True, slots=True)
class SampleSize:
    """On how many pictures eight-bit integers are checked.

    ``pictures``: at most, which takes some ten seconds, once. ``fewest``: with fewer, ten
    results are a tenth of everything, and agree too easily. ``batch``: at a time.
    """

    pictures: int = 400
    fewest: int = 100
    batch: int = 32


_SIZE = SampleSize()


async def open_encoder(
    settings: Settings, catalogue: Catalogue, decoder: PictureDecoder, need: Need = "all"
) -> TransformersEncoder | LateEncoder:
    """The model of the settings, run in the best way. Raises ModelUnavailable.

    The first time it may take a minute to find that way; it is remembered in the data folder.
    Where it was loaded there before, no more of it is loaded than there is ``need`` of now.
    """
    check = await asyncio.to_thread(_check_for, settings, catalogue)
    asked = check.with_decoder(decoder, asyncio.get_running_loop()) if check else None
    load = partial(load_encoder_of, settings, settings.model, check=asked)
    if need != "all":
        known = await asyncio.to_thread(known_encoder, settings, catalogue)
        if known is not None and known.device == "cpu":
            late = LateEncoder(known, partial(load, late=True), _questions(settings, known))
            if need == "texts":
                await finished_in_thread(late.prepare_texts)
            return late
    encoder = await finished_in_thread(load)
    choice = encoder.choice
    for reason in choice.refused:
        _log.debug("encoder.refused", reason=reason)
    _log.debug(
        "encoder.ready",
        backend=choice.backend,
        precision=choice.precision,
        gain=round(choice.trial.gain, 2) if choice.trial else None,
    )
    return encoder


def load_encoder_of(
    settings: Settings, model: str, *, check: SearchCheck | None = None, late: bool = False
) -> TransformersEncoder:
    """The encoder of a model as users name it; ``late`` as in ``load_encoder``.

    Blocking. Raises ModelUnavailable.
    """
    # Imported here: commands that need no model must not wait for it.
    from core.encoder.load import load_encoder  # noqa: PLC0415

    backend = settings.encoder.backend
    if backend == "auto" and model != settings.model:
        # Looked at once, to be measured or compared: not worth an export.
        backend = "torch"
    return load_encoder(
        model_source(settings, model),
        name=model,
        device=settings.device,
        backend=backend,
        precision=settings.encoder.precision,
        threads=settings.encoder.threads or None,
        exports=settings.data_dir / "encoder",
        check=check,
        late=late,
    )


def known_encoder(settings: Settings, catalogue: Catalogue) -> KnownEncoder | None:
    """What was told of the model when it was last loaded from the same files, in the same way.

    None where it never was. Blocking. Raises ModelUnavailable where there is no such model.
    """
    source = _pinned(settings.model)
    if source == "mini":
        place = mini_place(settings.data_dir / "models")
        if not place.is_dir():
            return None
        source = str(place)
    checkpoint = local_checkpoint(source)
    if checkpoint is None:
        return None
    check = _check_for(settings, catalogue)
    try:
        return KnownEncoders(
            settings.data_dir / "encoder",
            checkpoint,
            name=settings.model,
            device=settings.device,
            backend=settings.encoder.backend,
            precision=settings.encoder.precision,
            threads=settings.encoder.threads,
            check=check.subject if check else None,
        ).find()
    except OSError:
        return None  # a file went meanwhile


def _questions(settings: Settings, known: KnownEncoder) -> Callable[[], Questions] | None:
    """What encodes a few texts with the very numbers that the model gives, if it is so made."""
    if settings.model != "mini" or (known.choice.backend, known.choice.precision) != _PLAIN:
        return None

    def made() -> Questions:
        import torch  # noqa: PLC0415 - heavy

        from core.encoder.mini.questions import MiniQuestions  # noqa: PLC0415 - loads torch

        if settings.encoder.threads:
            torch.set_num_threads(settings.encoder.threads)
        return MiniQuestions(mini_folder(settings.data_dir / "models"))

    return made


READS: Mapping[str, tuple[str, ...]] = {
    "mini": (
        *("ar", "de", "en", "es", "fr", "it", "ja", "ko"),
        *("nl", "pl", "pt", "ru", "th", "tr", "zh"),
    ),
}
"""The languages that models were trained in (docs/languages.md), where they are known here."""

PINNED = {"openai/clip-vit-base-patch32": "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"}
"""The commit of a model of the hub that is loaded where a name is given without one: the default
model does not change under those who run it."""


def model_source(settings: Settings, model: str) -> str:
    """What the encoder loads for a model as users name it. Blocking. Raises ModelUnavailable."""
    if model == "mini":
        models = settings.data_dir / "models"
        if not mini_place(models).is_dir():
            need_torch("The model mini is not assembled yet: to do it")
        return str(mini_folder(models))
    return _pinned(model)


def _pinned(model: str) -> str:
    return f"{model}@{PINNED[model]}" if model in PINNED else model


def _check_for(
    settings: Settings, catalogue: Catalogue, size: SampleSize = _SIZE
) -> _Sample | None:
    """The largest collection, where eight-bit integers are possible and it has enough."""
    encoder = settings.encoder
    if encoder.precision not in {"auto", "int8"} or encoder.backend not in {"auto", "openvino"}:
        return None
    if find_spec("openvino") is None:
        return None
    counted = [
        (catalogue.counts(collection.name)[0], collection.name, collection.folder.expanduser())
        for collection in settings.all_collections
    ]
    pictures, name, folder = max(counted, default=(0, "", Path()))
    return _Sample(catalogue, name, folder, size) if pictures >= size.fewest else None


@dataclass(frozen=True, slots=True)
class _Sample:
    catalogue: Catalogue
    collection: str
    folder: Path
    size: SampleSize

    @property
    def subject(self) -> str:
        """What is searched: see :class:`core.encoder.trials.SearchCheck`."""
        return f"{self.collection}\0{self.folder}"

    def with_decoder(self, decoder: PictureDecoder, loop: asyncio.AbstractEventLoop) -> SearchCheck:
        """A check that decodes in the loop's workers; it is called from another thread."""

        def compared(candidate: Encodes, reference: Encodes) -> float:
            chosen = self._chosen()
            work = self._decoded(chosen, reference.pixel_spec, decoder)
            pixels, texts = asyncio.run_coroutine_threadsafe(work, loop).result()
            if len(pixels) < self.size.fewest:
                raise EncodingFailed("too few pictures can be read to check it on.")
            return overlap(
                self._encoded(reference, pixels, texts), self._encoded(candidate, pixels, texts)
            )

        return SearchCheck(self.subject, compared)

    def _chosen(self) -> Sequence[Picture]:
        with self.catalogue.contents(self.collection) as contents:
            ours = [p for p in contents.pictures if not p.path.startswith(UPLOADED)]
        return random.Random(0).sample(ours, min(self.size.pictures, len(ours)))  # noqa: S311  # no secret

    async def _decoded(
        self, chosen: Sequence[Picture], spec: PixelSpec, decoder: PictureDecoder
    ) -> tuple[PixelBatch, list[str]]:
        arrays, texts = [], []
        for start in range(0, len(chosen), self.size.batch):
            some = chosen[start : start + self.size.batch]
            found = await asyncio.gather(
                *(decoder.decode(self.folder / picture.path, spec) for picture in some),
                return_exceptions=True,
            )
            for picture, result in zip(some, found, strict=True):
                if isinstance(result, TangerineError):
                    continue  # a picture that is gone or bad is no reason not to look
                if isinstance(result, BaseException):
                    raise result
                arrays.append(result.pixels)
                texts.append(picture.caption)
        shape = (0, spec.height, spec.width, 3)
        pixels = np.stack(arrays) if arrays else np.empty(shape, np.uint8)
        return pixels, [text for text in dict.fromkeys(texts) if text]

    def _encoded(
        self, encoder: Encodes, pixels: PixelBatch, texts: Sequence[str]
    ) -> tuple[Vectors, Vectors]:
        batch = self.size.batch
        starts = range(0, len(pixels), batch)
        pictures = [encoder.encode_images(pixels[start : start + batch]) for start in starts]
        return np.concatenate(pictures), encoder.encode_texts(texts)
