"""Frames of MP4, MOV, WebM and Matroska files by PyAV, whose wheel carries FFmpeg. In a worker.

FFmpeg knows hundreds of formats, some of which name other files and addresses. Here the format is
told by the first bytes and by them alone, its bytes are given and never a name, and whatever it
would open besides is refused; in a worker the kernel refuses it, too.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, NoReturn, cast

from PIL import Image

from core.images.animation import allowance
from core.images.errors import only_sound, too_many_pixels
from core.images.formats import reads_videos
from core.images.frames import Frame

_DECODERS: Final = "h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,mjpeg,h263,prores,png,gif,ffv1,theora"
"""What phones, cameras, browsers and messengers write; of FFmpeg's hundreds no others are met."""

_ALL_PIXELS: Final = 300_000_000
"""A video of no more pixels is decoded from beginning to end: 5 s of Full HD. Of a longer one only
frames that need no other: :data:`_LOOKS` of them, at equal distances."""

_ALL_FRAMES: Final = 3000
_LOOKS: Final = 48
_FEW_LOOKS: Final = 8
"""With fewer different ones there is nothing to choose from: then it is decoded as far as the
bounds allow."""

_STEPS: Final = 120
_STEP_S: Final = 0.1
"""A decoded frame is looked at this often at most: 120 times, and every tenth of a second."""

_PROBED: Final = 4 << 20
"""Bytes that are read, at most, to learn what is in a file."""


def prepare() -> None:
    """Load it and all that it loads when it is used first: a worker opens no file any more."""
    if not reads_videos():
        return
    import av  # noqa: PLC0415 - the program itself decodes nothing

    av.logging.set_level(None)
    written = io.BytesIO()
    with av.open(written, "w", format="mov") as container:
        stream = cast("Any", container.add_stream("mpeg4", rate=1))
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        for frame in (cast("Any", av.VideoFrame).from_image(Image.new("RGB", (16, 16))), None):
            container.mux(stream.encode(frame))
    for _ in frames_of("mov", written, 16 * 16):
        pass


def frames_of(demuxer: str, file: BinaryIO, max_pixels: int) -> Iterator[Frame]:
    """Upright frames in order, within bounds of pixels and seconds; one at least.

    ``demuxer`` is FFmpeg's name of the format. Raises NotAPicture for what has sound alone,
    TooManyPixels, and what PyAV raises where not even one frame can be decoded.
    """
    may_go_on = allowance()
    with _opened(demuxer, file, max_pixels) as container:
        stream = _pictures(container, max_pixels)
        seconds = _seconds(container, stream)
        count = stream.frames or seconds * float(stream.average_rate or 0)
        area = stream.codec_context.width * stream.codec_context.height
        if count > _ALL_FRAMES or count * area > _ALL_PIXELS:
            looks = list(_looks(container, stream, seconds, may_go_on))
            if len(looks) >= _FEW_LOOKS:
                yield from (_frame(each, stream, max_pixels) for each in looks)
                return
            container.seek(0)
        yield from _all(container, stream, seconds, may_go_on, max_pixels)


def frame_at(demuxer: str, file: BinaryIO, at_s: float, max_pixels: int) -> Frame:
    """The frame that is shown at this second, or the last that can be read. Raises as above."""
    may_go_on = allowance()
    with _opened(demuxer, file, max_pixels) as container:
        stream = _pictures(container, max_pixels)
        start = _start(stream)

        def last_from(seconds: float) -> Any:
            if seconds > 0:
                container.seek(int((start + seconds) / stream.time_base), stream=stream)
            found = None
            for frame in _decoded(container, stream, may_go_on, max_pixels):
                # The numbers of a float32 are 1 µs apart at ten seconds, 1 ms at two hours.
                late = frame.time is not None and frame.time - start > at_s + 2e-3 + 1e-6 * at_s
                if found is not None and late:
                    break
                found = frame
            return found

        try:
            found = last_from(at_s)
        except Exception:
            if not at_s:
                raise
            # The file ends before that second: its last frame is further in front.
            container.seek(0)
            found = last_from(0)
        return _frame(found, stream, max_pixels)


def _opened(demuxer: str, file: BinaryIO, max_pixels: int) -> Any:
    import av  # noqa: PLC0415

    file.seek(0)
    return av.open(
        cast("io.BufferedReader", file),
        "r",
        format=demuxer,
        metadata_errors="replace",
        io_open=_refuse,
        container_options={
            "format_whitelist": _ALIASES[demuxer],
            "codec_whitelist": _DECODERS,
            "protocol_whitelist": "none",
            "probesize": str(_PROBED),
            "analyzeduration": "2000000",
        },
        options={"max_pixels": str(max_pixels), "threads": "1"},
    )


