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

from core.domain.types import Pixels, PixelSpec
from core.images.colours import on_background
from core.images.padding import padded
from core.images.reduction import Reduction, Size, Spare, covered, fill, inside

_WHOLE_SCALED_PIXELS = 1 << 26
"""Scaled pictures up to this size are made whole: 64 Mi pixels are 256 MiB in Pillow."""

_KEPT_FACTOR = 3
"""A reduced picture keeps three times the edges that are wanted: what is left to scale is
done by the better filter. Measured on photos: at 2 single pixels are off by up to 10 levels
of 255, at 2.5 by up to 7, at 3 by up to 4 (5 where edges are halved)."""

_FILTER_SUPPORT = 3
"""Half the width of Pillow's widest filter (Lanczos), in pixels of the coarser picture."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB, with whatever is transparent laid on a background that it is seen on.

    Takes any mode that Pillow converts to RGB; pictures of 16 bits a channel have to be
    scaled to 8 bits before, since Pillow clips them.
    """
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        return on_background(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def fit_pixels(
    image: Image.Image,
    spec: PixelSpec,
    reduction: Reduction | None = None,
    *,
    whole_up_to: int = _WHOLE_SCALED_PIXELS,
) -> Pixels:
    """The picture as the encoder wants it: uint8 [spec.height, spec.width, 3].

    ``image`` is upright already (EXIF orientation applied) and has at least one pixel; any
    mode is first turned into RGB by :func:`to_rgb`. The array is writable and owns its
    memory. Pixels equal those of transformers for ``crop`` and ``stretch``; only a picture
    whose scaled form would exceed ``whole_up_to`` pixels (by default narrower than 1:1300 at
    224 pixels) may be off by one or two levels here and there.

    With ``reduction`` the image is a smaller form of the picture, in RGB. Where that is no
    smaller than :func:`smallest_source`, pixels of photos differ from those of the whole
    picture by at most 4 levels of 255 (5 where edges were halved), 0.5 on average.
    """
    filter_ = Image.Resampling(spec.resample)
    if reduction is None:
        image = to_rgb(image)
        reduction = Reduction(image.size)
    if spec.fit == "pad":
        fitted = padded(image, reduction, (spec.width, spec.height), filter_)
    elif spec.fit == "stretch":
        fitted = fill(image, reduction.spare, (spec.width, spec.height), filter_)
    else:
        fitted = _cropped(image, reduction, spec, filter_, whole_up_to)
    return np.array(fitted, dtype=np.uint8)


def smallest_source(size: Size, spec: PixelSpec) -> Size:
    """How far a picture of ``size`` may be reduced before :func:`fit_pixels`."""
    if spec.resample == Image.Resampling.NEAREST:
        return size  # it picks pixels, and these have to be there
    if spec.fit == "stretch":
        scaled = (float(spec.width), float(spec.height))
    elif spec.fit == "pad":
        width, height = size
        side = max(size)
        scaled = (spec.width * width / side, spec.height * height / side)
    else:
        width, height = _scaled_size(size, spec)
        scaled = (float(width), float(height))
    smallest = tuple(
        min(edge, max(1, math.ceil(_KEPT_FACTOR * wanted)))
        for edge, wanted in zip(size, scaled, strict=True)
    )
    return smallest[0], smallest[1]


def _cropped(
    image: Image.Image,
    reduction: Reduction,
    spec: PixelSpec,
    filter_: Image.Resampling,
    whole_up_to: int,
) -> Image.Image:
    width, height = _scaled_size(reduction.size, spec)
    top, left = _crop_offset(height, spec.height), _crop_offset(width, spec.width)
    box = (left, top, left + spec.width, top + spec.height)
    # What is cut away need not be scaled: a quarter of a photograph. Only the whole one scaled
    # has the very bytes of transformers, which a reduced picture has not in any case.
    if reduction.size != image.size or width * height > whole_up_to:
        return _scaled_window(image, reduction.spare, (width, height), box, filter_)
    whole = image
    if image.size != (width, height):
        whole = fill(image, reduction.spare, (width, height), filter_)
    # Pillow fills what lies outside the picture with black, as transformers does.
    return whole.crop(box)


def _scaled_size(size: Size, spec: PixelSpec) -> Size:
    """Width and height before the centre is cut out."""
    if spec.scale_to is not None:
        height, width = spec.scale_to
        return width, height
    width, height = size
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
    spare: Spare,
    scaled: Size,
    box: tuple[int, int, int, int],
    filter_: Image.Resampling,
) -> Image.Image:
    """``fill(image, spare, scaled).crop(box)`` without making the whole scaled picture."""
    shown = (max(box[0], 0), max(box[1], 0), min(box[2], scaled[0]), min(box[3], scaled[1]))
    # The part of the original that the filter sees is cut out first: Pillow keeps the
    # source box in single precision, too coarse for coordinates of a very long edge.
    filled = inside(image, spare)
    scale = ((filled[2] - filled[0]) / scaled[0], (filled[3] - filled[1]) / scaled[1])
    source: list[float] = []
    part: list[int] = []
    for end in (0, 1):
        for axis, length in enumerate(image.size):
            reach = math.ceil(_FILTER_SUPPORT * max(scale[axis], 1.0)) + 1
            at = filled[axis] + shown[2 * end + axis] * scale[axis]
            source.append(at)
            edge = math.ceil(at) + reach if end else math.floor(at) - reach
            part.append(min(max(edge, 0), length))
    cut = covered(image, spare).crop((part[0], part[1], part[2], part[3]))
    relative = (
        max(source[0] - part[0], 0.0),
        max(source[1] - part[1], 0.0),
        min(source[2] - part[0], float(cut.width)),
        min(source[3] - part[1], float(cut.height)),
    )
    size = (shown[2] - shown[0], shown[3] - shown[1])
    window = cut.resize(size, filter_, box=relative).convert("RGB")
    return window.crop((box[0] - shown[0], box[1] - shown[1], box[2] - shown[0], box[3] - shown[1]))
