"""Every colour mode that Pillow reads, as 8-bit RGB, on a background that it is seen on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageChops, ImageCms, TiffImagePlugin

_WHITE: Final = (255, 255, 255)
_DARK: Final = (32, 32, 32)
"""What chats in their dark design lie on, about."""

_LIGHT: Final = 48
"""A drawing is light where its colours are no further from white, on average, in the channel
that tells most: lemon yellow is not."""

_LOOKED_AT: Final = 256
"""Pixels of each edge by which that is judged: as many as an encoder sees."""

# TIFF 6.0, section 8: tag numbers and values.
_BITS_PER_SAMPLE: Final = 258
_PHOTOMETRIC: Final = 262
_SAMPLE_FORMAT: Final = 339
_WHITE_IS_ZERO: Final = 0
_UNSIGNED: Final = 1

_BITS: Final = 8


def to_rgb(image: Image.Image, *, bits: int = _BITS) -> Image.Image:
    """The loaded picture in mode RGB, laid on white where it is transparent, or on a dark grey.

    ``bits`` is the size of one sample in the file, where Pillow does not tell (PNG). 16-bit
    samples are scaled, not clipped; samples without a defined white (floating point beyond
    0 to 1, 32-bit or signed integers) are stretched from the darkest to the brightest.
    Colour profiles are ignored: the pictures that encoders learned from were read without
    them, as transformers does to this day (for much wider ones see :mod:`core.images.gamut`).
    Changes ``image.info``. Raises ValueError for a mode without RGB.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = _first_tag(image, _BITS_PER_SAMPLE, bits)
    elif isinstance(image, GifImagePlugin.GifImageFile):
        image = _whole_canvas(image)
    if image.mode.startswith("I;16"):
        image = from_16_bits(image, bits)
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
    return on_background(image)


def on_background(image: Image.Image) -> Image.Image:
    """A picture with transparency as RGB, laid on white, or on a dark grey where it is light.

    White drawings, as stickers and logos for dark chats, would be one white picture otherwise.
    """
    if image.mode == "La":
        image = image.convert("LA")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    laid = Image.new("RGB", rgba.size, _DARK if _is_light(rgba) else _WHITE)
    laid.paste(rgba, mask=rgba)
    return laid


def _is_light(rgba: Image.Image) -> bool:
    """Whether what is drawn would hardly be seen on white; its opaque parts count most."""
    size = (min(rgba.width, _LOOKED_AT), min(rgba.height, _LOOKED_AT))
    small = np.asarray(rgba.resize(size, Image.Resampling.BOX)).reshape(-1, 4)
    weights = small[:, 3].astype(np.float32)
    if weights.min() == 255 or not weights.any():  # noqa: PLR2004 - opaque: nothing lies behind it
        return False
    away = 255 - small[:, :3].min(axis=1)
    return float(np.average(away, weights=weights)) < _LIGHT


def _whole_canvas(image: GifImagePlugin.GifImageFile) -> Image.Image:
    """The first frame where it stands, nothing around it (GIF89a, 18: nobody fills that).

    Pillow fills it with a colour of the palette.
    """
    frame = image.dispose_extent
    if frame is None or frame == (0, 0, *image.size):
        return image
    canvas = Image.new("RGBA", image.size, (0, 0, 0, 0))
    canvas.paste(image.convert("RGBA").crop(frame), frame[:2])
    return canvas


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


def from_16_bits(image: Image.Image, bits: int) -> Image.Image:
    """A grey picture by the upper 8 of 9 to 16 bits: what Pillow itself does with 16-bit RGB."""
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