_ALIASES: Final = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
"""As the whitelist wants them: the one name that FFmpeg has for each."""


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    del url, flags, options
    raise PermissionError("a video names another file")


def _pictures(container: Any, max_pixels: int) -> Any:
    """The stream of pictures that is shown: not that of an album's cover."""
    from av.stream import Discard, Disposition  # noqa: PLC0415

    streams = [
        each
        for each in container.streams.video
        if not each.disposition & Disposition.attached_pic and each.codec_context is not None
    ]
    if not streams:
        if container.streams.audio:
            raise only_sound()
        raise ValueError("there are no pictures")
    stream = streams[0]
    context = stream.codec_context
    if context.width * context.height > max_pixels:
        raise too_many_pixels(max_pixels, (context.width, context.height))
    context.thread_count = 1
    for each in container.streams:
        if each is not stream:
            each.discard = Discard.all
    return stream


def _seconds(container: Any, stream: Any) -> float:
    """How long it lasts, 0 where nobody says."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _start(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _looks(
    container: Any, stream: Any, seconds: float, may_go_on: Callable[[], bool]
) -> Iterator[Any]:
    """Frames that need no other, at equal distances, each once."""
    if seconds <= 0:
        return
    context, start = stream.codec_context, _start(stream)
    context.skip_frame = "NONKEY"
    seen: set[int] = set()
    try:
        for number in range(_LOOKS):
            at = start + seconds * number / _LOOKS
            container.seek(int(at / stream.time_base), stream=stream)
            frame = next(container.decode(stream), None)
            if frame is not None and frame.pts is not None and frame.pts not in seen:
                seen.add(frame.pts)
                yield frame
            if not may_go_on():
                return
    except Exception:  # noqa: BLE001 - what can be read is looked at
        return
    finally:
        context.skip_frame = "DEFAULT"


def _all(
    container: Any, stream: Any, seconds: float, may_go_on: Callable[[], bool], max_pixels: int
) -> Iterator[Frame]:
    step, due = max(_STEP_S, seconds / _STEPS), 0.0
    for frame in _decoded(container, stream, may_go_on, max_pixels):
        found = None
        if frame.time is None or frame.time - _start(stream) >= due:
            found = _frame(frame, stream, max_pixels)
            due = found.at_s + step
            yield found


def _decoded(
    container: Any, stream: Any, may_go_on: Callable[[], bool], max_pixels: int
) -> Iterator[Any]:
    """The frames as they come, as far as they can be read; raises where none can."""
    pixels = count = 0
    for frame in _readable(container, stream):
        # A stream may change its size within.
        _check(frame, max_pixels)
        count, pixels = count + 1, pixels + frame.width * frame.height
        yield frame
        if count >= _ALL_FRAMES or pixels >= _ALL_PIXELS or not may_go_on():
            return


def _readable(container: Any, stream: Any) -> Iterator[Any]:
    """All frames up to the first that is broken, or cut by the end of the file."""
    count = 0
    wrong: Exception = EOFError("there is no frame")
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                break
            for frame in packet.decode():
                count += 1
                yield frame
    except Exception as error:  # noqa: BLE001 - what came before it is shown
        wrong = error
    # Decoders hold some back, as others may be shown before them.
    with contextlib.suppress(Exception):
        for frame in stream.codec_context.decode(None):
            count += 1
            yield frame
    if not count:
        raise wrong


def _check(frame: Any, max_pixels: int) -> None:
    if frame.width * frame.height > max_pixels:
        raise too_many_pixels(max_pixels, (frame.width, frame.height))


def _frame(frame: Any, stream: Any, max_pixels: int) -> Frame:
    _check(frame, max_pixels)
    image: Image.Image = frame.to_image()
    aspect = float(stream.sample_aspect_ratio or 1)
    if 1 / 4 < aspect < 4 and aspect != 1:  # noqa: PLR2004 - whatever is further is a lie
        image = image.resize((max(1, round(image.width * aspect)), image.height))
    if turn := _TURNS.get(frame.rotation % 360):
        image = image.transpose(turn)
    at = 0.0 if frame.time is None else max(0.0, frame.time - _start(stream))
    return Frame(at, image)


_TURNS: Final = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
"""``rotation`` counts degrees counter-clockwise."""
