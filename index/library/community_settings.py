"""What the administrators of each community chose: in memory, and in the catalogue's database.

Each change counts up a revision that costs one ``stat`` to read, as those of collections do
(:mod:`index.library.overlay`): so a process notices what another one has changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import structlog
from sqlalchemy import Connection, delete, insert, select

from core.domain.threads import finished_in_thread
from core.domain.types import CommunitySettings
from index.catalogue.rows import replace as replace_rows
from index.catalogue.schema import community_settings
from index.library.overlay import Overlays
from index.library.overlay_revisions import last_revision

DEFAULTS = CommunitySettings()
"""What holds where nobody has chosen anything."""


REVISIONS = ".settings"
"""Under what name the revisions are counted: no collection's name begins with a dot."""


class StoredSettings:
    """The CommunitySettingsStore port.

    What another process changes is seen once :meth:`catch_up` was called.
    """

    def __init__(
        self, overlays: Overlays, held: Mapping[str, CommunitySettings], revision: int
    ) -> None:
        self._overlays = overlays
        self._held = dict(held)
        self._revision = revision
        self._saving = asyncio.Lock()

    @classmethod
    def open(cls, overlays: Overlays) -> StoredSettings:
        """Read what was kept. Blocking. Raises CatalogueError."""
        with overlays.read() as connection:
            return cls(overlays, all_settings(connection), last_revision(connection, REVISIONS))

    def of(self, community: str) -> CommunitySettings:
        return self._held.get(community, DEFAULTS)

    async def save(self, community: str, settings: CommunitySettings) -> None:
        async with self._saving:
            await finished_in_thread(self._write, community, settings)
            self._held[community] = settings

    async def refresh(self) -> None:
        """Read them again, after communities have moved or were deleted. Raises CatalogueError."""
        async with self._saving:
            self._revision, self._held = await finished_in_thread(self._read)

    async def catch_up(self) -> bool:
        """Read them again where another process has changed any; whether it had to.

        Costs one ``stat`` otherwise. Raises CatalogueError.
        """
        if await asyncio.to_thread(self._announced) == self._revision:
            return False
        await self.refresh()
        return True

    def _announced(self) -> int:
        return self._overlays.revisions.revision(REVISIONS)

    def _write(self, community: str, settings: CommunitySettings) -> None:
        with self._overlays.change() as change:
            keep_settings(change.connection, community, settings)
            change.touched.add((REVISIONS, community))

    def _read(self) -> tuple[int, dict[str, CommunitySettings]]:
        # The revision of these rows, not the one announced: what that one means may not be
        # committed yet, and then the next look finds it.
        with self._overlays.read() as connection:
            return last_revision(connection, REVISIONS), all_settings(connection)


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
