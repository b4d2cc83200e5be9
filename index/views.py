"""What each community sees of each collection right now, kept until that changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cachetools import LRUCache
from sqlalchemy import Connection

from index.composed import View, compose
from index.contents import identity_of
from index.overlay_reads import overlay_of, revisions_of
from index.overlays import Overlays
from index.snapshot import IndexSnapshot
from index.store import SnapshotStore
from index.uploads import Viewpoint

_REMEMBERED = 4096
"""Communities whose view is found without asking the database. Most of them share one."""

_COMPOSED = 64
"""Different views that are kept. Each costs 2 MB for a thousand uploads, and another 2 MB for
its calibration where it is searched."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Which view a community had at a revision of the collection."""

    revision: int
    key: str


@dataclass(frozen=True, slots=True)
class _Composed:
    """A view, and the last changes that went into it."""

    revisions: tuple[int, int]
    view: View | None


class _Views:
    """The views over one base. A new base starts anew, so that no old one is held."""

    def __init__(self, base: IndexSnapshot | None) -> None:
        self.base = base
        self._seen: LRUCache[str, _Seen] = LRUCache(_REMEMBERED)
        self._composed: LRUCache[str, _Composed] = LRUCache(_COMPOSED)
        self._guard = threading.Lock()

    def at(self, community: str, revision: int) -> _Composed | None:
        """What the community saw at this revision of the collection, if that is known."""
        with self._guard:
            seen = self._seen.get(community)
            if seen is None or seen.revision != revision:
                return None
            return self._composed.get(seen.key)

    def of(self, key: str, revisions: tuple[int, int]) -> _Composed | None:
        """The view that these changes made, if it is known."""
        with self._guard:
            found = self._composed.get(key)
        return found if found is not None and found.revisions == revisions else None

    def keep(self, community: str, seen: _Seen, composed: _Composed) -> None:
        """Remember what a community sees."""
        with self._guard:
            self._seen[community] = seen
            self._composed[seen.key] = composed


class Views:
    """Base snapshots with what lies over them. Blocking, thread-safe.

    While nothing that a community sees has changed, it gets the very same object, at the
    price of two ``stat``: one for the base, one for the overlay. Communities without changes
    of their own share one.
    """

    def __init__(self, store: SnapshotStore, overlays: Overlays) -> None:
        self._store = store
        self._overlays = overlays
        self._views: dict[str, _Views] = {}
        self._locks: dict[str, threading.Lock] = {}

    def current(self, collection: str, viewpoint: Viewpoint) -> View | None:
        """What this community sees, None where nothing was ever indexed or added.

        Raises CatalogueError.
        """
        base = self._store.current(collection)
        revision = self._overlays.files.revision(collection)
        views = self._views.get(collection)
        if views is not None and views.base is base:
            held = views.at(viewpoint.community, revision)
            if held is not None:
                return held.view
        with self._locks.setdefault(collection, threading.Lock()):
            return self._look(collection, viewpoint, base)

    def _look(
        self, collection: str, viewpoint: Viewpoint, base: IndexSnapshot | None
    ) -> View | None:
        views = self._views.get(collection)
        if views is None or views.base is not base:
            views = self._views[collection] = _Views(base)
        with self._overlays.read() as connection:
            total, shared, own = revisions_of(connection, collection, viewpoint)
            if viewpoint.everything:
                # Every change is one of his.
                key, revisions = viewpoint.community, (total, 0)
            elif own:
                key, revisions = viewpoint.community, (shared, own)
            else:
                key, revisions = "", (shared, 0)
            held = views.of(key, revisions)
            if held is None:
                view = self._compose(connection, collection, viewpoint, base) if total else base
                held = _Composed(revisions, view)
        views.keep(viewpoint.community, _Seen(total, key), held)
        return held.view

    def _compose(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        base: IndexSnapshot | None,
    ) -> View | None:
        model = identity_of(connection, collection) if base is None else base.identity
        if model is None:
            return None
        overlay = overlay_of(connection, collection, viewpoint, model)
        if base is None and not overlay.pictures:
            return None
        return compose(base or IndexSnapshot.empty(collection, model), overlay)
