"""Texts to the pieces that the text tower of ``mini`` reads, without torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from core.encoder.mini.accents import Accents
from core.encoder.mini.kana import Kana

PIECES_FILE = "tangerine_pieces.model"
"""In the checkpoint's folder."""

MAX_PIECES = 128
"""Of a text, its two ends included. The tower adds up what it reads, so that a longer text says
ever less; a caption has five to twenty."""

UNKNOWN, START, END = 0, 1, 2


class Pieces:
    """SentencePiece as ``core.encoder.tokenizer`` asks the tokenizers of transformers.

    A text without any piece is the unknown one, as the tower's package has it. The file is read
    when the first text comes. ``as_written`` leaves words as they are; otherwise accents that were
    not typed are put back (:mod:`core.encoder.mini.accents`), and Japanese in kana alone is read
    with Han characters, too (:mod:`core.encoder.mini.kana`).
    """

    model_max_length = MAX_PIECES
    pad_token_id = UNKNOWN
    unk_token_id = UNKNOWN
    eos_token_id = END
    padding_side = "right"

    def __init__(self, file: Path, *, as_written: bool = False) -> None:
        self.file = file
        self._as_written = as_written

    @cached_property
    def _model(self) -> Any:
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415 - for this model alone

        return SentencePieceProcessor(model_file=str(self.file))

    @cached_property
    def _accents(self) -> Accents:
        return Accents(self._model)

    @cached_property
    def _kana(self) -> Kana:
        return Kana(self._model)

    def __call__(
        self,
        texts: str | Sequence[str],
        *,
        add_special_tokens: bool = True,
        truncation: bool = False,
        max_length: int = MAX_PIECES,
    ) -> dict[str, list[list[int]]] | dict[str, list[int]]:
        """Ids and their mask, of one text or of several.

        ``truncation`` leaves at most ``max_length`` ids, the last of which is the end.
        """
        if isinstance(texts, str):
            ids = self._ids(texts, add_special_tokens, max_length if truncation else None)
            return {"input_ids": ids, "attention_mask": [1] * len(ids)}
        rows = [
            self._ids(text, add_special_tokens, max_length if truncation else None)
            for text in texts
        ]
        return {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]}

    def _ids(self, text: str, ends: bool, longest: int | None) -> list[int]:
        spelt = text if self._as_written else self._kana.read(self._accents.restored(text))
        found: list[int] = self._model.encode(spelt) or [UNKNOWN]
        if not ends:
            return found[:longest]
        return [START, *found[: None if longest is None else longest - 2], END]
