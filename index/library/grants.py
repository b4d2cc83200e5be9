"""Who was let into collections beside those that the settings name.

Grants are rows of the catalogue. Each change counts up a revision that costs one ``stat`` to read,
as those of collections do (:mod:`index.library.overlay`): so a process notices what another one has
granted or taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from sqlalchemy import Connection, and_, delete, insert, select

from core.domain.threads import finished_in_thread
from core.domain.types import Origin
from index.catalogue.schema import grants
from index.library.overlay import Overlays
from index.library.overlay_revisions import last_revision

GRANTS = ".grants"
"""Under what name the revisions are counted: no collection's name begins with a dot."""

KEPT: Origin = "kept"
"""Open as before an upgrade. It counts only where the settings do not say who may search."""

_ORIGINS: frozenset[str] = frozenset(get_args(Origin))


@dataclass(frozen=True, slots=True)
class Grant:
    """A community that was let into a collection, how, and when (seconds since the epoch)."""

    collection: str
    community: str
    origin: Origin
    granted_at: float


class StoredGrants:
    """The Grants port: in memory, and in the catalogue's database.

    What another process changes is seen once :meth:`catch_up` was called. ``operators`` are
    the communities of the operators alone with the bot, which may search ``default`` without
    a grant; both change with the settings.
    """

    def __init__(self, overlays: Overlays, held: Sequence[Grant], revision: int) -> None:
        self._overlays = overlays
        self._grants = held
        self._held = _by_collection(held)
        self._revision = revision
        self._saving = asyncio.Lock()
        self.operators: frozenset[str] = frozenset()

    @classmethod
    def open(cls, overlays: Overlays, *, named: Iterable[str] = ()) -> StoredGrants:
        """Read what was granted. Blocking. Raises CatalogueError.

        Of the collections that the settings name somebody for, what was kept open at an
        upgrade is closed for good.
        """
        names = tuple(named)
        stale = and_(grants.c.origin == KEPT, grants.c.collection.in_(names))
        with overlays.read() as connection:
            found = all_grants(connection)
            revision = last_revision(connection, GRANTS)
        if any(each.origin == KEPT and each.collection in names for each in found):
            with overlays.change() as change:
                change.connection.execute(delete(grants).where(stale))
                change.touched.add((GRANTS, ""))
            return cls.open(overlays)
        return cls(overlays, found, revision)

    def change_operators(self, communities: Collection[str]) -> None:
        self.operators = frozenset(communities)

    def of(self, collection: str) -> Mapping[str, Origin]:
        return self._held.get(collection, _NOBODY)

    def all(self) -> Sequence[Grant]:
        """Every grant, by collection and community. From memory."""
        return self._grants

    async def grant(self, collection: str, community: str, origin: Origin) -> bool:
        return await self._change(partial(self._grant, collection, community, origin))

    async def revoke(self, collection: str, community: str) -> bool:
        return await self._change(partial(self._revoke, collection, community))

    async def moved(self, old: str, new: str, shared: Collection[str]) -> None:
        """A community has another name now. ``shared``: where the settings name the old one."""
        await self._change(partial(self._move, old, new, tuple(shared)))

    async def refresh(self) -> None:
        """Read them again. Raises CatalogueError."""
        async with self._saving:
            await self._read_again()

    async def catch_up(self) -> bool:
        """Read them again where another process has changed any; whether it had to.

        Costs one ``stat`` otherwise. Raises CatalogueError.
        """
        if await asyncio.to_thread(self._overlays.revisions.revision, GRANTS) == self._revision:
            return False
        await self.refresh()
        return True

    async def _change(self, work: Callable[[], bool]) -> bool:
        async with self._saving:
            changed = await finished_in_thread(work)
            if changed:
                await self._read_again()
        return changed

    async def _read_again(self) -> None:
        self._revision, self._grants = await finished_in_thread(self._read)
        self._held = _by_collection(self._grants)

    def _read(self) -> tuple[int, Sequence[Grant]]:
        with self._overlays.read() as connection:
            return last_revision(connection, GRANTS), all_grants(connection)

    def _grant(self, collection: str, community: str, origin: Origin) -> bool:
        with self._overlays.change() as change:
            new = _insert(change.connection, collection, community, origin, change.now)
            if new:
                change.touched.add((GRANTS, community))
        return new

    def _revoke(self, collection: str, community: str) -> bool:
        row = and_(grants.c.collection == collection, grants.c.community == community)
        with self._overlays.change() as change:
            gone = change.connection.execute(delete(grants).where(row)).rowcount > 0
            if gone:
                change.touched.add((GRANTS, community))
        return gone

    def _move(self, old: str, new: str, shared: Sequence[str]) -> bool:
        with self._overlays.change() as change:
            connection = change.connection
            names = [g.collection for g in all_grants(connection) if g.community == old]
            for name in {*names, *shared}:
                _insert(connection, name, new, "moved", change.now)
            connection.execute(delete(grants).where(grants.c.community == old))
            if names or shared:
                change.touched.add((GRANTS, new))
        return bool(names or shared)


def all_grants(connection: Connection) -> Sequence[Grant]:
    """Every grant, by collection and community; one of an unknown origin counts as none."""
    rows = connection.execute(select(grants).order_by(grants.c.collection, grants.c.community))
    return [
        Grant(row.collection, row.community, row.origin, row.granted_at)
        for row in rows
        if row.origin in _ORIGINS
    ]


def purge_grants(connection: Connection, community: str) -> bool:
    """Forget that a community was let in anywhere; whether it was."""
    gone = connection.execute(delete(grants).where(grants.c.community == community))
    return gone.rowcount > 0


def _insert(
    connection: Connection, collection: str, community: str, origin: Origin, now: float
) -> bool:
    known = select(grants.c.community).where(
        grants.c.collection == collection, grants.c.community == community
    )
    if connection.execute(known).first() is not None:
        return False
    connection.execute(
        insert(grants).values(
            collection=collection, community=community, origin=origin, granted_at=now
        )
    )
    return True


_NOBODY: Mapping[str, Origin] = {}


def _by_collection(held: Sequence[Grant]) -> Mapping[str, Mapping[str, Origin]]:
    found: dict[str, dict[str, Origin]] = {}
    for each in held:
        found.setdefault(each.collection, {})[each.community] = each.origin
    return found
