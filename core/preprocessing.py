"""From a decoded picture to the pixels an encoder wants: Pillow and numpy, no torch.

For the fits ``crop`` and ``stretch`` the result equals, byte for byte, what the Pillow
backed image processors of transformers hand to their rescaling step. Memory stays bounded
for pictures of any aspect ratio, where the plain recipe (scale the whole picture, then cut
out the centre; or paste it on a square, then scale) would need gigabytes.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from core.types import Pixels, PixelSpec

_WHITE = (255, 255, 255)

_WHOLE_SCALED_PIXELS = 1 << 26
"""Scaled pictures up to this size are made whole: 64 Mi pixels are 256 MiB in Pillow."""

_STRIP_PIXELS = 1 << 22
"""How much of a padded square exists at a time: 4 Mi pixels are 16 MiB in Pillow."""

_LONGEST_PADDED_EDGE = 1 << 13
"""Longer edges are shortened to this before padding: the work grows with their square. A
photo of 50 megapixels just fits; what is longer is a panorama or an attack."""

_FILTER_SUPPORT = 3
"""Half the width of Pillow's widest filter (Lanczos), in pixels of the coarser picture."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB, with whatever is transparent laid on white.

    Takes any mode that Pillow converts to RGB; pictures of 16 bits a channel have to be
    scaled to 8 bits before, since Pillow clips them.
    """
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        rgba = image.convert("RGBA")
        background = Image.new("RGBA", rgba.size, (*_WHITE, 255))
        return Image.alpha_composite(background, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def fit_pixels(image: Image.Image, spec: PixelSpec) -> Pixels:
    """The picture as the encoder wants it: uint8 [spec.height, spec.width, 3].

    ``image`` is upright already (EXIF orientation applied) and has at least one pixel; any
    mode is first turned into RGB by :func:`to_rgb`. The array is writable and owns its
    memory. Pixels equal those of transformers for ``crop`` and ``stretch``; only a picture
    whose scaled form would exceed 64 Mi pixels (narrower than 1:1300 at 224 pixels) may be
    off by one or two levels here and there.
    """
    rgb = to_rgb(image)
    filter_ = Image.Resampling(spec.resample)
    if spec.fit == "pad":
        fitted = _padded(rgb, spec, filter_)
    elif spec.fit == "stretch":
        fitted = rgb.resize((spec.width, spec.height), filter_)
    else:
        fitted = _cropped(rgb, spec, filter_)
    return np.array(fitted, dtype=np.uint8)


def _cropped(image: Image.Image, spec: PixelSpec, filter_: Image.Resampling) -> Image.Image:
    width, height = _scaled_size(image, spec)
    top, left = _crop_offset(height, spec.height), _crop_offset(width, spec.width)
    box = (left, top, left + spec.width, top + spec.height)
    if width * height > _WHOLE_SCALED_PIXELS:
        return _scaled_window(image, (width, height), box, filter_)
    scaled = image if image.size == (width, height) else image.resize((width, height), filter_)
    # Pillow fills what lies outside the picture with black, as transformers does.
    return scaled.crop(box)


def _scaled_size(image: Image.Image, spec: PixelSpec) -> tuple[int, int]:
    """Width and height before the centre is cut out."""
    if spec.scale_to is not None:
        height, width = spec.scale_to
        return width, height
    width, height = image.size
    edge = spec.shortest_edge
    if edge is None:
        return width, height
    # The longer edge is rounded down, as transformers (and torchvision) do.
    if width <= height:
        return edge, int(edge * height / width)
    return int(edge * width / height), edge


def _crop_offset(edge: int, wanted: int) -> int:
    """Where the centre of ``wanted`` pixels begins; negative where the edge is shorter.

    transformers pads a picture that is too small with the larger half of the border first,
    which is the same as this floor division also below zero.
    """
    return (edge - wanted) // 2


def _scaled_window(
    image: Image.Image,
    scaled: tuple[int, int],
    box: tuple[int, int, int, int],
    filter_: Image.Resampling,
) -> Image.Image:
    """``image.resize(scaled).crop(box)`` without making the whole scaled picture."""
    inside = (max(box[0], 0), max(box[1], 0), min(box[2], scaled[0]), min(box[3], scaled[1]))
    # The part of the original that the filter sees is cut out first: Pillow keeps the
    # source box in single precision, too coarse for coordinates of a very long edge.
    scale = (image.width / scaled[0], image.height / scaled[1])
    source: list[float] = []
    part: list[int] = []
    for end in (0, 1):
        for axis, length in enumerate(image.size):
            reach = math.ceil(_FILTER_SUPPORT * max(scale[axis], 1.0)) + 1
            at = inside[2 * end + axis] * scale[axis]
            source.append(at)
            edge = math.ceil(at) + reach if end else math.floor(at) - reach
            part.append(min(max(edge, 0), length))
    cut = image.crop((part[0], part[1], part[2], part[3]))
    relative = (
        max(source[0] - part[0], 0.0),
        max(source[1] - part[1], 0.0),
        min(source[2] - part[0], float(cut.width)),
        min(source[3] - part[1], float(cut.height)),
    )
    size = (inside[2] - inside[0], inside[3] - inside[1])
    window = cut.resize(size, filter_, box=relative)
    return window.crop(
        (box[0] - inside[0], box[1] - inside[1], box[2] - inside[0], box[3] - inside[1])
    )


def _padded(image: Image.Image, spec: PixelSpec, filter_: Image.Resampling) -> Image.Image:
    """The picture centred on a white square, scaled to the spec's size.

    Equal to pasting on the square and calling ``resize`` on it, byte for byte, for edges up
    to 8192 pixels (longer ones are shortened before, which nobody sees): Pillow scales
    rows first and columns afterwards, so the square is made and scaled strip by strip.
    """
    image = _shortened(image, filter_)
    width, height = image.size
    side = max(width, height)
    if width == height:
        return image.resize((spec.width, spec.height), filter_)
    left, top = (side - width) // 2, (side - height) // 2
    narrow = Image.new("RGB", (spec.width, side), _WHITE)
    rows = max(1, _STRIP_PIXELS // side)
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        strip = image.crop((0, start, width, stop))
        if width < side:
            wide = Image.new("RGB", (side, stop - start), _WHITE)
            wide.paste(strip, (left, 0))
            strip = wide
        narrow.paste(strip.resize((spec.width, stop - start), filter_), (0, top + start))
    return narrow.resize((spec.width, spec.height), filter_)


def _shortened(image: Image.Image, filter_: Image.Resampling) -> Image.Image:
    side = max(image.size)
    if side <= _LONGEST_PADDED_EDGE:
        return image
    width, height = (max(1, round(edge * _LONGEST_PADDED_EDGE / side)) for edge in image.size)
    return image.resize((width, height), filter_)
