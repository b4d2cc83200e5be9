"""The text tower of ``mini``: Google's Universal Sentence Encoder Multilingual v3.

Yang et al. 2020, "Multilingual Universal Sentence Encoder for Semantic Retrieval"
(arXiv:1907.04307), its convolutional variant: a table of pieces, windows of two, three and five of
them, the sum over a text divided by the root of its length, and a dense head.

One of the modules that import torch at the top, which is all that it needs of it.
"""

from __future__ import annotations

import torch
from torch.nn.functional import linear, normalize, pad, relu

ORDERS = ((2, 0), (3, 1), (5, 2))
"""Pieces of a window, and how many of them stand before the piece whose window it is."""

PIECES, CHUNKS = 128010, 17
"""Rows of the table, and how many scales they have: row ``i`` has that of ``i % CHUNKS``."""

WIDTH, BRANCH = 512, 256
"""Numbers of a piece and of a text, and of a window."""

WHOLE = WIDTH + len(ORDERS) * BRANCH
"""Numbers of a piece beside its windows."""

FEATURES = WIDTH + WHOLE
"""Numbers of a text: the original's unit vector, and the sum that it is made from."""

SENTENCE_GAIN, SUM_GAIN = WIDTH**0.5, 2.0
"""What both parts are multiplied with, so that a head sees numbers of order 1."""

HIDDEN = 320
"""Of the dense head."""

_EPSILON = 1e-12


class Windows(torch.nn.Module):
    """Two convolutions over the windows of one order, each beside what goes into it."""

    def __init__(self, order: int, before: int) -> None:
        super().__init__()
        self._around = (before, order - 1 - before)
        self.first = torch.nn.Conv1d(BRANCH, BRANCH, order)
        self.second = torch.nn.Conv1d(BRANCH, BRANCH, order)

    def forward(self, values: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Values [n, BRANCH, length], 0 where ``kept`` [n, 1, length] is 0; the same shape."""
        values = (relu(self.first(pad(values, self._around))) + values) * kept
        return relu(self.second(pad(values, self._around))) + values


class NgramTower(torch.nn.Module):
    """Piece ids and their mask, int64 [n, length], to features.

    ``table`` is uint8 [PIECES, WIDTH]: a number is what is stored times ``scale`` plus ``low``,
    both [CHUNKS].
    """

    table: torch.Tensor
    scale: torch.Tensor
    low: torch.Tensor

    def __init__(self, pieces: int = PIECES) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(pieces, WIDTH, dtype=torch.uint8))
        self.register_buffer("scale", torch.ones(CHUNKS))
        self.register_buffer("low", torch.zeros(CHUNKS))
        branches = len(ORDERS) * BRANCH
        self.projection = torch.nn.Linear(WIDTH, branches)
        self.projection_norm = torch.nn.LayerNorm(branches, eps=_EPSILON)
        self.windows = torch.nn.ModuleList(Windows(*order) for order in ORDERS)
        self.norm = torch.nn.LayerNorm(WHOLE, eps=_EPSILON)
        self.pooled = torch.nn.Linear(WHOLE, WIDTH)
        self.short_in = torch.nn.Linear(WIDTH, HIDDEN, bias=False)
        self.dense_in = torch.nn.Linear(WIDTH, HIDDEN, bias=False)
        self.dense_add = torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.dense_out = torch.nn.Linear(HIDDEN, WIDTH, bias=False)
        self.short_out = torch.nn.Linear(HIDDEN, WIDTH, bias=False)
        self.dense_last = torch.nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the heads of ``mini`` take: sentence and sum side by side, [n, WIDTH + WHOLE]."""
        added, count = self.summed(ids, mask)
        return torch.cat([SENTENCE_GAIN * self.sentence(added, count), SUM_GAIN * added], dim=1)

    def summed(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The sum over the pieces by the root of their number, [n, WHOLE]; the number [n, 1]."""
        kept = mask.to(self.scale.dtype)[:, :, None]
        chunk = ids % CHUNKS
        words = self.table[ids].to(self.scale.dtype) * self.scale[chunk][:, :, None]
        words = words + self.low[chunk][:, :, None]
        seen = (self.projection_norm(self.projection(words)) * kept).transpose(1, 2)
        open_ = kept.transpose(1, 2)
        branches = [
            windows(part, open_).transpose(1, 2)
            for windows, part in zip(self.windows, seen.split(BRANCH, dim=1), strict=True)
        ]
        whole = self.norm(torch.cat([words, *branches], dim=2)) * kept
        count = kept.sum(dim=1)
        return whole.sum(dim=1) / count.sqrt(), count

    def sentence(self, added: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """The unit vectors of the original, [n, WIDTH], of what :meth:`summed` gives."""
        pooled = linear(added, self.pooled.weight) + count.sqrt() * self.pooled.bias
        hidden = relu(self.short_in(pooled) + self.dense_add(relu(self.dense_in(pooled))))
        out = self.short_out(hidden) + self.dense_last(relu(self.dense_out(hidden)))
        return normalize(out.tanh(), dim=1)
