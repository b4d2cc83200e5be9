"""What each community sees of each collection, cached until it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sqlalchemy import Connection

from core.domain.types import ModelIdentity
from core.domain.viewer import Viewer
from core.search.moderation import HeldPicture, Meaning, Scores
from index.catalogue.contents import identity_of
from index.library.kept_views import CachedView, CollectionViews, ComposedView, KeptViews
from index.library.moderation_filter import Judge
from index.library.moderation_rows import (
    MODERATION,
    Rules,
    rules_of,
)
from index.library.overlay import Overlays
from index.library.overlay_reads import chosen_posts
from index.library.overlay_revisions import revision_of
from index.library.placed_uploads import overlay_of
from index.library.recent_changes import Scope
from index.library.shelves import Shelf, Shelves
from index.library.view_layers import NO_ROWS, Layers, with_some
from index.library.view_state import state_of
from index.library.worded import raised, worded
from index.snapshots.delta import Generation
from index.snapshots.overlaid import IdentifiedSnapshot, OverlayBase, left_of
from index.snapshots.overlay import Overlay, Viewpoint
from index.snapshots.snapshot import IndexSnapshot
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
        self._judge = judge or Judge()
        self._shelves = Shelves(overlays, kept.own, kept.loose)
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
            layers = self._layers(connection, collection, viewpoint, base)
            return None if layers is None else layers.composed()

    def scored(
        self, collection: str, viewpoint: Viewpoint, text: str, meaning: Meaning
    ) -> tuple[IdentifiedSnapshot, Scores] | None:
        """:meth:`bare`, with the standard scores of its rows by a criterion: float32 [n].

        Raises CatalogueError.
        """
        base = self._store.current(collection)
        with self._overlays.read() as connection:
            layers = self._layers(connection, collection, viewpoint, base)
            if layers is None:
                return None
            view = layers.composed()
            scorer, of_base = self._judge.scores(layers.under, text, meaning)
            holding = worded(connection, collection, (text,))[text]
        left = left_of(layers.own, view)
        left = left[left < len(layers.under.pictures)]
        added = np.arange(len(left), len(view.pictures), dtype=np.int64)
        scores = np.concatenate([of_base[left], scorer(view.picture_index.reconstruct(added))])
        if view.frames is not None:
            scores = view.frames.only(added).raised(scores, scorer)
        return view, raised(scores, view.rows_of(holding))

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
            rules = _rules(connection, collection, viewpoint, shelf.model)
            if any(each.looks for each in rules):
                continue
            now = state_of(connection, collection, viewpoint)
            last = views.last(now.key)
            shared = None
            if last is not None and last.revisions[:2] == (now.revisions[0], before):
                # Nothing else was changed since.
                shared = last.shared
            layers = self._layers(
                connection, collection, viewpoint, views.base, views, shelf=shelf, shared=shared
            )
            if layers is None:
                continue
            made = self._judged(connection, collection, viewpoint, now.revisions, layers)
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
                    layers = self._layers(connection, collection, viewpoint, base, views)
                    held = self._judged(connection, collection, viewpoint, now.revisions, layers)
        views.keep(viewpoint.viewer, now.seen, held)
        return held

    def _judged(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        revisions: tuple[int, ...],
        layers: Layers | None,
    ) -> ComposedView:
        if layers is None:
            return ComposedView(revisions, None)
        rules = _rules(connection, collection, viewpoint, layers.under.identity)
        texts = {criterion.text for each in rules for criterion, _ in each.criteria}
        judgement = self._judge.judge(
            layers.under,
            layers.judged() if any(each.looks for each in rules) else layers.overlay,
            rules,
            adults=viewpoint.adults,
            words=worded(connection, collection, texts),
        )
        view = layers.composed(judgement)
        return ComposedView(revisions, view, judgement.waiting, layers.shared)

    def _layers(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        base: Generation | None,
        views: CollectionViews | None = None,
        *,
        shelf: Shelf | None = None,
        shared: Overlay | None = None,
    ) -> Layers | None:
        """What a community's view is made of, None where nothing was ever indexed or added.

        ``views``: those in which it is kept; ``shelf`` and ``shared``: where they are known.
        """
        model = identity_of(connection, collection) if base is None else base.identity
        if model is None:
            return None
        shared = shared or overlay_of(connection, collection, viewpoint, model)
        if viewpoint.wanted is not None:
            base = None  # posts are wanted, and the folder has none
        under = base or IndexSnapshot.empty(collection, model)
        known = shelf
        if known is None and not viewpoint.everything:
            # What people post is for their chat, not for whoever runs the bot.
            community = viewpoint.community
            revision = revision_of(connection, collection, community)
            known = self._shelves.at(connection, collection, community, model, revision)
        if known is None:
            if base is None and not shared.pictures:
                return None
            return Layers(under, under, NO_ROWS, shared, shared)
        if viewpoint.wanted is not None:
            rows, loose = known.chosen(chosen_posts(connection, collection, viewpoint))
            own, gone = with_some(under, known.settled, rows), NO_ROWS
        else:
            loose = known.readable(viewpoint.channels)
            kept = None if views is None else views.own_of(viewpoint, known.settled)
            own = kept or with_some(
                under, known.settled, known.settled.readable(("", *viewpoint.channels))
            )
            if views is not None and kept is None and shelf is None:
                views.keep_own(viewpoint, known.settled, own)
            ids = (known.settled.pictures[row].id for row in known.gone.tolist())
            lost = [row for each in ids if (row := own.row_of(each)) is not None]
            gone = np.array(sorted(lost), dtype=np.int64)
        overlay = shared.then(loose.encoded)
        if base is None and not len(own.pictures) and not overlay.pictures:
            return None
        return Layers(under, own, gone, overlay, shared)


def _rules(
    connection: Connection, collection: str, viewpoint: Viewpoint, model: ModelIdentity
) -> Sequence[Rules]:
    return [rules_of(connection, each, model, collection) for each in viewpoint.moderators]
