"""What a button of a Discord message carries: who may press it, and what it does.

All of its state is in this string, so that a button works as long as its message lives,
whichever process drew it.
"""

from __future__ import annotations

import re

# Discord's bound (developers' reference, "Button"). A user's id has at most 13 digits in
# base 36 and an action 64 bytes, so that there is room to spare.
_CUSTOM_ID = 100
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"([0-9a-z]{1,13}):(.+)", re.DOTALL)


def button_id(caller: int, action: str) -> str:
    """The string of a button that only ``caller`` may press. Raises ValueError if too long."""
    digits = ""
    while caller:
        caller, digit = divmod(caller, 36)
        digits = _DIGITS[digit] + digits
    custom_id = f"{digits or '0'}:{action}"
    if len(custom_id) > _CUSTOM_ID:
        raise ValueError(f"a button's id takes {_CUSTOM_ID} characters: {custom_id!r}")
    return custom_id


def button_parts(custom_id: str) -> tuple[int, str] | None:
    """The caller and the action of a button, None where it is none of ours."""
    shape = _SHAPE.fullmatch(custom_id)
    return (int(shape[1], 36), shape[2]) if shape else None
