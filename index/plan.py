"""What has to change so that the catalogue says what the folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from index.records import IndexedPicture, NewPicture


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference; ``removed`` are ids, ``unchanged`` is a number."""

    added: tuple[NewPicture, ...]
    changed: tuple[IndexedPicture, ...]
    removed: tuple[str, ...]
    unchanged: int


def plan(
    known: Sequence[IndexedPicture],
    present: Sequence[NewPicture],
    unreadable: Sequence[str] = (),
) -> Plan:
    """Match what is known with what is there, so that ids stay with their pictures.

    In this order: the same path with the same bytes; the same bytes under another path (a
    rename, also when two files swapped names); the same path with other bytes (an edited
    picture). What is left is new, or gone. Pictures below an ``unreadable`` folder (its
    path ends in ``/``) stay as they are: nobody knows whether they are gone.
    """
    prefixes = tuple(unreadable)
    kept = [old for old in known if prefixes and old.path.startswith(prefixes)]
    free = {old.path: old for old in known if not (prefixes and old.path.startswith(prefixes))}
    matches: list[tuple[IndexedPicture, NewPicture]] = []

    waiting: list[NewPicture] = []
    for new in present:
        old = free.get(new.path)
        if old is not None and old.sha256 == new.sha256:
            matches.append((free.pop(new.path), new))
        else:
            waiting.append(new)

    by_content: dict[str, list[IndexedPicture]] = {}
    for old in free.values():
        by_content.setdefault(old.sha256, []).append(old)
    unmatched: list[NewPicture] = []
    for new in waiting:
        candidates = by_content.get(new.sha256)
        if candidates:
            # Of several copies, the one that only moved to another folder.
            same_name = [old for old in candidates if _name(old.path) == _name(new.path)]
            chosen = (same_name or candidates)[0]
            candidates.remove(chosen)
            matches.append((free.pop(chosen.path), new))
        else:
            unmatched.append(new)

    added: list[NewPicture] = []
    for new in unmatched:
        old = free.pop(new.path, None)
        if old is None:
            added.append(new)
        else:
            matches.append((old, new))

    after = [(old, _moved(old, new)) for old, new in matches]
    changed = tuple(new for old, new in after if new != old)
    return Plan(
        added=tuple(added),
        changed=changed,
        removed=tuple(old.id for old in free.values()),
        unchanged=len(kept) + len(after) - len(changed),
    )


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _moved(old: IndexedPicture, new: NewPicture) -> IndexedPicture:
    return IndexedPicture(
        id=old.id,
        path=new.path,
        sha256=new.sha256,
        width=new.width,
        height=new.height,
        captions=new.captions,
    )
