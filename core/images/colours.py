"""Every colour mode that Pillow reads, as 8-bit RGB on white."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms, TiffImagePlugin

_WHITE: Final = (255, 255, 255)

# TIFF 6.0, section 8: tag numbers and values.
_BITS_PER_SAMPLE: Final = 258
_PHOTOMETRIC: Final = 262
_SAMPLE_FORMAT: Final = 339
_WHITE_IS_ZERO: Final = 0
_UNSIGNED: Final = 1

_BITS: Final = 8


def to_rgb(image: Image.Image, *, bits: int = _BITS) -> Image.Image:
    """The loaded picture in mode RGB, whatever is transparent laid on white.

    ``bits`` is the size of one sample in the file, where Pillow does not tell (PNG). 16-bit
    samples are scaled, not clipped; samples without a defined white (floating point beyond
    0 to 1, 32-bit or signed integers) are stretched from the darkest to the brightest.
    Colour profiles are ignored: the pictures that encoders learned from were read without
    them, as transformers does to this day, and a profile parser is one more door for
    strangers' bytes. Changes ``image.info``. Raises ValueError for a mode without RGB.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = _first_tag(image, _BITS_PER_SAMPLE, bits)
    if image.mode.startswith("I;16"):
        image = _from_16_bits(image, bits)
    elif image.mode in ("I", "F"):
        image = _stretched(image)
    elif image.mode == "LAB":
        return _from_lab(image)
    elif image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every JPEG in four colours for inverted, as Adobe writes them. Without
        # Adobe's marker they are not (this is also what Firefox goes by).
        image = ImageChops.invert(image)
    _scale_transparent_colour(image, bits)
    if image.info.get("transparency") is None and not {"A", "a"} & set(image.getbands()):
        return image if image.mode == "RGB" else image.convert("RGB")
    return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", rgba.size, _WHITE)
    white.paste(rgba, mask=rgba)
    return white


def _scale_transparent_colour(image: Image.Image, bits: int) -> None:
    """Bring the one transparent colour of a PNG to the 8 bits its samples have by now.

    Pillow scales the samples but leaves the colour as the file has it.
    """
    colour = image.info.get("transparency")
    if image.mode == "L" and isinstance(colour, int):
        if bits < _BITS:
            colour = colour * 255 // ((1 << bits) - 1)
        image.info["transparency"] = min(colour, 255)
    elif image.mode == "RGB" and isinstance(colour, tuple):
        shift = max(bits - _BITS, 0)
        image.info["transparency"] = tuple(min(part >> shift, 255) for part in colour)


def _from_16_bits(image: Image.Image, bits: int) -> Image.Image:
    """The upper 8 of 9 to 16 bits: what Pillow itself does with 16-bit RGB."""
    samples: NDArray[np.uint16] = np.asarray(image)
    shift = bits - _BITS if bits > _BITS else _BITS
    grey = np.minimum(samples >> shift, 255).astype(np.uint8)
    if (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and _first_tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    ):
        grey = 255 - grey
    picture = Image.fromarray(grey)
    colour = image.info.get("transparency")
    if isinstance(colour, int):
        opaque = np.where(samples == colour, 0, 255).astype(np.uint8)
        picture.putalpha(Image.fromarray(opaque))
    return picture


def _stretched(image: Image.Image) -> Image.Image:
    """Grey from samples of 32 bits: 0 to 1 as it is, anything else from darkest to brightest."""
    samples = np.asarray(image)
    inverted = False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        inverted = _first_tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
        if image.mode == "I" and _first_tag(image, _SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED:
            samples = samples.view(np.uint32)
    known = np.isfinite(samples)
    low, high = (
        (
            float(samples.min(where=known, initial=np.inf)),
            float(samples.max(where=known, initial=-np.inf)),
        )
        if image.mode == "F"
        else (float(samples.min()), float(samples.max()))
    )
    if image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    if not low < high:
        return Image.new("L", image.size, 0)
    grey = np.where(known, samples, low).astype(np.float32)
    grey -= np.float32(low)
    grey *= np.float32(255 / (high - low))
    result = np.rint(grey, out=grey).astype(np.uint8)
    return Image.fromarray(255 - result if inverted else result)


def _from_lab(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only where it works in place
    return converted


def _first_tag(image: TiffImagePlugin.TiffImageFile, tag: int, default: int) -> int:
    """The value of a TIFF tag, the first where there is one for each sample."""
    value = image.tag_v2.get(tag, default)
    if isinstance(value, tuple):
        value = value[0] if value else default
    return value if isinstance(value, int) else default
