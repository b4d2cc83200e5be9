"""What is read of a picture that moves: one frame, or those that stand for it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from PIL import Image

from core.images import animation, video
from core.images.errors import video_not_read
from core.images.formats import DEMUXERS, SHOWN_VIDEOS, reads_videos
from core.images.frames import Frame, chosen, shows_something
from core.images.reduction import Reduction, Size

_LAST_S: Final = 1.0
"""How long the last of a few kept frames is shown."""

_LONGEST_MS: Final = (1 << 24) - 1  # of a frame of WebP (RFC 9649, 2.7.1.1)


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """What is wanted of a picture where it moves.

    ``scenes``: the frames that stand for it; ``at_s``: the one that is shown at this second. Of
    neither it is the first frame that shows something, as of a picture that does not move.
    """

    scenes: bool = False
    at_s: float = 0.0


STILL: Final = FrameRequest()


class AnimationFile(NamedTuple):
    """A file that Pillow reads: its format, its first bytes, and the file itself."""

    format: str
    head: bytes
    file: BinaryIO


def of_animation(
    source: AnimationFile,
    first: Image.Image,
    wanted: FrameRequest,
    shown: Callable[[Image.Image], Image.Image],
    at_least: Callable[[Size], Size] | None,
) -> Sequence[Frame]:
    """Frames of a picture that Pillow reads; none where it does not move.

    ``first``: its first frame as it is seen, to which ``shown`` brings the others. What cannot be
    read of the others is left out.
    """
    telling = shows_something(first)
    if telling and wanted == STILL:
        return ()
    if not animation.is_animated(*source):
        return ()
    frames = animation.frames_of(source.format, source.file, shown)
    count = 0

    def counted() -> Iterator[Frame]:
        nonlocal count
        for frame in frames:
            count += 1
            yield frame

    try:
        found = _wanted(counted(), wanted, at_least)
    except Exception:  # noqa: BLE001 - it is shown as one that does not move
        return ()
    return found if count > 1 else ()


def of_video(
    name: str,
    file: BinaryIO,
    max_pixels: int,
    wanted: FrameRequest,
    at_least: Callable[[Size], Size] | None,
) -> Sequence[Frame]:
    """Frames of a video, one at least; raises as :func:`core.images.video.frames_of`."""
    if not reads_videos():
        raise video_not_read(SHOWN_VIDEOS[name])
    demuxer = DEMUXERS[name]
    if wanted.at_s and not wanted.scenes:
        return [video.frame_at(demuxer, file, wanted.at_s, max_pixels)]
    frames = _wanted(video.frames_of(demuxer, file, max_pixels), wanted, at_least)
    if not frames:
        raise EOFError("there is no frame")
    return frames


def _wanted(
    frames: Iterator[Frame], wanted: FrameRequest, at_least: Callable[[Size], Size] | None
) -> Sequence[Frame]:
    if wanted.scenes:
        return chosen(frames, lambda image: _reduced(image, at_least))
    found: list[Frame] = []
    for frame in frames:
        if wanted.at_s:
            # Seconds went through a float32.
            if found and frame.at_s > wanted.at_s + 2e-3 + 1e-6 * wanted.at_s:
                break
            found = [frame]
        elif shows_something(frame.image):
            return [frame]
        elif not found:
            found = [frame]
    return found


def _reduced(image: Image.Image, at_least: Callable[[Size], Size] | None) -> Image.Image:
    """By a whole number, as far as it stays no smaller than what is wanted."""
    if at_least is None:
        return image
    width, height = at_least(image.size)
    factor = min(image.width // max(width, 1), image.height // max(height, 1))
    return image.reduce(factor) if factor > 1 else image


def reduction_of(image: Image.Image, size: Size) -> Reduction | None:
    """How an image of this ``size`` was reduced to ``image``."""
    if image.size == size:
        return None
    factor = max(round(size[0] / image.width), round(size[1] / image.height), 1)
    right, below = (image.width - size[0] / factor, image.height - size[1] / factor)
    return Reduction(size, (0.0, 0.0, max(0.0, right), max(0.0, below)))


def to_webp(pictures: Sequence[tuple[float, Image.Image]], quality: int) -> bytes:
    """Frames as an animation without metadata, each shown from its second on until the next."""
    times = [0.0, *(at_s for at_s, _ in pictures[1:])]
    ends = [*times[1:], times[-1] + _LAST_S]
    lasting = [
        min(_LONGEST_MS, max(1, round(1000 * (end - start))))
        for start, end in zip(times, ends, strict=True)
    ]
    images = [image for _, image in pictures]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=lasting,
        loop=0,
        quality=quality,
        method=2,
    )
    return buffer.getvalue()
