"""Text of strangers on a terminal: what would move the cursor or hide a word is spelt out."""

from __future__ import annotations

import re

# C0 but for tab and line feed, DEL, C1 (ECMA-48), and what changes the direction of reading
# (Unicode, "Bidirectional Control": a name may else end in another suffix than it seems to).
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""The text with each control character as its escape, such as ``\x1b`` and ``\u202e``."""
    return _CONTROLS.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004
