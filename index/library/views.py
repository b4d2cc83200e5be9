"""What each community sees of each collection, cached until it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from core.domain.viewer import Viewer
from core.search.moderation import HeldPicture, Meaning, Scores
from index.library.kept_views import CachedView, CollectionViews, ComposedView, KeptViews
from index.library.moderation_filter import Judge
from index.library.moderation_rows import MODERATION
from index.library.overlay import Overlays
from index.library.recent_changes import Scope
from index.library.shelves import Shelf, Shelves
from index.library.view_composer import ViewComposer, rules_for
from index.library.view_state import state_of
from index.library.worded import worded
from index.snapshots.delta import Generation
from index.snapshots.overlaid import IdentifiedSnapshot, OverlayBase, WidenedSnapshot
from index.snapshots.overlay import Viewpoint
from index.snapshots.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class _Ready:
    """Views of a change that is not committed yet, with what they are made of."""

    collection: str
    community: str
    views: CollectionViews
    shelf: Shelf
    bases: tuple[tuple[Viewpoint, OverlayBase], ...]
    composed: tuple[tuple[Viewer, CachedView, ComposedView], ...]


class Views:
    """Base snapshots with what lies over them. Blocking, thread-safe.

    While nothing that a community sees has changed, it gets the very same object, at the
    price of three ``stat``: for the base, the overlay and moderation. Communities without
    changes and criteria of their own share one. What moderation holds is in no view. Where the
    overlays call :meth:`prepare`, who asked lately finds the next view made when posts come or go.
    """

    def __init__(
        self,
        store: SnapshotStore,
        overlays: Overlays,
        judge: Judge | None = None,
        kept: KeptViews = KeptViews(),  # noqa: B008 - frozen
    ) -> None:
        self._kept = kept
        self._store = store
        self._overlays = overlays
        self._shelves = Shelves(overlays, kept.own, kept.loose)
        self._composer = ViewComposer(self._shelves, judge or Judge())
        self._views: dict[str, CollectionViews] = {}
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
            layers = self._composer.layers(connection, collection, viewpoint, base)
            return None if layers is None else layers.composed()

    def widened(
        self,
        collection: str,
        viewpoint: Viewpoint,
        ids: Collection[str],
        *,
        moderated: bool = True,
    ) -> IdentifiedSnapshot | None:
        """:meth:`current` of a sample, with those of these pictures that the viewer may see by now.

        ``moderated``: else also those that moderation alone holds. Composed on each call. Raises
        as :meth:`current`.
        """
        base = self._store.current(collection)
        view = self._composed(collection, viewpoint).view
        if view is None or base is None or viewpoint.wanted is not None:
            return view  # posts alone are wanted, which are all in memory
        others = [each for each in ids if view.row_of(each) is None]
        if not others:
            return view
        with self._overlays.read() as connection:
            found = self._composer.seen_of(
                connection, collection, viewpoint, base, others, moderated=moderated
            )
        return WidenedSnapshot(view, found) if found.pictures else view

    def scored(
        self, collection: str, viewpoint: Viewpoint, text: str, meaning: Meaning
    ) -> tuple[IdentifiedSnapshot, Scores] | None:
        """:meth:`bare`, with the standard scores of its rows by a criterion: float32 [n].

        Raises CatalogueError.
        """
        base = self._store.current(collection)
        with self._overlays.read() as connection:
            layers = self._composer.layers(connection, collection, viewpoint, base)
            if layers is None:
                return None
            holding = worded(connection, collection, (text,))[text]
        return self._composer.scored(layers, text, meaning, holding)

    def prepare(
        self, connection: Connection, scope: Scope, uploads: frozenset[str], before: int, after: int
    ) -> Callable[[], None] | None:
        """Make ready what those who asked lately see after a change; what is done once it is kept.

        See :meth:`index.library.overlay.Overlays.make_ready`. Criteria of moderation look at all
        pictures, which is too long while the database is held: whoever is under one looks by his
        next question. None where nobody asked, or where it is not known what there was before.
        """
        collection, community = scope
        views = self._views.get(collection)
        asked = () if views is None else views.asked_lately(community)
        if views is None or not asked or views.base is not self._store.current(collection):
            return None
        shelf = self._shelves.after(connection, scope, uploads, before, after)
        if shelf is None:
            return None
        bases: list[tuple[Viewpoint, OverlayBase]] = []
        composed: list[tuple[Viewer, CachedView, ComposedView]] = []
        for viewpoint in asked:
            rules = rules_for(connection, collection, viewpoint, shelf.model)
            if any(each.looks for each in rules):
                continue
            now = state_of(connection, collection, viewpoint)
            last = views.last(now.key)
            shared = None
            if last is not None and last.revisions[:2] == (now.revisions[0], before):
                # Nothing else was changed since.
                shared = last.shared
            layers = self._composer.layers(
                connection, collection, viewpoint, views.base, views, shelf=shelf, shared=shared
            )
            if layers is None:
                continue
            made = self._composer.judged(connection, collection, viewpoint, now.revisions, layers)
            if made.view is not None:
                # The most of what else the first question would do, and kept with the view.
                _ = made.view.caption_words
            composed.append((viewpoint.viewer, now.seen, made))
            bases.append((viewpoint, layers.own))
        ready = _Ready(collection, community, views, shelf, tuple(bases), tuple(composed))
        return partial(self._keep, ready)

    def _keep(self, ready: _Ready) -> None:
        with self._locks.setdefault(ready.collection, threading.Lock()):
            if self._views.get(ready.collection) is not ready.views:
                return
            self._shelves.keep((ready.collection, ready.community), ready.shelf)
            for viewpoint, own in ready.bases:
                ready.views.keep_own(viewpoint, ready.shelf.settled, own)
            for each in ready.composed:
                ready.views.keep(*each)
        if self._shelves.take_in((ready.collection, ready.community), ready.shelf):
            for viewpoint, _ in ready.bases:
                with self._locks[ready.collection]:
                    if self._views.get(ready.collection) is not ready.views:
                        return
                    made = self._look(ready.collection, viewpoint, ready.views.base)
                if made.view is not None:
                    _ = made.view.caption_words

    def _composed(self, collection: str, viewpoint: Viewpoint) -> ComposedView:
        base = self._store.current(collection)
        revisions = self._overlays.revisions
        revision = revisions.revision(collection), revisions.revision(MODERATION)
        views = self._views.get(collection)
        if views is not None and views.base is base:
            held = views.at(viewpoint, revision)
            if held is not None:
                return held
        with self._locks.setdefault(collection, threading.Lock()):
            return self._look(collection, viewpoint, base)

    def _look(self, collection: str, viewpoint: Viewpoint, base: Generation | None) -> ComposedView:
        views = self._views.get(collection)
        if views is None or views.base is not base:
            views = self._views[collection] = CollectionViews(base, self._kept)
        with self._overlays.read() as connection:
            now = state_of(connection, collection, viewpoint)
            held = views.of(now.key, now.revisions)
            if held is None:
                held = ComposedView(now.revisions, base)
                if now.is_changed:
                    layers = self._composer.layers(connection, collection, viewpoint, base, views)
                    held = self._composer.judged(
                        connection, collection, viewpoint, now.revisions, layers
                    )
        views.keep(viewpoint.viewer, now.seen, held)
        return held
