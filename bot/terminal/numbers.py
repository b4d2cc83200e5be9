"""Numbers with their nouns, in the English of the command line."""

from __future__ import annotations


def counted(number: int, noun: str, several: str = "") -> str:
    """Give "1 picture" or "2 pictures"; ``several``: the plural where it is more than an "s"."""
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"
