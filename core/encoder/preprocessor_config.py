"""What a checkpoint's own image processor does, as a pixel spec and one affine map.

The numbers are not re-derived from a dozen configuration dialects but taken from the
processor itself: it is asked for a black and a white picture, and the result is checked on
noise. A processor that does anything else (patches, tiles, equalisation) is refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.domain.errors import ModelUnavailable
from core.domain.types import PixelSpec
from core.encoder.hub import first_line
from core.images.resize import fit_pixels

FIT_KEY = "tangerine_fit"
"""Key in ``preprocessor_config.json`` that stock processors ignore: ``"pad"`` or absent."""

_CHECK_SIZES = ((61, 37), (40, 93))
"""Width and height of the noise pictures: one tall, one wide, both odd ratios."""

_TOLERANCE = 1e-3
"""Largest allowed difference; one level of 255 is 4e-3 before division by the deviation."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Everything between a decoded picture and the model's ``pixel_values``.

    The pixels of ``spec`` times ``scale`` plus ``offset`` (three numbers each, for red, green
    and blue) are the model's input.
    """

    spec: PixelSpec
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]

    def describe(self) -> dict[str, object]:
        """JSON values for the model's fingerprint.

        Five significant digits: enough to tell any two preprocessings apart, few enough not
        to change with the order in which a library multiplies.
        """
        return {
            "spec": asdict(self.spec),
            "scale": [f"{value:.5g}" for value in self.scale],
            "offset": [f"{value:.5g}" for value in self.offset],
        }


def read_preprocessing(folder: Path) -> Preprocessing:
    """The preprocessing of the checkpoint in ``folder``, checked against its processor.

    Raises ModelUnavailable where it cannot be done exactly by a pixel spec and an affine map.
    """
    from transformers import AutoImageProcessor  # noqa: PLC0415  # a slow import

    try:
        processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]  # theirs
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise _unsupported(folder, f"it cannot be read ({first_line(error)})") from error
    spec = _spec(folder, processor)
    scale, offset = _affine(folder, processor, spec)
    preprocessing = Preprocessing(spec, scale, offset)
    _check(folder, processor, preprocessing)
    return preprocessing


def _spec(folder: Path, processor: Any) -> PixelSpec:
    size = getattr(processor, "size", None)
    fit = getattr(processor, FIT_KEY, None)
    resample = getattr(processor, "resample", None)
    # transformers scales bilinearly where the configuration names no filter.
    filter_ = int(Image.Resampling.BILINEAR if resample is None else resample)
    resizes = bool(getattr(processor, "do_resize", None))
    crops = bool(getattr(processor, "do_center_crop", None))
    to = (size.height, size.width) if resizes and size and size.height and size.width else None
    if fit not in {None, "pad"}:
        raise _unsupported(folder, f'"{FIT_KEY}": "{fit}" is not known')
    if fit == "pad":
        if to is None or crops:
            raise _unsupported(folder, f'"{FIT_KEY}" needs a size of height and width, no crop')
        return PixelSpec(*to, fit="pad", resample=filter_)
    if crops:
        crop = processor.crop_size
        edge = size.shortest_edge if resizes and size and to is None else None
        if resizes and (size is None or (to is None and edge is None) or size.longest_edge):
            raise _unsupported(folder, f"its size {size} is not known")
        return PixelSpec(
            crop.height,
            crop.width,
            fit="crop",
            shortest_edge=edge,
            resample=filter_,
            scale_to=to,
        )
    if to is None:
        raise _unsupported(folder, f"its size {size} gives pictures of different shapes")
    return PixelSpec(*to, fit="stretch", resample=filter_)


def _run(folder: Path, processor: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The processor's pixel values [3, h, w] of one picture [h, w, 3]."""
    try:
        values = dict(processor(images=[Image.fromarray(pixels)], return_tensors="np"))
    except Exception as error:
        raise _unsupported(folder, f"it fails on a small picture ({first_line(error)})") from error
    if set(values) != {"pixel_values"}:
        raise _unsupported(folder, f"it makes {', '.join(sorted(values))}, not pixel_values alone")
    result = np.asarray(values["pixel_values"], dtype=np.float32)
    if result.ndim != 4 or result.shape[:2] != (1, 3):  # noqa: PLR2004  # [1, 3, h, w]
        raise _unsupported(folder, f"it makes arrays of shape {list(result.shape)}")
    first: NDArray[np.float32] = result[0]
    return first


def _affine(
    folder: Path, processor: Any, spec: PixelSpec
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    flat = np.zeros((spec.height, spec.width, 3), np.uint8)
    middle = (slice(None), spec.height // 2, spec.width // 2)
    black = _run(folder, processor, flat)[middle].astype(np.float64)
    white = _run(folder, processor, flat + np.uint8(255))[middle].astype(np.float64)
    red, green, blue = ((white - black) / 255.0).tolist()
    return (red, green, blue), (float(black[0]), float(black[1]), float(black[2]))


def _check(folder: Path, processor: Any, preprocessing: Preprocessing) -> None:
    spec = preprocessing.spec
    # Padding is ours alone; there the stock processor can only vouch for the numbers.
    sizes = ((spec.width, spec.height),) if spec.fit == "pad" else _CHECK_SIZES
    noise = np.random.default_rng(0)
    scale = np.array(preprocessing.scale, np.float32)
    offset = np.array(preprocessing.offset, np.float32)
    for width, height in sizes:
        pixels = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
        theirs = _run(folder, processor, pixels)
        fitted = fit_pixels(Image.fromarray(pixels), spec).astype(np.float32)
        ours = np.moveaxis(fitted * scale + offset, -1, 0)
        if theirs.shape != ours.shape or np.abs(theirs - ours).max() > _TOLERANCE:
            raise _unsupported(folder, "it does more than scale, crop and normalise")


def _unsupported(folder: Path, why: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"The image preprocessing of the model in {folder} is not supported: {why}.",
        remedy="Choose a model with fixed picture size, such as a CLIP or SigLIP checkpoint.",
    )
