"""Texts to token arrays, with the checkpoint's own tokenizer."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ModelUnavailable
from core.domain.plain_text import plain_text
from core.encoder.exported_tokenizer import ExportedAs, ExportedTokenizer, export_tokenizer
from core.encoder.hub import TOKENIZER_FILES, first_line
from core.encoder.mini.pieces import PIECES_FILE, Pieces

Row = Mapping[str, Sequence[int]]
"""One text: the model's inputs by name (``input_ids``, ``attention_mask``, ...)."""

_PLAUSIBLE_LENGTH = 1_000_000
"""Tokenizers that know no limit report about 1e30 tokens."""

_ODD_TEXTS = (
    "",
    "A photo of TWO small dogs, on a green chair!",
    "  white\tspace \n and   more ",
    "Ein Käfer überquert die Straße; où est l'été? ¿Dónde está el niño?",
    "犬と猫の写真 한국어 단어 собака в лесу كلب صغير สุนัข",
    "tiger🐯 👨\u200d👩\u200d👧 \ufb01ne",
    "<s> [CLS] </s> [SEP] <|endoftext|> <pad> [MASK]",
    "http://example.org/a_b-c.png?x=1&y=2",
    "supercalifragilisticexpialidocious " * 200,
)
"""What an exported tokenizer has to cut as the original does."""


class TextTokens:
    """Cuts texts into tokens and pads them to one length.

    ``max_length`` is the most tokens (special ones included) that the text tower can take;
    longer texts are truncated at their end, as the tokenizer does it.
    """

    def __init__(self, tokenizer: Any, max_length: int | None) -> None:
        own = tokenizer.model_max_length
        limits = [
            limit for limit in (own, max_length) if limit is not None and limit < _PLAUSIBLE_LENGTH
        ]
        if not limits:
            raise ModelUnavailable(
                "Neither the tokenizer nor the text tower of the model limits a text's length.",
                remedy='Set "model_max_length" in its tokenizer_config.json.',
            )
        self.max_length = int(min(limits))
        self._tokenizer = tokenizer
        pad = tokenizer.pad_token_id
        # Where there is no padding token (GPT-like vocabularies) any id serves: what stands
        # behind the end of a text is masked, or never looked at by a causal tower.
        self._fill = {
            "input_ids": pad if pad is not None else (tokenizer.eos_token_id or 0),
            "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
            "attention_mask": 0,
        }
        self._left = tokenizer.padding_side == "left"

    @classmethod
    def load(cls, folder: Path, max_length: int | None) -> TextTokens:
        """The tokenizer of the checkpoint in ``folder``. Raises ModelUnavailable."""
        pieces = folder / PIECES_FILE
        if pieces.is_file():
            return cls(Pieces(pieces), max_length)
        from transformers import AutoTokenizer  # noqa: PLC0415  # a slow import

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except ImportError as error:
            raise ModelUnavailable(
                f"The tokenizer of the model in {folder} needs a package that is not installed.",
                remedy="Install sentencepiece and protobuf (pip install sentencepiece protobuf).",
            ) from error
        except Exception as error:
            raise ModelUnavailable(
                f"The tokenizer of the model in {folder} cannot be read ({first_line(error)}).",
                remedy="Download the model again, or choose another.",
            ) from error
        return cls(tokenizer, max_length)

    @classmethod
    def exported(cls, folder: Path, how: ExportedAs, max_length: int | None) -> TextTokens:
        """What :meth:`export` wrote to ``folder``: without transformers."""
        if how == "files":
            return cls.load(folder, max_length)
        return cls(ExportedTokenizer(how, folder), max_length)

    def export(self, folder: Path, checkpoint: Path) -> ExportedAs | None:
        """Write the tokenizer to ``folder``; None where it would not cut texts as this one does.

        One of ours, which needs no transformers, is taken over by its files in ``checkpoint``.
        """
        how: ExportedAs | None = "files"
        if type(self._tokenizer).__module__.startswith("transformers"):
            how = export_tokenizer(self._tokenizer, folder)
        else:
            for name in TOKENIZER_FILES:
                if (checkpoint / name).is_file():
                    shutil.copyfile(checkpoint / name, folder / name)
        if how is None:
            return None
        ours = TextTokens.exported(folder, how, self.max_length)
        return how if ours.cuts() == self.cuts() else None

    def cuts(self) -> tuple[object, ...]:
        """What it makes of odd texts: equal where two do the same."""
        rows = self.tokenize(_ODD_TEXTS)
        padded = self.pad(rows, self.max_length)
        alone = [self._knows(text) for text in _ODD_TEXTS]
        return rows, alone, {name: array.tolist() for name, array in padded.items()}

    def tokenize(self, texts: Sequence[str]) -> list[Row]:
        """The rows of ``texts``, in order, unpadded, each at most ``max_length`` long."""
        clean = [plain_text(text, self._knows) for text in texts]
        encoded = self._tokenizer(clean, truncation=True, max_length=self.max_length)
        return [
            {name: values[row] for name, values in encoded.items()} for row in range(len(clean))
        ]

    def _knows(self, text: str) -> bool:
        unknown = self._tokenizer.unk_token_id
        return unknown not in self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def shared_length(self, rows: Sequence[Row], step: int = 1) -> int:
        """The longest row's length, rounded up to a multiple of ``step`` within the limit."""
        longest = max(1, *(row_length(row) for row in rows))
        return min(-(-longest // step) * step, self.max_length)

    def pad(self, rows: Sequence[Row], length: int) -> dict[str, NDArray[np.int64]]:
        """Arrays [len(rows), length], int64, by input name."""
        arrays: dict[str, NDArray[np.int64]] = {}
        for name in rows[0]:
            array = np.full((len(rows), length), self._fill.get(name, 0), dtype=np.int64)
            for target, row in zip(array, rows, strict=True):
                values = row[name]
                if self._left:
                    target[length - len(values) :] = values
                else:
                    target[: len(values)] = values
            arrays[name] = array
        return arrays


def row_length(row: Row) -> int:
    return len(row["input_ids"])
