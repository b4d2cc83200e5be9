"""What a button of a Discord message carries: who may press it, what it does, and where.

All of its state is in this string, so that a button works as long as its message lives,
whichever process drew it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Discord's bound (developers' reference, "Button"). A user's id has at most 13 digits in
# base 36 and an action 64 bytes, so that there is room to spare.
_CUSTOM_ID = 100
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"(!?)([0-9a-z]{1,13}):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Press:
    """``caller`` alone may press; ``in_place`` draws the answer over the button's message."""

    caller: int
    action: str
    in_place: bool = False


def button_id(caller: int, action: str, *, in_place: bool = False) -> str:
    """The string of a button that only ``caller`` may press. Raises ValueError if too long."""
    digits = ""
    while caller:
        caller, digit = divmod(caller, 36)
        digits = _DIGITS[digit] + digits
    custom_id = f"{'!' if in_place else ''}{digits or '0'}:{action}"
    if len(custom_id) > _CUSTOM_ID:
        raise ValueError(f"a button's id takes {_CUSTOM_ID} characters: {custom_id!r}")
    return custom_id


def button_parts(custom_id: str) -> Press | None:
    """What a button carries, None where it is none of ours."""
    shape = _SHAPE.fullmatch(custom_id)
    return Press(int(shape[2], 36), shape[3], in_place=bool(shape[1])) if shape else None
