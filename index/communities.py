"""What the administrators of each community chose: in memory, and in the catalogue's database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import structlog
from sqlalchemy import Connection, delete, insert, select

from core.types import CommunitySettings
from index.database import Database
from index.rows import replace as replace_rows
from index.schema import community_settings
from index.threads import finished_in_thread

DEFAULTS = CommunitySettings()
"""What holds where nobody has chosen anything."""


class StoredSettings:
    """The CommunitySettingsStore port. This process is the only one that changes them."""

    def __init__(self, database: Database, held: Mapping[str, CommunitySettings]) -> None:
        """See :meth:`open`."""
        self._database = database
        self._held = dict(held)
        self._saving = asyncio.Lock()

    @classmethod
    def open(cls, database: Database) -> StoredSettings:
        """Read what was kept. Blocking. Raises CatalogueError."""
        with database.read() as connection:
            return cls(database, all_settings(connection))

    def of(self, community: str) -> CommunitySettings:
        """From memory: never blocks."""
        return self._held.get(community, DEFAULTS)

    async def save(self, community: str, settings: CommunitySettings) -> None:
        """Keep them, for good once this returns. Raises CatalogueError: the old ones hold."""
        async with self._saving:
            await finished_in_thread(self._write, community, settings)
            self._held[community] = settings

    async def refresh(self) -> None:
        """Read them again, after communities have moved or were deleted. Raises CatalogueError."""
        async with self._saving:
            self._held = await finished_in_thread(self._read)

    def _write(self, community: str, settings: CommunitySettings) -> None:
        with self._database.write() as connection:
            keep_settings(connection, community, settings)

    def _read(self) -> dict[str, CommunitySettings]:
        with self._database.read() as connection:
            return all_settings(connection)


def all_settings(connection: Connection) -> dict[str, CommunitySettings]:
    """The settings of every community that has any; unreadable ones count as none."""
    found = {}
    for row in connection.execute(select(community_settings)):
        try:
            found[row.community] = _parse(row.settings)
        except (ValueError, TypeError, KeyError) as error:
            structlog.get_logger(__name__).warning("settings.unreadable", reason=str(error))
    return found


def keep_settings(connection: Connection, community: str, settings: CommunitySettings) -> None:
    """Store these settings in place of the community's earlier ones."""
    row = {"community": community, "settings": _format(settings)}
    replace_rows(connection, community_settings, ("community",), [row])


def rename_settings(connection: Connection, old: str, new: str) -> None:
    """A community's settings under its new name, unless that one has settings already."""
    held = all_settings(connection)
    connection.execute(delete(community_settings).where(community_settings.c.community == old))
    if old not in held or new in held:
        return
    channels = frozenset(new if each == old else each for each in held[old].photo_channels)
    moved = replace(held[old], photo_channels=channels)
    connection.execute(insert(community_settings).values(community=new, settings=_format(moved)))


def _format(settings: CommunitySettings) -> str:
    fields = asdict(settings)
    fields["photo_channels"] = sorted(settings.photo_channels)
    return json.dumps(fields)


def _parse(text: str) -> CommunitySettings:
    fields = dict(json.loads(text))
    channels = fields.pop("photo_channels")
    return CommunitySettings(photo_channels=frozenset(channels), **fields)
