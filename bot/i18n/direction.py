"""Latin words, names and numbers inside sentences that are written from right to left.

Without isolates the order of writing spreads to what stands beside them: ``/find`` is shown as
``find/``, ``2026-01-31`` turned round, and a caption takes the score behind it along (Unicode
Standard Annex 9, "Explicit Directional Isolates").
"""

from __future__ import annotations

import re

_LEFT_TO_RIGHT, _BY_ITS_LETTERS, _END = "\u2066", "\u2068", "\u2069"

# A run of ASCII as it is typed: a command with its options, a date, the name of a setting.
_RUN = re.compile(r"(?:--|[/@#])?[A-Za-z0-9{](?:[ -~]*[A-Za-z0-9>}%])?")
_PLACE = re.compile(r"#?\{\w+\}%?")


def left_to_right(text: str) -> str:
    """The text, kept whole and in the order in which it is typed, whatever stands around it."""
    return f"{_LEFT_TO_RIGHT}{text}{_END}"


def by_its_letters(text: str) -> str:
    """The text, kept whole, in the direction of its first letter."""
    return f"{_BY_ITS_LETTERS}{text}{_END}"


def isolated(sentence: str) -> str:
    """A sentence written from right to left, with what is not so kept whole.

    ``{places}`` go by the letters of what is filled in, all else that is ASCII from left to
    right. Figures alone stay as they are.
    """
    return _RUN.sub(_kept, sentence)


def _kept(run: re.Match[str]) -> str:
    beside = _PLACE.sub("", run[0])
    if re.search(r"[A-Za-z/@]|\d\D+\d", beside):
        return left_to_right(run[0])
    return _PLACE.sub(lambda place: by_its_letters(place[0]), run[0])
