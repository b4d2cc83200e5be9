"""How likely SentencePiece takes a text to be, by the pieces that it cuts it into."""

from __future__ import annotations

from typing import Any, Final

START: Final = "\u2581"
"""What SentencePiece writes for the space before a word."""


def log_likelihood(model: Any, text: str, *, rare: float) -> float:
    """The logarithm of how likely the pieces of a text are; one unknown counts as ``rare``.

    ``model`` is a SentencePieceProcessor of the kind that knows how likely each piece is.
    """
    return sum(
        rare if piece == model.unk_id() else model.get_score(piece) for piece in model.encode(text)
    )
