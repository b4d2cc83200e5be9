"""What each community sees of each collection, cached until it changes."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache
from sqlalchemy import Connection

from core.domain.viewer import Viewer
from core.search.moderation import HeldPicture, Meaning, Scores
from index.catalogue.contents import identity_of
from index.library.moderation_filter import Judge, scored
from index.library.moderation_rows import (
    MODERATION,
    moderation_revision,
    moderation_revisions,
    rules_of,
)
from index.library.overlay import Overlays
from index.library.overlay_reads import overlay_of, revisions_of
from index.library.worded import raised, worded
from index.snapshots.delta import Generation
from index.snapshots.overlaid import IdentifiedSnapshot, compose, left_of
from index.snapshots.overlay import Overlay, Viewpoint
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class KeptViews:
    """How much is kept over one base.

    ``communities``: those whose view is found without asking the database; most of them share
    one. ``views``: different ones; each costs 2 MB for a thousand uploads, and another 2 MB
    for its calibration where it is searched.
    """

    communities: int = 4096
    views: int = 64


@dataclass(frozen=True, slots=True)
class _CachedView:
    """Which view a community had at a revision of the collection and of moderation."""

    revision: tuple[int, int]
    key: Hashable


@dataclass(frozen=True, slots=True)
class _Composed:
    """A view, the last changes that went into it, and what waits for a decision."""

    revisions: tuple[int, ...]
    view: IdentifiedSnapshot | None
    waiting: tuple[HeldPicture, ...] = ()


class _Views:
    """The views over one base. A new base gets new ones, so that no old base is kept alive."""

    def __init__(self, base: Generation | None, kept: KeptViews) -> None:
        self.base = base
        self._seen: LRUCache[Viewer, _CachedView] = LRUCache(kept.communities)
        self._composed: LRUCache[Hashable, _Composed] = LRUCache(kept.views)
        self._guard = threading.Lock()

    def at(self, viewer: Viewer, revision: tuple[int, int]) -> _Composed | None:
        """What the viewer saw at this revision, if that is known."""
        with self._guard:
            seen = self._seen.get(viewer)
            if seen is None or seen.revision != revision:
                return None
            return self._composed.get(seen.key)

    def of(self, key: Hashable, revisions: tuple[int, ...]) -> _Composed | None:
        with self._guard:
            found = self._composed.get(key)
        return found if found is not None and found.revisions == revisions else None

    def keep(self, viewer: Viewer, seen: _CachedView, composed: _Composed) -> None:
        with self._guard:
            self._seen[viewer] = seen
            self._composed[seen.key] = composed


class Views:
    """Base snapshots with what lies over them. Blocking, thread-safe.

    While nothing that a community sees has changed, it gets the very same object, at the
    price of three ``stat``: for the base, the overlay and moderation. Communities without
    changes and criteria of their own share one. What moderation holds is in no view.
    """

    def __init__(
        self,
        store: SnapshotStore,
        overlays: Overlays,
        judge: Judge | None = None,
        kept: KeptViews = KeptViews(),
    ) -> None:
        self._kept = kept
        self._store = store
        self._overlays = overlays
        self._judge = judge or Judge()
        self._views: dict[str, _Views] = {}
        self._locks: dict[str, threading.Lock] = {}

    def current(self, collection: str, viewpoint: Viewpoint) -> IdentifiedSnapshot | None:
        """What this community sees, None where nothing was ever indexed or added.

        Raises CatalogueError, ModelMismatch (for criteria that nobody has encoded).
        """
        return self._composed(collection, viewpoint).view

    def waiting(self, collection: str, viewpoint: Viewpoint) -> tuple[HeldPicture, ...]:
        """The pictures that this community has to decide about. Raises as :meth:`current`."""
        return self._composed(collection, viewpoint).waiting

    def bare(self, collection: str, viewpoint: Viewpoint) -> IdentifiedSnapshot | None:
        """What this community would see without moderation. Composed on each call.

        Raises CatalogueError.
        """
        base = self._store.current(collection)
        with self._overlays.read() as connection:
            found = _base_and_overlay(connection, collection, viewpoint, base)
            return None if found is None else compose(*found)

    def scored(
        self, collection: str, viewpoint: Viewpoint, text: str, meaning: Meaning
    ) -> tuple[IdentifiedSnapshot, Scores] | None:
        """:meth:`bare`, with the standard scores of its rows by a criterion: float32 [n].

        Raises CatalogueError.
        """
        base = self._store.current(collection)
        with self._overlays.read() as connection:
            found = _base_and_overlay(connection, collection, viewpoint, base)
            if found is None:
                return None
            view = compose(*found)
            scorer, of_base = self._judge.scores(found[0], text, meaning)
            holding = worded(connection, collection, (text,))[text]
        left = left_of(found[0], view)
        scores = np.concatenate([of_base[left], scored(found[1], scorer)])
        return view, raised(scores, view.rows_of(holding))

    def _composed(self, collection: str, viewpoint: Viewpoint) -> _Composed:
        base = self._store.current(collection)
        files = self._overlays.files
        revision = files.revision(collection), files.revision(MODERATION)
        views = self._views.get(collection)
        if views is not None and views.base is base:
            held = views.at(viewpoint.viewer, revision)
            if held is not None:
                return held
        with self._locks.setdefault(collection, threading.Lock()):
            return self._look(collection, viewpoint, base)

    def _look(self, collection: str, viewpoint: Viewpoint, base: Generation | None) -> _Composed:
        views = self._views.get(collection)
        if views is None or views.base is not base:
            views = self._views[collection] = _Views(base, self._kept)
        with self._overlays.read() as connection:
            total, shared, own = revisions_of(connection, collection, viewpoint)
            judged = moderation_revisions(connection, viewpoint.moderators)
            revision = total, moderation_revision(connection)
            key: Hashable
            revisions: tuple[int, ...]
            if viewpoint.everything:
                # Every change is one of his.
                key, revisions = viewpoint.viewer, (total, 0)
            elif own or any(judged) or viewpoint.wanted is not None:
                # Persons alone who changed nothing share what the same others hold from them.
                mine = own or judged[0] or viewpoint.wanted is not None
                others = viewpoint.moderators[1:], viewpoint.adults
                key = viewpoint.viewer if mine else others
                revisions = (shared, own, *judged)
            else:
                key, revisions = None, (shared, 0)
            held = views.of(key, revisions)
            if held is None:
                held = _Composed(revisions, base)
                if total or any(judged) or viewpoint.wanted is not None:
                    held = self._compose(connection, collection, viewpoint, base, revisions)
        views.keep(viewpoint.viewer, _CachedView(revision, key), held)
        return held

    def _compose(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        base: Generation | None,
        revisions: tuple[int, ...],
    ) -> _Composed:
        found = _base_and_overlay(connection, collection, viewpoint, base)
        if found is None:
            return _Composed(revisions, None)
        under, overlay = found
        rules = [
            rules_of(connection, moderator, under.identity, collection)
            for moderator in viewpoint.moderators
        ]
        texts = {criterion.text for each in rules for criterion, _ in each.criteria}
        judgement = self._judge.judge(
            under,
            overlay,
            rules,
            adults=viewpoint.adults,
            words=worded(connection, collection, texts),
        )
        view = compose(under, judgement.applied(overlay))
        return _Composed(revisions, view, judgement.waiting)


def _base_and_overlay(
    connection: Connection, collection: str, viewpoint: Viewpoint, base: Generation | None
) -> tuple[Generation, Overlay] | None:
    """What a community's view is made of, None where nothing was ever indexed or added."""
    model = identity_of(connection, collection) if base is None else base.identity
    if model is None:
        return None
    overlay = overlay_of(connection, collection, viewpoint, model)
    if viewpoint.wanted is not None:
        base = None  # posts are wanted, and the folder has none
    if base is None and not overlay.pictures:
        return None
    return base or IndexSnapshot.empty(collection, model), overlay
