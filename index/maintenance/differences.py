"""The differences that catalogue, index and files may have, and the remedy for each."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from index.catalogue.records import Suspects


class Fault(enum.StrEnum):
    """What kind of difference it is; the values never change, so programs may rely on them."""

    CATALOGUE = "catalogue"
    FOLDER = "folder"
    UNREADABLE = "file_unreadable"
    NEW = "file_not_indexed"
    GONE = "file_gone"
    CHANGED = "file_changed"
    CAPTIONS = "captions_changed"
    CAPTION_ROW = "caption_row"
    MODEL = "model"
    VECTOR = "vector"
    INDEX = "index"
    COPIES = "copies"
    WORDS = "words"
    UPLOAD_FILE = "upload_file"
    UPLOAD_ROW = "upload_row"
    UPLOAD_STRAY = "upload_stray"
    UPLOAD_PLACE = "upload_place"
    UPLOAD_MARK = "upload_mark"


REPAIR = "run: tangerine verify --repair"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: of what, in words of the user, with what to do about it.

    ``path`` is the picture, empty where it is no single one. ``suspects`` is what has to be
    made anew from the files to put it right.
    """

    collection: str
    fault: Fault
    message: str
    remedy: str
    path: str = ""
    suspects: Suspects = field(default=Suspects(), compare=False)

    def __str__(self) -> str:
        return f"{self.collection}: {self.message}; {self.remedy}"

    def to_json(self) -> dict[str, str]:
        """What ``tangerine verify --json`` says of it."""
        return {
            "collection": self.collection,
            "code": self.fault.value,
            "path": self.path,
            "message": self.message,
            "remedy": self.remedy,
        }


_NAMED = 3
"""So many paths of one kind are named; of more the count tells."""


def in_lines(differences: Iterable[Difference]) -> Iterator[str]:
    """One line for each difference, or for all of one kind in a collection where there are many."""
    kinds: dict[tuple[str, ...], list[Difference]] = {}
    for each in differences:
        words = each.message.removeprefix(each.path) if each.path else each.message
        kinds.setdefault((each.collection, each.fault.value, words, each.remedy), []).append(each)
    for (collection, _, words, remedy), found in kinds.items():
        if len(found) <= _NAMED + 1 or not found[0].path:
            yield from map(str, found)
        else:
            named = ", ".join(each.path for each in found[:_NAMED])
            more = len(found) - _NAMED
            yield f"{collection}: {named} and {more} more: each {words.strip()}; {remedy}"
