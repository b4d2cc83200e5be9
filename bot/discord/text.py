"""Other people's text as Discord shows it literally: no markup, no mention, no surprise.

Discord takes any punctuation behind a backslash as itself, so a backslash before what could
begin markup, a mention, a custom emoji, a time stamp or a link is all that is needed.
"""

from __future__ import annotations

import re
import unicodedata

TEXT_LIMIT = 4000
"""UTF-16 units of all texts of one message with components (developers' reference, "Text
Display"). Discord counts characters; counting units keeps below whichever it means."""

_MARKUP = re.compile(r"[\\`*_~|<>\[\]@]|:(?=//)")
# What makes a heading, a list or a small print only does so at the start of a line.
_LINE_START = re.compile(r"(?:#{1,3}|-#|[-+])(?=\s)|\d+(?=\.\s)")
_PIECE = re.compile(r"\\?.", re.DOTALL)
# Embeddings, overrides and isolates would turn around what stands behind the text.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ZERO_WIDTH_JOINER = "\u200d"


def units(text: str) -> int:
    """The length in UTF-16 units: characters beyond the basic plane count twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def literal(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line that shows ``text`` as it is, in at most ``limit`` UTF-16 units.

    White space becomes single spaces, control characters and what turns the direction of
    writing go; what does not fit is replaced by an ellipsis.
    """
    line = " ".join(text.split())
    line = "".join(c for c in line if c not in _TURNING and unicodedata.category(c) != "Cc")
    line = _MARKUP.sub(lambda match: "\\" + match[0], line)
    start = _LINE_START.match(line)
    if start is not None:
        digits = start[0].isdigit()
        line = f"{start[0]}\\{line[start.end() :]}" if digits else f"\\{line}"
    return cut(line, limit)


def cut(text: str, limit: int) -> str:
    """The text in at most ``limit`` UTF-16 units, never ending in half an escape."""
    if units(text) <= limit:
        return text
    kept: list[str] = []
    left = limit - 1
    for piece in _PIECE.findall(text):
        left -= units(piece)
        if left < 0:
            break
        kept.append(piece)
    while kept and (kept[-1] == _ZERO_WIDTH_JOINER or unicodedata.combining(kept[-1][-1])):
        kept.pop()
    return "".join(kept) + "…" if limit > 0 else ""


class Budget:
    """Shares out the characters of one message, first come first served."""

    def __init__(self, total: int = TEXT_LIMIT) -> None:
        self._left = total

    def take(self, text: str) -> str:
        """As much of the text as there is room for; empty where there is none."""
        kept = cut(text, self._left)
        self._left -= units(kept)
        return kept

    def take_lines(self, lines: list[str]) -> str:
        """The lines that fit as wholes, and an ellipsis for those that do not."""
        kept: list[str] = []
        left = self._left - 2  # the ellipsis on its own line
        for line in lines:
            left -= units(line) + 1
            if left < 0:
                kept.append("…")
                break
            kept.append(line)
        return self.take("\n".join(kept))
