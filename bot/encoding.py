"""The encoder that the settings ask for, tried on the collections' own pictures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog

from config.settings import Settings
from core.agreement import overlap
from core.errors import EncodingFailed, TangerineError
from core.mini.assemble import mini_folder
from core.ports import PictureDecoder
from core.trials import Encodes, SearchCheck
from core.types import UPLOADED, Picture, PixelBatch, PixelSpec, Vectors
from index.catalogue import Catalogue
from index.threads import finished_in_thread

if TYPE_CHECKING:
    from core.encoder import TransformersEncoder

_SAMPLE = 400
"""Pictures that eight-bit integers are checked on: some ten seconds, once."""

_FEWEST = 100
"""With fewer, ten results are a tenth of everything, and agree too easily."""

_BATCH = 32

_log = structlog.get_logger("bot.encoding")


async def open_encoder(
    settings: Settings, catalogue: Catalogue, decoder: PictureDecoder
) -> TransformersEncoder:
    """The model of the settings, run in the best way. Raises ModelUnavailable.

    The first time it may take a minute to find that way; it is remembered in the data folder.
    """
    check = await asyncio.to_thread(_check_for, settings, catalogue)
    asked = check.with_decoder(decoder, asyncio.get_running_loop()) if check else None
    encoder = await finished_in_thread(load_encoder_of, settings, settings.model, check=asked)
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
    settings: Settings, model: str, *, check: SearchCheck | None = None
) -> TransformersEncoder:
    """The encoder of a model as users name it. Blocking. Raises ModelUnavailable."""
    # Imported here: commands that need no model must not wait for torch.
    from core.encoder import load_encoder  # noqa: PLC0415

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
    )


PINNED = {"openai/clip-vit-base-patch32": "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"}
"""The commit of a model of the hub that is loaded where a name is given without one: the default
model does not change under those who run it."""


def model_source(settings: Settings, model: str) -> str:
    """What the encoder loads for a model as users name it. Blocking. Raises ModelUnavailable."""
    if model == "mini":
        return str(mini_folder(settings.data_dir / "models"))
    return f"{model}@{PINNED[model]}" if model in PINNED else model


def _check_for(settings: Settings, catalogue: Catalogue) -> _Sample | None:
    """The largest collection, where eight-bit integers are possible and it has enough."""
    encoder = settings.encoder
    if encoder.precision not in {"auto", "int8"} or encoder.backend not in {"auto", "openvino"}:
        return None
    counted = [
        (catalogue.counts(collection.name)[0], collection.name, collection.folder.expanduser())
        for collection in settings.all_collections
    ]
    pictures, name, folder = max(counted, default=(0, "", Path()))
    return _Sample(catalogue, name, folder) if pictures >= _FEWEST else None


@dataclass(frozen=True, slots=True)
class _Sample:
    catalogue: Catalogue
    collection: str
    folder: Path

    def with_decoder(self, decoder: PictureDecoder, loop: asyncio.AbstractEventLoop) -> SearchCheck:
        """A check that decodes in the loop's workers; it is called from another thread."""

        def compared(candidate: Encodes, reference: Encodes) -> float:
            chosen = self._chosen()
            work = self._decoded(chosen, reference.pixel_spec, decoder)
            pixels, texts = asyncio.run_coroutine_threadsafe(work, loop).result()
            if len(pixels) < _FEWEST:
                raise EncodingFailed("too few pictures can be read to check it on.")
            return overlap(_encoded(reference, pixels, texts), _encoded(candidate, pixels, texts))

        return SearchCheck(f"{self.collection}\0{self.folder}", compared)

    def _chosen(self) -> Sequence[Picture]:
        with self.catalogue.contents(self.collection) as contents:
            ours = [p for p in contents.pictures if not p.path.startswith(UPLOADED)]
        return random.Random(0).sample(ours, min(_SAMPLE, len(ours)))  # noqa: S311  # no secret

    async def _decoded(
        self, chosen: Sequence[Picture], spec: PixelSpec, decoder: PictureDecoder
    ) -> tuple[PixelBatch, list[str]]:
        arrays, texts = [], []
        for start in range(0, len(chosen), _BATCH):
            some = chosen[start : start + _BATCH]
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


def _encoded(encoder: Encodes, pixels: PixelBatch, texts: Sequence[str]) -> tuple[Vectors, Vectors]:
    pictures = [encoder.encode_images(pixels[i : i + _BATCH]) for i in _starts(len(pixels))]
    return np.concatenate(pictures), encoder.encode_texts(texts)


def _starts(items: int) -> Iterator[int]:
    return iter(range(0, items, _BATCH))
