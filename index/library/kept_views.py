"""The views of one collection's communities that are kept until something changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from core.domain.viewer import Viewer
from core.search.moderation import HeldPicture
from index.snapshots.additions import SharedPictures
from index.snapshots.delta import Generation
from index.snapshots.overlaid import OverlayBase
from index.snapshots.overlay import Overlay, Viewpoint


@dataclass(frozen=True, slots=True)
class KeptViews:
    """How much is kept over one base.

    ``communities``: those whose view is found without asking the database; most of them share
    one. ``views``: different ones; each costs 2 MB for a thousand uploads of all who share the
    collection, 100 bytes for each that its community alone sees, and another 2 MB for its
    calibration where it is searched. ``own``: how many of the latter are kept of all communities
    together, each once for all who may see it, in 4 kB at 512 dimensions. ``loose``: changes of
    them that are searched beside the others before they are taken in. ``ready``: of how many
    different viewers of a community, who asked in the last ``ready_s``, the view is made ready
    with each change of its posts, before anybody asks.
    """

    communities: int = 4096
    views: int = 64
    own: int = 500_000
    loose: int = 256
    ready: int = 8
    ready_s: float = 600.0


@dataclass(frozen=True, slots=True)
class CachedView:
    """Which view a community had at a revision of the collection and of moderation."""

    revision: tuple[int, int]
    key: Hashable


@dataclass(frozen=True, slots=True)
class ComposedView:
    """A view, the last changes that went into it, and what waits for a decision.

    ``shared``: what lay over the folder for all who share the collection, where that was read.
    """

    revisions: tuple[int, ...]
    view: OverlayBase | None
    waiting: tuple[HeldPicture, ...] = ()
    shared: Overlay | None = None


class CollectionViews:
    """The views over one base. A new base gets new ones, so that no old base is kept alive.

    ``monotonic`` gives seconds.
    """

    def __init__(
        self,
        base: Generation | None,
        kept: KeptViews,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base = base
        self._kept = kept
        self._monotonic = monotonic
        self._seen: LRUCache[Viewer, CachedView] = LRUCache(kept.communities)
        self._asked: LRUCache[Viewpoint, float] = LRUCache(kept.views)
        self._composed: LRUCache[Hashable, ComposedView] = LRUCache(kept.views)
        self._own: LRUCache[tuple[str, frozenset[str]], tuple[SharedPictures, OverlayBase]]
        self._own = LRUCache(kept.views)
        self._guard = threading.Lock()

    def at(self, viewpoint: Viewpoint, revision: tuple[int, int]) -> ComposedView | None:
        """What the viewer saw at this revision, if that is known."""
        with self._guard:
            self._asked[viewpoint] = self._monotonic()
            seen = self._seen.get(viewpoint.viewer)
            if seen is None or seen.revision != revision:
                return None
            return self._composed.get(seen.key)

    def of(self, key: Hashable, revisions: tuple[int, ...]) -> ComposedView | None:
        """The view of this key after these changes, if that is known."""
        found = self.last(key)
        return found if found is not None and found.revisions == revisions else None

    def last(self, key: Hashable) -> ComposedView | None:
        """The view that was kept last under this key."""
        with self._guard:
            return self._composed.get(key)

    def asked_lately(self, community: str) -> Sequence[Viewpoint]:
        """Those of a community who asked last, but for questions about some of its posts."""
        since = self._monotonic() - self._kept.ready_s
        with self._guard:
            asked = [
                (at, viewpoint)
                for viewpoint, at in self._asked.items()
                if viewpoint.community == community
                and viewpoint.wanted is None
                and not viewpoint.everything
                and at >= since
            ]
        asked.sort(key=lambda each: -each[0])
        return [viewpoint for _, viewpoint in asked[: self._kept.ready]]

    def own_of(self, viewpoint: Viewpoint, shared: SharedPictures) -> OverlayBase | None:
        """What was kept by :meth:`keep_own` of these pictures."""
        with self._guard:
            known = self._own.get((viewpoint.community, viewpoint.channels))
        return known[1] if known is not None and known[0] is shared else None

    def keep_own(self, viewpoint: Viewpoint, shared: SharedPictures, made: OverlayBase) -> None:
        """Keep the base with those of a community's own pictures that the viewer may see."""
        with self._guard:
            if (viewpoint.community, viewpoint.channels) in self._own:
                # Nobody's older view may keep all of them in memory a second time.
                self._drop(viewpoint.community, shared)
            self._own[viewpoint.community, viewpoint.channels] = shared, made

    def _drop(self, community: str, shared: SharedPictures) -> None:
        for key, (others, _) in list(self._own.items()):
            if key[0] == community and others is not shared:
                del self._own[key]
        for viewer in list(self._composed):
            if isinstance(viewer, Viewer) and viewer.community == community:
                del self._composed[viewer]

    def keep(self, viewer: Viewer, seen: CachedView, composed: ComposedView) -> None:
        """Keep what the viewer sees."""
        with self._guard:
            self._seen[viewer] = seen
            self._composed[seen.key] = composed
