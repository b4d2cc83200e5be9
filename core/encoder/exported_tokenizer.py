"""A tokenizer as it was exported with its model: by the package tokenizers, without transformers.

transformers has a Rust tokenizer behind nearly every tokenizer of its own, with settings around it.
An export holds both (:meth:`core.encoder.tokenizer.TextTokens.export`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

_FILE = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """What transformers knows beyond the file, by its own names; ``names`` are its arrays."""

    names: tuple[str, ...]
    model_max_length: int
    pad_token_id: int | None
    eos_token_id: int | None
    unk_token_id: int | None
    pad_token_type_id: int
    padding_side: str
    truncation_side: str


ExportedAs = TokenizerFacts | Literal["files"]
"""How a tokenizer stands in an export: as facts beside the file of its Rust half, or as the files
that one of ours is read from, which needs no transformers either."""


class ExportedTokenizer:
    """As much of a tokenizer of transformers as :class:`core.encoder.tokenizer.TextTokens` uses.

    The file is read when the first text comes.
    """

    def __init__(self, facts: TokenizerFacts, folder: Path) -> None:
        self._folder, self._names, self._cut = folder, facts.names, facts.truncation_side
        self._limit: int | None = None
        self.model_max_length = facts.model_max_length
        self.pad_token_id, self.pad_token_type_id = facts.pad_token_id, facts.pad_token_type_id
        self.eos_token_id, self.unk_token_id = facts.eos_token_id, facts.unk_token_id
        self.padding_side = facts.padding_side

    def __call__(
        self,
        text: str | Sequence[str],
        *,
        add_special_tokens: bool = True,
        truncation: bool = False,
        max_length: int | None = None,
    ) -> dict[str, Any]:
        """The arrays by name: of one text a list of numbers each, of several a list of lists."""
        self._truncate(max_length if truncation else None)
        if isinstance(text, str):
            return self._arrays(self._file.encode(text, add_special_tokens=add_special_tokens))
        found = self._file.encode_batch(list(text), add_special_tokens=add_special_tokens)
        rows = [self._arrays(encoding) for encoding in found]
        return {name: [row[name] for row in rows] for name in self._names}

    @cached_property
    def _file(self) -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415  # not for those who ask nothing

        tokenizer = Tokenizer.from_file(str(self._folder / _FILE))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _truncate(self, limit: int | None) -> None:
        if limit == self._limit:
            return
        if limit is None:
            self._file.no_truncation()
        else:
            self._file.enable_truncation(limit, direction=self._cut)
        self._limit = limit

    def _arrays(self, encoding: Any) -> dict[str, Sequence[int]]:
        arrays = {
            "input_ids": encoding.ids,
            "token_type_ids": encoding.type_ids,
            "attention_mask": encoding.attention_mask,
        }
        return {name: arrays[name] for name in self._names}


def export_tokenizer(tokenizer: Any, folder: Path) -> TokenizerFacts | None:
    """Write a tokenizer of transformers to ``folder``; None where it is none of that kind."""
    inside = getattr(tokenizer, "backend_tokenizer", None)
    names = tuple(tokenizer(""))
    if inside is None or not set(names) <= {"input_ids", "token_type_ids", "attention_mask"}:
        return None
    inside.save(str(folder / _FILE))
    return TokenizerFacts(
        names=names,
        model_max_length=tokenizer.model_max_length,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        unk_token_id=tokenizer.unk_token_id,
        pad_token_type_id=getattr(tokenizer, "pad_token_type_id", 0),
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
    )
