"""Which state of a collection a viewer would see, and who else sees the same."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from sqlalchemy import Connection

from index.library.kept_views import CachedView
from index.library.moderation_rows import moderation_revision, moderation_revisions
from index.library.overlay_revisions import revisions_of
from index.snapshots.overlay import Viewpoint


@dataclass(frozen=True, slots=True)
class ViewState:
    """The state that a view is of.

    ``key``: whom it is kept for; ``revisions``: the last changes that matter to it; ``seen``: what
    is noted for the viewer; ``is_changed``: whether anything lies over the folder at all.
    """

    key: Hashable
    revisions: tuple[int, ...]
    seen: CachedView
    is_changed: bool


def state_of(connection: Connection, collection: str, viewpoint: Viewpoint) -> ViewState:
    """The state that a viewer would see now. Raises CatalogueError."""
    total, shared, own = revisions_of(connection, collection, viewpoint)
    judged = moderation_revisions(connection, viewpoint.moderators)
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
    seen = CachedView((total, moderation_revision(connection)), key)
    changed = bool(total) or any(judged) or viewpoint.wanted is not None
    return ViewState(key, revisions, seen, changed)
