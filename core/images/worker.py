"""What runs inside a decode worker: untrusted bytes in, bounded RGB pixels or a JPEG out.

Nobody else calls this; :class:`core.images.pool.DecodePool` does, in processes that may be killed
at any moment. Imports stay few, so that starting such a process is cheap.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pillow_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core.domain.types import DecodedFrame, DecodedPicture, Pixels, PixelSpec
from core.images import video
from core.images.decode import (
    DecodeLimits,
    OpenFile,
    Upright,
    of_frame,
    read_picture,
    scaled,
    to_kept,
    within,
)
from core.images.errors import out_of_memory
from core.images.frames import Frame
from core.images.look import placeholder_of
from core.images.moving import FrameRequest
from core.images.reduction import Size
from core.images.resize import fit_pixels, smallest_source

PLUGINS: Final = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
"""All that Pillow may use, imported so that it never goes looking; HEIF is pillow-heif's."""

_DESCRIPTORS = 16
"""Files that a worker may have open: three of every process, its channel and a picture."""


@dataclass(frozen=True, slots=True)
class ToPixels:
    """A picture as an encoder wants it: a :class:`~core.domain.types.DecodedPicture`.

    ``preview``: the longer edge of its preview in pixels; 0 for none. ``frames``: with the frames
    that stand for it, where it moves.
    """

    source: bytes | Path | OpenFile
    limits: DecodeLimits
    spec: PixelSpec
    preview: int = 0
    frames: bool = False


@dataclass(frozen=True, slots=True)
class ToJpeg:
    """A picture that becomes a JPEG of at most ``edge`` x ``edge`` pixels.

    ``quality`` is libjpeg's, 1 to 95. ``at_s``: of a picture that moves the frame at this second;
    ``frames``: instead an animated WebP of those that stand for it.
    """

    source: bytes | Path | OpenFile
    limits: DecodeLimits
    edge: int
    quality: int
    at_s: float = 0.0
    frames: bool = False


@dataclass(frozen=True, slots=True)
class ToWords:
    """A picture whose words are read (:mod:`core.images.words`), at most ``edge`` pixels long."""

    source: bytes | Path | OpenFile
    limits: DecodeLimits
    edge: int


Job = ToPixels | ToJpeg | ToWords


def perform(job: Job) -> DecodedPicture | bytes:
    """Do the job. Raises BadPicture and its subclasses; anything else is a bug in this program."""
    if isinstance(job, ToWords):
        raise TypeError("words are read by workers of their own")
    try:
        if isinstance(job, ToJpeg):
            # The last step of scaling keeps at least a factor of two to do with the better
            # filter.
            picture = read_picture(
                job.source,
                job.limits,
                at_least=lambda size: within(size, 2 * job.edge),
                moving=FrameRequest(job.frames, job.at_s),
            )
            return to_kept(picture, job.edge, job.quality)
        picture = read_picture(
            job.source,
            job.limits,
            at_least=lambda size: _needed(size, job),
            moving=FrameRequest(job.frames),
        )
        pixels = fit_pixels(picture.image, job.spec, picture.reduction)
        placeholder = placeholder_of(picture.image)
        preview = _preview(picture, job.preview) if job.preview else None
        frames = tuple(
            DecodedFrame(each.at_s, pixels if number == 0 else _fitted(picture, each, job.spec))
            for number, each in enumerate(picture.frames)
        )
    except MemoryError:
        raise out_of_memory() from None
    return DecodedPicture(
        pixels, picture.format, *picture.size, placeholder, picture.taken, preview, frames
    )


def _fitted(picture: Upright, frame: Frame, spec: PixelSpec) -> Pixels:
    seen = of_frame(picture, frame)
    return fit_pixels(seen.image, spec, seen.reduction)


def prepare() -> None:
    """Load what reads videos, where it is installed."""
    video.prepare()


def _preview(picture: Upright, edge: int) -> Pixels:
    # Averages for the most part: seen beside its hits, or compared at 64 pixels, nobody can tell
    # it from fair resampling, which takes three times as long (1.2 ms more at 128 pixels, 7 ms at
    # 496, of a picture of 1280 x 960).
    return np.asarray(scaled(picture, edge, Image.Resampling.BICUBIC, reducing_gap=1.0))


def _needed(size: Size, job: ToPixels) -> Size:
    """How far a picture of ``size`` may be reduced for both of the sizes that are wanted."""
    smallest = smallest_source(size, job.spec)
    if not job.preview:
        return smallest
    shown = within(size, job.preview)
    return max(smallest[0], shown[0]), max(smallest[1], shown[1])


def configure_decoders(max_pixels: int) -> None:
    """Set what Pillow and pillow-heif offer only as settings of the whole process."""
    # Import what they would import on first use: a worker opens no files.
    Image.preinit()
    warnings.simplefilter("ignore")
    # One thread a decoder: pictures are what runs side by side, and every thread would
    # reserve address space of its own.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Pillow warns from this number on and refuses from twice of it.
    Image.MAX_IMAGE_PIXELS = max_pixels // 2


def limit_resources(memory_bytes: int) -> None:
    """Bound what this process may take; Linux alone keeps all of these bounds.

    ``memory_bytes`` is the address space that a picture may take on top of what the process has
    from its start.
    """
    import resource  # noqa: PLC0415 - exists on Unix only

    if sys.platform == "linux":
        # When the machine runs out of memory, a worker goes before the process that owns it.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A crash must not write a stranger's picture to the disk, and nothing else may be written.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
