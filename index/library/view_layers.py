"""What a view is made of, and composing it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.library.moderation_filter import Judgement
from index.snapshots.additions import SelectedPictures, SharedPictures
from index.snapshots.delta import Generation
from index.snapshots.overlaid import ComposedSnapshot, OverlayBase, over
from index.snapshots.overlay import Overlay

NO_ROWS = np.empty(0, dtype=np.int64)
"""No rows at all, int64 [0]."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What a view is made of, from below.

    ``under``: what the folder has; ``own``: with what its community alone sees, and ``gone`` those
    of its rows that are no more; ``overlay``: the rest; ``shared``: the part of that which all
    who share the collection see.
    """

    under: Generation
    own: OverlayBase
    gone: NDArray[np.int64]
    overlay: Overlay
    shared: Overlay

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


def with_some(under: Generation, shared: SharedPictures, rows: NDArray[np.int64]) -> OverlayBase:
    """A base with some of the pictures that many share behind its own."""
    return ComposedSnapshot(under, SelectedPictures(shared, rows), NO_ROWS) if len(rows) else under
