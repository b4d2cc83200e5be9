"""Which option of a command somebody meant who wrote one that it does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

_MEANT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("count", "limit", "max", "n", "num", "number", "results", "top"), ("-k",)),
        **dict.fromkeys(("c", "in", "name"), ("--collection",)),
        **dict.fromkeys(("tag", "tags"), ("--label", "--labels")),
        **dict.fromkeys(("no", "not", "without"), ("--exclude",)),
        **dict.fromkeys(("q", "text", "words"), ("--query", "--text")),
        **dict.fromkeys(("o", "output", "to"), ("--out",)),
        **dict.fromkeys(
            ("dir", "directory", "folder", "path", "pictures"), ("--gallery", "--data")
        ),
        **dict.fromkeys(("photo", "picture"), ("--image",)),
        **dict.fromkeys(("all", "force", "rebuild"), ("--full",)),
        **dict.fromkeys(("confirm", "y", "yes"), ("--confirm-removals",)),
        "groups": ("--clusters",),
    }
)
"""What people call options, as other programs and the chat do, and what these are here."""


def suggested(written: str, known: Sequence[str]) -> list[str]:
    """Those of the ``known`` options that may be meant by a ``written`` one, the nearest first."""
    meant = [each for each in _MEANT.get(written.strip("-").lower(), ()) if each in known]
    return meant or get_close_matches(written, [each for each in known if each.startswith("--")])
