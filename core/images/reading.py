"""Words in pictures, read in worker processes with the bounds of decoding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from core.domain.types import MAX_LETTERS, MAX_LINES, WordLine
from core.images.errors import worker_died
from core.images.pool import DecodePool
from core.images.reader_version import EDGE, reader_version
from core.images.words import read_words
from core.images.worker import ToWords


class WordPool(DecodePool):
    """The WordReader port: a pool of its own, whose workers start with the first picture.

    Its arguments are those of :class:`~core.images.pool.DecodePool`.
    """

    def __init__(self, workers: int = 1, **bounds: Any) -> None:
        super().__init__(workers, work=read_words, waits_for_pictures=True, **bounds)

    @property
    def version(self) -> str:
        return reader_version()

    async def read(self, source: bytes | Path) -> Sequence[WordLine]:
        answer = cast("bytes", await self._done(ToWords(source, self._limits(source), EDGE)))
        try:
            return _checked(json.loads(answer))
        except (ValueError, TypeError) as error:
            raise worker_died() from error


def _checked(answer: Any) -> Sequence[WordLine]:
    """What a worker says, which a stranger's picture may have taken over. Raises ValueError."""
    lines = [
        WordLine("".join(c for c in text if c.isprintable()), float(confidence))
        for text, confidence in answer
    ]
    if len(lines) > MAX_LINES or any(
        len(line.text) > MAX_LETTERS or not 0 <= line.confidence <= 1 for line in lines
    ):
        raise ValueError("no lines of a picture")
    return [line for line in lines if line.text.strip()]
