"""What runs inside a worker that reads words: untrusted bytes in, lines of text out.

RapidOCR runs PP-OCRv6: one model finds regions of text, another reads each of them. Both are
loaded once, before workers are forked (:func:`prepare`), and each uses one thread, so that a fork
takes none of them away.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from core.domain.types import MAX_LETTERS, MAX_LINES
from core.images.decode import read_picture, scaled, within
from core.images.errors import out_of_memory
from core.images.reader_version import EDGE
from core.images.worker import Job, ToWords

if TYPE_CHECKING:
    from core.domain.types import Pixels

_FOUND_AT: Final = 736
_GLANCE: Final = 480
"""The same of what text is looked for in, which is most of the work and costs by the pixel. At a
glance, in a quarter of the time, no picture with words among those of docs/words.md had none."""

_SEEN_FROM: Final = 0.5
_GUESSED_FROM: Final = 0.3
"""How sure a region of text is, at least, of those that are read, and at a glance."""

_LEAST_EDGE: Final = 320
"""Smaller pictures are enlarged to it, at most :data:`_MOST_ENLARGED` times."""

_MOST_ENLARGED: Final = 3

_SURE: Final = 0.6
"""How sure a line is, at least, that is taken for one."""

_SURE_OF_FEW: Final = 0.85
"""The same for two letters, which any round or straight thing looks like."""

_SURE_OF_ONE: Final = 0.98
"""The same for a single ideograph; one letter of an alphabet is no word."""

_loaded: list[Any] = []


def prepare() -> None:
    """Load both models, and all that they load when they are used first."""
    # Here, since this module is also imported by the program that starts the workers.
    import cv2  # noqa: PLC0415
    import rapidocr  # noqa: PLC0415

    cv2.setNumThreads(1)
    models = Path(rapidocr.__file__).parent / "models"
    [finds] = models.glob("PP-OCR*_det_*.onnx")
    [reads] = models.glob("PP-OCR*_rec_*.onnx")
    reader = rapidocr.RapidOCR(
        params={
            "Global.use_cls": False,  # whole lines upside down are rare, and cost as much again
            "Global.log_level": "critical",
            "Global.text_score": 0.0,
            "Global.max_side_len": EDGE,
            "Det.limit_type": "max",
            "Det.limit_side_len": _FOUND_AT,
            # Given by path, so that nothing is ever fetched.
            "Det.model_path": str(finds),
            "Rec.model_path": str(reads),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    blank = np.full((64, 64, 3), 255, dtype=np.uint8)
    reader(blank, use_det=True, use_rec=True, box_thresh=_SEEN_FROM)
    reader(blank, use_det=False, use_rec=True)
    _loaded[:] = [reader]


def read_words(job: Job) -> bytes:
    """JSON of the lines of a picture: [[text, confidence], ...]. Raises BadPicture and its kin."""
    if not isinstance(job, ToWords):
        raise TypeError("this worker reads words alone")
    try:
        picture = read_picture(job.source, job.limits, at_least=lambda size: within(size, job.edge))
        image = _large_enough(scaled(picture, job.edge, Image.Resampling.BICUBIC, reducing_gap=2.0))
        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # blue first, as OpenCV has it
        return json.dumps(_lines(pixels), ensure_ascii=False).encode()
    except MemoryError:
        raise out_of_memory() from None


def _large_enough(image: Image.Image) -> Image.Image:
    factor = min(_MOST_ENLARGED, _LEAST_EDGE / max(image.size))
    if factor <= 1:
        return image
    width, height = (max(1, round(factor * edge)) for edge in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _lines(pixels: Pixels) -> list[tuple[str, float]]:
    [reader] = _loaded
    if max(pixels.shape) > _GLANCE:
        small = Image.fromarray(pixels)
        small.thumbnail((_GLANCE, _GLANCE), Image.Resampling.BICUBIC)
        seen = reader(np.asarray(small), use_det=True, use_rec=False, box_thresh=_GUESSED_FROM)
        if seen.boxes is None or not len(seen.boxes):
            return []
    found = reader(pixels, use_det=True, use_rec=True, box_thresh=_SEEN_FROM)
    lines = []
    for text, score in zip(found.txts or (), found.scores or (), strict=True):
        plain = " ".join(unicodedata.normalize("NFC", str(text)).split())[:MAX_LETTERS]
        if _is_said(plain, float(score)):
            lines.append((plain, round(float(score), 3)))
    return lines[:MAX_LINES]


def _is_said(text: str, score: float) -> bool:
    """Whether a line is words, and not what edges and patterns look like."""
    letters = [letter for letter in text.casefold() if letter.isalnum()]
    if len(set(letters)) < 2 and (text.isascii() or score < _SURE_OF_ONE):  # noqa: PLR2004
        return False  # a ring is no "0", and a fence no "111"
    few = len(letters) <= 2  # noqa: PLR2004 - those of the docstring
    return score >= (_SURE_OF_FEW if few else _SURE)
