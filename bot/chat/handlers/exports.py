"""Everything that is kept of a person as files to take along. Blocking."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bot.protocol.replies import Document
from core.domain.types import PersonalData
from core.images.formats import HEAD_BYTES, sniff

MAX_BYTES = 8 * 2**20
"""Of one file: what Discord takes in any server, and Telegram from any bot."""

MAX_FILES = 10
"""Of one reply: what Discord takes with one message."""

_DATA = "data.json"
# What a ZIP says of a file, in both places, with names as short as ours; and of itself.
_ENTRY_BYTES = 512
_END_BYTES = 512
# The earliest time that a ZIP can say.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)

Remembered = Mapping[str, Sequence[Mapping[str, object]]]
"""What each personal memory keeps, by the memory's name."""


@dataclass(frozen=True, slots=True)
class Export:
    """The files, and how many pictures are in none: unreadable, or too many."""

    documents: tuple[Document, ...]
    left_out: int


@dataclass(frozen=True)
class _KeptPicture:
    """One picture: its id, when it came (seconds since the epoch), and its file."""

    id: str
    at: float
    file: Path
    held: bool

    @cached_property
    def suffix(self) -> str:
        """Of its name; originals are kept without one, and their first bytes tell."""
        if self.file.suffix:
            return self.file.suffix
        try:
            with self.file.open("rb") as file:
                kind = sniff(file.read(HEAD_BYTES))
        except OSError:
            kind = None
        return "" if kind is None else f".{kind.lower()}"


class _Volume:
    """One ZIP file that grows up to :data:`MAX_BYTES`."""

    def __init__(self, *, reserved: int = 0) -> None:
        self._out = io.BytesIO()
        self._archive = zipfile.ZipFile(self._out, "w")
        self._room = MAX_BYTES - _END_BYTES - reserved

    def takes(self, size: int) -> bool:
        return size + _ENTRY_BYTES <= self._room

    def add(self, kept: _KeptPicture, picture: bytes) -> None:
        """Put a picture in as it is: a JPEG does not get smaller."""
        added = max(datetime.fromtimestamp(kept.at, UTC), _EARLIEST)
        entry = zipfile.ZipInfo(_entry(kept), added.timetuple()[:6])
        self._archive.writestr(entry, picture)
        self._room -= len(picture) + _ENTRY_BYTES

    def add_text(self, name: str, text: str) -> None:
        self._archive.writestr(name, text, compress_type=zipfile.ZIP_DEFLATED)

    def close(self) -> bytes:
        self._archive.close()
        return self._out.getvalue()


def export(data: PersonalData, remembered: Remembered) -> Export:
    """ZIP files of at most 8 MiB, ten at most: ``data.json`` and every picture.

    A picture that is gone, that moderation holds, or for which there is no room, is left out;
    ``data.json`` in the first file lists it with ``"file": null``.
    """
    pictures = _pictures(data)
    all_ids = {each.id for each in pictures}
    # Without the files that turn out to be missing it can only get shorter, or hardly longer.
    longest = len(_deflated(_text(data, remembered, all_ids))) + _ENTRY_BYTES
    volumes = [_Volume(reserved=longest + _ENTRY_BYTES)]
    there: set[str] = set()
    for each in pictures:
        if each.held:
            continue
        try:
            picture = each.file.read_bytes()
        except OSError:
            continue
        if not volumes[-1].takes(len(picture)):
            fresh = _Volume()
            if not fresh.takes(len(picture)):
                continue
            if len(volumes) == MAX_FILES:
                break
            volumes.append(fresh)
        volumes[-1].add(each, picture)
        there.add(each.id)
    volumes[0].add_text(_DATA, _text(data, remembered, there))
    documents = tuple(
        Document(_name(number, len(volumes)), volume.close(), "application/zip")
        for number, volume in enumerate(volumes, start=1)
    )
    return Export(documents, len(all_ids) - len(there))


def _text(data: PersonalData, remembered: Remembered, there: AbstractSet[str]) -> str:
    files = {each.id: _entry(each) for each in _pictures(data) if each.id in there}
    described = {
        "person": data.requester,
        "uploads": [
            {
                "id": upload.picture.id,
                "collection": upload.picture.collection,
                "community": upload.community,
                "caption": upload.picture.caption,
                "words": data.words.get(upload.picture.id, ()),
                "added_at": datetime.fromtimestamp(upload.added_at, UTC).isoformat(),
                "file": files.get(upload.picture.id),
            }
            for upload in data.uploads
        ],
        "posts": [
            {
                "chat": post.chat,
                "message": post.message,
                "topic": post.thread,
                "community": post.community,
                "name": post.author_name,
                "handle": post.author_handle,
                "text": post.caption,
                "words": data.words.get(post.picture_id, ()),
                "posted_at": datetime.fromtimestamp(post.posted_at, UTC).isoformat(),
                "album": post.album,
                "file_id": post.file_id,
                "file_unique_id": post.file_unique_id,
                "file": files.get(post.picture_id),
            }
            for post in data.posts
        ],
        "posts_are_kept_out": data.opted_out,
        "pictures_removed": data.removals,
        "remembered": remembered,
    }
    return json.dumps(described, ensure_ascii=False, indent=1)


def _deflated(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(_DATA, text, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _pictures(data: PersonalData) -> list[_KeptPicture]:
    """What was added, then what was posted: equal pictures are kept once."""
    found = [_KeptPicture(u.picture.id, u.added_at, u.file, u.held) for u in data.uploads]
    posted = {
        post.picture_id: _KeptPicture(post.picture_id, post.posted_at, post.file, post.held)
        for post in data.posts
        if post.file is not None
    }
    return [*found, *posted.values()]


def _entry(kept: _KeptPicture) -> str:
    return f"pictures/{kept.id}{kept.suffix}"


def _name(number: int, count: int) -> str:
    return "tangerine-data.zip" if count == 1 else f"tangerine-data-{number}-of-{count}.zip"
