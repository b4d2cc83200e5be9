"""Texts of mixed lengths one behind the other in a single row, so that nothing is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoder.backends.base import Inputs

IDS, MASK = "input_ids", "attention_mask"

_OLD_END = 2
"""What CLIP's first checkpoints name as their end token; transformers takes the largest then."""


_ROW_TOKENS = 320
"""Of a row, so that the 32 short questions of a batch mostly share one: reading the weights
costs as much as 80 to 110 more tokens. Attention, which compares each token with all others, is
some 10 % of the work of a tower of 512 numbers a token there (2 x 320 multiplications beside
12 x 512, per number); ONNX Runtime takes longer for twice as many."""


@dataclass(frozen=True, slots=True)
class TextPacking:
    """Texts in one row, for a causal tower that pools at the end of a text (CLIP's).

    In a batch of mixed lengths a third or half of what a padded one computes is never looked
    at. In one row every token sees those before it in its own text alone, at the position
    that it has there.

    ``end``: the id of the token at the end of a text, as the model's configuration has it.
    """

    end: int

    def knows(self, inputs: Inputs) -> bool:
        """Whether these are ids and their mask, padded behind the texts, which all end."""
        if set(inputs) != {IDS, MASK}:
            return False
        mask = inputs[MASK]
        lengths = mask.sum(axis=1)
        behind = mask == (np.arange(mask.shape[1]) < lengths[:, None])
        return bool(behind.all() and (self.ends(inputs[IDS]) < lengths).all())

    def pack(self, inputs: Inputs, step: int = 1) -> Iterator[dict[str, NDArray[Any]]]:
        """Rows of some 320 tokens at most, and of like length; all texts, in their order.

        Each row is four arrays of int64 by name, in this order:

        - ``ids`` [tokens]: of its texts, one behind the other;
        - ``places`` [tokens]: in their text;
        - ``texts`` [tokens]: which of the texts they belong to;
        - ``ends`` [n]: where in the row each of its n texts is pooled.

        ``inputs`` are such as :meth:`knows`. ``step``: the number of tokens is rounded up to a
        multiple of it by such that belong to no text (-1), so that programs that make
        themselves ready for each shape meet fewer.
        """
        tokens = inputs[MASK].sum(axis=1)
        total = int(tokens.sum())
        rows = -(-total // _ROW_TOKENS)
        # By the middle of each text: a short last row would read all weights for a few tokens.
        row_of = (2 * np.cumsum(tokens) - tokens) * rows // (2 * total)
        for place in np.unique(row_of):
            of_row = row_of == place
            yield self._row({name: array[of_row] for name, array in inputs.items()}, step)

    def _row(self, inputs: Inputs, step: int) -> dict[str, NDArray[Any]]:
        mask = inputs[MASK].astype(bool)
        lengths = mask.sum(axis=1)
        texts, places = mask.nonzero()
        added = (0, -len(texts) % step)
        return {
            "ids": np.pad(inputs[IDS][mask], added),
            "places": np.pad(places, added),
            "texts": np.pad(texts, added, constant_values=-1),
            "ends": np.cumsum(lengths) - lengths + self.ends(inputs[IDS]),
        }

    def ends(self, ids: Any) -> Any:
        """Where each of the texts [n, length] is pooled, by transformers' own rule.

        An array or a tensor, [n]: the place of the first end token.
        """
        return (ids if self.end == _OLD_END else (ids == self.end) * 1).argmax(-1)

    def probe(
        self, lengths: Sequence[int], vocabulary: int, longest: int
    ) -> dict[str, NDArray[np.int64]]:
        """Texts of so many tokens, ends included, for a model with these ids and positions."""
        last = vocabulary - 1 if self.end == _OLD_END else self.end
        sizes = np.minimum(lengths, longest)[:, None]
        shape = (len(lengths), int(sizes.max()))
        ids = np.random.default_rng(0).integers(0, vocabulary, shape)
        places = np.arange(shape[1])
        ids[ids == last] = (last + 1) % (vocabulary - 1)
        ids[places >= sizes - 1] = last
        return {IDS: ids, MASK: (places < sizes).astype(np.int64)}
