"""Pictures that move, made for tests: animations by Pillow, videos by PyAV. Small and short."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any, cast

from PIL import Image

FRAMES = 12
"""Frames of one, of a tenth of a second each."""

ANIMATIONS = ("GIF", "PNG", "WEBP", "AVIF")
_SOUNDS = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "libopus"}
VIDEOS = (("mp4", "libx264"), ("webm", "libvpx"), ("matroska", "libx264"), ("mov", "mpeg4"))


def in_last_third(
    before: Sequence[Image.Image], thing: Image.Image, size: tuple[int, int] = (128, 128)
) -> list[Image.Image]:
    """Frames that show one picture after the other, and the thing from the last third on."""
    first = 2 * FRAMES // 3
    shown = [before[number * len(before) // first] for number in range(first)]
    shown += [thing] * (FRAMES - first)
    return [each.convert("RGB").resize(size) for each in shown]


def animation(frames: Sequence[Image.Image], kind: str = "GIF", duration: int = 100) -> bytes:
    """The frames as a file of Pillow's format ``kind``, ``duration`` ms each."""
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return out.getvalue()


def video(
    frames: Sequence[Image.Image],
    container: str = "mp4",
    codec: str = "libx264",
    rate: int = 10,
    *,
    silent: bool = False,
) -> bytes:
    """The frames as a file, ``rate`` a second; with sound, as most have, or ``silent``."""
    import av  # noqa: PLC0415 - tests that want no video need it not

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = cast("Any", file.add_stream(codec, rate=rate))
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        heard = [] if silent else _sound(file, _SOUNDS[container])
        for frame in frames:
            file.mux(stream.encode(cast("Any", av.VideoFrame).from_image(frame)))
        file.mux(stream.encode(None))
        file.mux(heard)
    return out.getvalue()


def index_first(mp4: bytes) -> bytes:
    """An MP4 with its index in front of its frames, as programs write it for the web."""
    frames, at = mp4.index(b"mdat") - 4, mp4.rindex(b"moov") - 4
    index = bytearray(mp4[at:])
    place = -1
    while (place := index.find(b"stco", place + 1)) >= 0:
        (count,) = struct.unpack_from(">I", index, place + 8)
        layout = f">{count}I"
        offsets = struct.unpack_from(layout, index, place + 12)
        struct.pack_into(layout, index, place + 12, *(each + len(index) for each in offsets))
    return mp4[:frames] + index + mp4[frames:at]


def sound(container: str = "mp4", codec: str = "aac") -> bytes:
    """A file with nothing but a moment of silence."""
    import av  # noqa: PLC0415

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        file.mux(_sound(file, codec))
    return out.getvalue()


def _sound(file: Any, codec: str) -> list[Any]:
    """The packets of a stream of silence that is added to a file."""
    import av  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    stream = file.add_stream(codec, rate=48000, layout="mono")
    kind = stream.codec_context.format.name if stream.codec_context.format else "fltp"
    silence = np.zeros((1, 960), dtype=np.float32 if kind.startswith("flt") else np.int16)
    frame = cast("Any", av.AudioFrame).from_ndarray(silence, format=kind, layout="mono")
    frame.sample_rate = 48000
    return [*stream.encode(frame), *stream.encode(None)]
