"""A Discord message as somebody sees it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.discord_rules import (
    BUTTON,
    EPHEMERAL,
    FILE,
    GALLERY,
    TEXT,
    THUMBNAIL,
    media_of,
    walk,
)
from tests.servers.discord_world import Json


class Shown:
    """A message as somebody sees it."""

    def __init__(self, message: Json, files: Mapping[str, bytes]) -> None:
        self.message = message
        self._files = files
        self._components = list(walk(message["components"]))

    @property
    def private(self) -> bool:
        """Whether only the asker sees it."""
        return bool(self.message["flags"] & EPHEMERAL)

    @property
    def text(self) -> str:
        """All its texts, markup included."""
        return "\n".join(c["content"] for c in self._components if c["type"] == TEXT)

    @property
    def pictures(self) -> list[bytes]:
        """The files of its galleries, in order."""
        return [data for data, _ in self._media(GALLERY)]

    @property
    def descriptions(self) -> list[str]:
        """What screen readers say of them."""
        return [alt for _, alt in self._media(GALLERY)]

    @property
    def documents(self) -> dict[str, bytes]:
        """The files that it offers to keep, by name."""
        files = [c["file"]["url"] for c in self._components if c["type"] == FILE]
        return {_path(url).rpartition("/")[2]: self._files[_path(url)] for url in files}

    @property
    def thumbnail(self) -> bytes | None:
        """The small picture beside its heading."""
        return next((data for data, _ in self._media(THUMBNAIL)), None)

    @property
    def buttons(self) -> dict[str, str]:
        """Its buttons: label and id."""
        return {c["label"]: c["custom_id"] for c in self._components if c["type"] == BUTTON}

    def _media(self, kind: int) -> list[tuple[bytes, str]]:
        items = [item for c in self._components if c["type"] == kind for item in media_of(c)]
        paths = [_path(item["media"]["url"]) for item in items]
        return [
            (self._files[p], i.get("description", "")) for p, i in zip(paths, items, strict=True)
        ]


def _path(url: str) -> str:
    return url.partition("/cdn/")[2].partition("?")[0]
