"""What each community sees of each collection, cached until it changes."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import Connection

from core.domain.viewer import Viewer
from core.search.moderation import HeldPicture, Meaning, Scores
from index.catalogue.contents import identity_of
from index.library.moderation_filter import Judge, Judgement
from index.library.moderation_rows import (
    MODERATION,
    moderation_revision,
    moderation_revisions,
    rules_of,
)
from index.library.overlay import Overlays
from index.library.overlay_reads import chosen_posts, overlay_of, revision_of, revisions_of
from index.library.shelves import Shelves
from index.library.worded import raised, worded
from index.snapshots.additions import SelectedPictures, SharedPictures
from index.snapshots.delta import Generation
from index.snapshots.overlaid import (
    ComposedSnapshot,
    IdentifiedSnapshot,
    OverlayBase,
    left_of,
    over,
)
from index.snapshots.overlay import Overlay, Viewpoint
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class KeptViews:
    """How much is kept over one base.

    ``communities``: those whose view is found without asking the database; most of them share
    one. ``views``: different ones; each costs 2 MB for a thousand uploads of all who share the
    collection, 100 bytes for each that its community alone sees, and another 2 MB for its
    calibration where it is searched. ``own``: how many of the latter are kept of all communities
    together, each once for all who may see it, in 4 kB at 512 dimensions. ``loose``: changes of
    them that are searched beside the others before they are taken in.
    """

    communities: int = 4096
    views: int = 64
    own: int = 500_000
    loose: int = 1024


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


@dataclass(frozen=True, slots=True)
class _Layers:
    """What a view is made of, from below.

    ``under``: what the folder has; ``own``: with what its community alone sees, and ``gone`` those
    of its rows that are no more; ``overlay``: the rest.
    """

    under: Generation
    own: OverlayBase
    gone: NDArray[np.int64]
    overlay: Overlay

    def composed(self, judgement: Judgement | None = None) -> OverlayBase:
        """One view of all of it, without what was judged to be hidden."""
        overlay, hidden = self.overlay, frozenset[str]()
        if judgement is not None:
            overlay = judgement.applied(self.overlay)
            hidden = frozenset() if overlay is self.overlay else judgement.hidden
        removed = [
            self.gone,
            self.under.rows_of(self.overlay.removed),
            self.own.rows_of(hidden),
        ]
        return over(self.own, overlay, np.unique(np.concatenate(removed)))

    def judged(self) -> Overlay:
        """All that lies over the folder, to be judged; without captions."""
        rows = np.arange(len(self.under.pictures), len(self.own.pictures), dtype=np.int64)
        rows = np.setdiff1d(rows, self.gone)
        pictures, moving = self.own.pictures, self.own.frames
        own = {} if moving is None else moving.only(rows).by_row()
        first = len(self.overlay.pictures)
        places = {row: place for place, row in enumerate(rows.tolist(), start=first)}
        vectors = [self.overlay.picture_vectors, self.own.picture_index.reconstruct(rows)]
        return replace(
            self.overlay,
            pictures=(*self.overlay.pictures, *(pictures[row] for row in rows.tolist())),
            picture_vectors=np.concatenate(vectors),
            captions=(),
            caption_vectors=self.overlay.caption_vectors[:0],
            frames={**self.overlay.frames, **{places[row]: own[row] for row in own}},
        )


class _Views:
    """The views over one base. A new base gets new ones, so that no old base is kept alive."""

    def __init__(self, base: Generation | None, kept: KeptViews) -> None:
        self.base = base
        self._seen: LRUCache[Viewer, _CachedView] = LRUCache(kept.communities)
        self._composed: LRUCache[Hashable, _Composed] = LRUCache(kept.views)
        self._own: LRUCache[tuple[str, frozenset[str]], tuple[SharedPictures, OverlayBase]]
        self._own = LRUCache(kept.views)
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

    def with_own(
        self, viewpoint: Viewpoint, under: Generation, shared: SharedPictures
    ) -> OverlayBase:
        """What is under it, with those of a community's own that a viewer may see."""
        key = viewpoint.community, viewpoint.channels
        with self._guard:
            known = self._own.get(key)
        if known is not None and known[0] is shared:
            return known[1]
        made = _with_some(under, shared, shared.readable(("", *viewpoint.channels)))
        with self._guard:
            if known is not None:
                # Nobody's older view may keep all of them in memory a second time.
                self._drop(viewpoint.community, shared)
            self._own[key] = shared, made
        return made

    def _drop(self, community: str, shared: SharedPictures) -> None:
        for key, (others, _) in list(self._own.items()):
            if key[0] == community and others is not shared:
                del self._own[key]
        for viewer in list(self._composed):
            if isinstance(viewer, Viewer) and viewer.community == community:
                del self._composed[viewer]

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
        self._shelves = Shelves(overlays, kept.own, kept.loose)
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
            layers = self._layers(connection, collection, viewpoint, _Views(base, self._kept))
            return None if layers is None else layers.composed()

    def scored(
        self, collection: str, viewpoint: Viewpoint, text: str, meaning: Meaning
    ) -> tuple[IdentifiedSnapshot, Scores] | None:
        """:meth:`bare`, with the standard scores of its rows by a criterion: float32 [n].

        Raises CatalogueError.
        """
        base = self._store.current(collection)
        with self._overlays.read() as connection:
            layers = self._layers(connection, collection, viewpoint, _Views(base, self._kept))
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

    def _composed(self, collection: str, viewpoint: Viewpoint) -> _Composed:
        base = self._store.current(collection)
        revisions = self._overlays.revisions
        revision = revisions.revision(collection), revisions.revision(MODERATION)
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
                    held = self._compose(connection, collection, viewpoint, views, revisions)
        views.keep(viewpoint.viewer, _CachedView(revision, key), held)
        return held

    def _compose(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        views: _Views,
        revisions: tuple[int, ...],
    ) -> _Composed:
        layers = self._layers(connection, collection, viewpoint, views)
        if layers is None:
            return _Composed(revisions, None)
        rules = [
            rules_of(connection, moderator, layers.under.identity, collection)
            for moderator in viewpoint.moderators
        ]
        texts = {criterion.text for each in rules for criterion, _ in each.criteria}
        looks = any(each.criteria or len(each.prints) for each in rules)
        judgement = self._judge.judge(
            layers.under,
            layers.judged() if looks else layers.overlay,
            rules,
            adults=viewpoint.adults,
            words=worded(connection, collection, texts),
        )
        return _Composed(revisions, layers.composed(judgement), judgement.waiting)

    def _layers(
        self, connection: Connection, collection: str, viewpoint: Viewpoint, views: _Views
    ) -> _Layers | None:
        """What a community's view is made of, None where nothing was ever indexed or added."""
        base = views.base
        model = identity_of(connection, collection) if base is None else base.identity
        if model is None:
            return None
        overlay = overlay_of(connection, collection, viewpoint, model)
        if viewpoint.wanted is not None:
            base = None  # posts are wanted, and the folder has none
        under = base or IndexSnapshot.empty(collection, model)
        shelf = None
        if not viewpoint.everything:
            # What people post is for their chat, not for whoever runs the bot.
            community = viewpoint.community
            revision = revision_of(connection, collection, community)
            shelf = self._shelves.at(connection, collection, community, model, revision)
        if shelf is None:
            if base is None and not overlay.pictures:
                return None
            return _Layers(under, under, _NO_ROWS, overlay)
        if viewpoint.wanted is not None:
            rows, loose = shelf.chosen(chosen_posts(connection, collection, viewpoint))
            own, gone = _with_some(under, shelf.settled, rows), _NO_ROWS
        else:
            loose = shelf.readable(viewpoint.channels)
            own = views.with_own(viewpoint, under, shelf.settled)
            ids = (shelf.settled.pictures[row].id for row in shelf.gone.tolist())
            lost = [row for each in ids if (row := own.row_of(each)) is not None]
            gone = np.array(sorted(lost), dtype=np.int64)
        overlay = overlay.then(loose.encoded)
        if base is None and not len(own.pictures) and not overlay.pictures:
            return None
        return _Layers(under, own, gone, overlay)


_NO_ROWS = np.empty(0, dtype=np.int64)


def _with_some(under: Generation, shared: SharedPictures, rows: NDArray[np.int64]) -> OverlayBase:
    return ComposedSnapshot(under, SelectedPictures(shared, rows), _NO_ROWS) if len(rows) else under
