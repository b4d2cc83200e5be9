"""The numbers of a collection's changes, by whom they concern."""

from __future__ import annotations

from sqlalchemy import Connection, and_, func, select

from index.catalogue.schema import overlays
from index.snapshots.overlay import SHARED, Viewpoint


def revisions_of(
    connection: Connection, collection: str, viewpoint: Viewpoint
) -> tuple[int, int, int]:
    """The last change of the collection: at all, for all who share it, for this community."""
    rows = {
        row.scope: int(row.revision)
        for row in connection.execute(
            select(overlays.c.scope, overlays.c.revision).where(
                overlays.c.collection == collection, overlays.c.scope.in_(viewpoint.scopes)
            )
        )
    }
    total = last_revision(connection, collection)
    return total, rows.get(SHARED, 0), rows.get(viewpoint.community, 0)


def revision_of(connection: Connection, collection: str, scope: str) -> int:
    """The last change that concerns a scope, 0 before the first."""
    mine = and_(overlays.c.collection == collection, overlays.c.scope == scope)
    return int(connection.execute(select(overlays.c.revision).where(mine)).scalar() or 0)


def last_revision(connection: Connection, collection: str) -> int:
    """The number of the collection's last change, 0 before the first."""
    newest = select(func.max(overlays.c.revision)).where(overlays.c.collection == collection)
    return int(connection.execute(newest).scalar() or 0)
