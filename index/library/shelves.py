"""What one community alone sees, in memory once for all its viewers, and brought up to date.

That are its posts, of which each viewer may see those of other channels, and what was added there
for nobody else. A change is read by itself and lies over what is there; once there are many of
them, they are taken in. So neither a question after a change nor another set of channels reads
all again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, select

from core.domain.types import ModelIdentity
from index.catalogue.contents import identity_of
from index.catalogue.rows import chunks
from index.catalogue.schema import uploads
from index.library.overlay import Overlays
from index.library.placed_uploads import PlacedUploads, read_uploads
from index.library.recent_changes import Scope
from index.snapshots.additions import SharedPictures

_NO_ROWS = np.empty(0, dtype=np.int64)
_SHARE = 8
"""Changes are taken in once they are an eighth of the pictures, or as many as may be."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """All pictures that a community alone sees at a revision, whoever of it may see them.

    ``gone``: rows of ``settled`` that are no more or not as they were, rising: int64 [n].
    """

    revision: int
    model: ModelIdentity
    settled: SharedPictures
    gone: NDArray[np.int64]
    loose: PlacedUploads

    def __len__(self) -> int:
        return len(self.settled) - len(self.gone) + len(self.loose.places)

    def readable(self, channels: Collection[str]) -> PlacedUploads:
        """The loose ones that are seen in these channels."""
        here = {"", *channels}
        return self.loose.only([n for n, place in enumerate(self.loose.places) if place in here])

    def chosen(self, ids: Collection[str]) -> tuple[NDArray[np.int64], PlacedUploads]:
        """The rows of ``settled``, and the loose ones, that are these pictures."""
        rows = (self.settled.row_of.get(each) for each in ids)
        mine = np.array(sorted(row for row in rows if row is not None), dtype=np.int64)
        pictures = self.loose.encoded.pictures
        wanted = [n for n, picture in enumerate(pictures) if picture.id in ids]
        return np.setdiff1d(mine, self.gone), self.loose.only(wanted)

    def changed(self, ids: frozenset[str], fresh: PlacedUploads) -> Shelf:
        """The shelf after these pictures were changed, of which the ``fresh`` ones are there now.

        They lie over the settled ones.
        """
        pictures = self.loose.encoded.pictures
        left = [n for n, picture in enumerate(pictures) if picture.id not in ids]
        loose = (self.loose if len(left) == len(pictures) else self.loose.only(left)).then(fresh)
        rows = [row for each in ids if (row := self.settled.row_of.get(each)) is not None]
        gone = np.union1d(self.gone, np.array(rows, dtype=np.int64))
        return replace(self, gone=gone, loose=loose)

    def taken_in(self, most: int) -> Shelf:
        """The same, with its changes taken in once they are ``most``, or many beside the settled.

        It copies all vectors: some 2 s for 200,000 pictures.
        """
        loose, gone = self.loose, self.gone
        enough = min(most, max(most // 4, len(self.settled) // _SHARE))
        if len(gone) + len(loose.places) < enough:
            return self
        others = SharedPictures.of(loose.encoded, loose.places, loose.added_at)
        kept = np.delete(np.arange(len(self.settled)), gone)
        settled = self.settled.joined(kept, others, self.model.dimension)
        return replace(self, settled=settled, gone=_NO_ROWS, loose=loose.only(()))


class Shelves:
    """The shelves of communities, those asked last. Blocking, thread-safe.

    ``pictures``: how many of all together are kept at most, but for the one that is asked for;
    ``loose``: changes that lie over a shelf at most before they are taken in.
    """

    def __init__(self, overlays: Overlays, pictures: int, loose: int) -> None:
        self._overlays = overlays
        self._loose = loose
        self._shelves: LRUCache[tuple[str, str, str], Shelf] = LRUCache(
            pictures, getsizeof=lambda shelf: min(pictures, 1 + len(shelf.settled))
        )
        self._guard = threading.Lock()

    def at(
        self,
        connection: Connection,
        collection: str,
        community: str,
        model: ModelIdentity,
        revision: int,
    ) -> Shelf | None:
        """The shelf at the community's revision, which is that of the transaction.

        None where there are no pictures. Callers take turns for each collection. Raises
        CatalogueError.
        """
        mine = _of(collection, community)
        key = collection, community, model.fingerprint
        if connection.execute(select(uploads.c.id).where(mine).limit(1)).first() is None:
            with self._guard:
                self._shelves.pop(key, None)
            return None
        with self._guard:
            known = self._shelves.get(key)
        if known is None:
            read = read_uploads(connection, collection, mine, model)
            shared = SharedPictures.of(read.encoded, read.places, read.added_at)
            known = Shelf(revision, model, shared, _NO_ROWS, read.only(()))
        elif known.revision != revision:
            changed = self._overlays.recent.between(
                (collection, community), known.revision, revision
            )
            if changed is None:
                changed = _differing(connection, known, mine)
            known = self._with(connection, known, changed, (collection, community), revision)
            known = known.taken_in(self._loose)
        with self._guard:
            self._shelves[key] = known
        return known

    def after(
        self, connection: Connection, scope: Scope, changed: frozenset[str], before: int, after: int
    ) -> Shelf | None:
        """The shelf after a change of these pictures, for :meth:`keep`; not kept yet.

        Nothing is taken in: the change holds the database. None where the one before is not
        known, or nothing is left. Raises CatalogueError.
        """
        model = identity_of(connection, scope[0])
        if model is None:
            return None
        with self._guard:
            known = self._shelves.get((*scope, model.fingerprint))
        if known is None or known.revision != before:
            return None
        shelf = self._with(connection, known, changed, scope, after)
        return shelf if len(shelf) else None

    def keep(self, scope: Scope, shelf: Shelf) -> None:
        """Keep a shelf, where there is no newer one."""
        self._put(scope, shelf, lambda known: known is None or known.revision < shelf.revision)

    def take_in(self, scope: Scope, shelf: Shelf) -> bool:
        """Take in the changes of a shelf that is kept, if they are many; whether they were."""
        settled = shelf.taken_in(self._loose)
        if settled is shelf:
            return False
        return self._put(scope, settled, lambda known: known is shelf)

    def _put(self, scope: Scope, shelf: Shelf, fits: Callable[[Shelf | None], bool]) -> bool:
        key = *scope, shelf.model.fingerprint
        with self._guard:
            if fitting := fits(self._shelves.get(key)):
                self._shelves[key] = shelf
        return fitting

    def _with(
        self,
        connection: Connection,
        known: Shelf,
        changed: frozenset[str],
        scope: Scope,
        revision: int,
    ) -> Shelf:
        collection, community = scope
        fresh = known.loose.only(())
        for some in chunks(sorted(changed)):
            wanted = and_(_of(collection, community), uploads.c.id.in_(some))
            fresh = fresh.then(read_uploads(connection, collection, wanted, known.model))
        return replace(known.changed(changed, fresh), revision=revision)


def _of(collection: str, community: str) -> ColumnElement[bool]:
    return and_(
        uploads.c.collection == collection,
        uploads.c.scope == community,
        uploads.c.removed_at.is_(None),
    )


def _differing(connection: Connection, shelf: Shelf, mine: ColumnElement[bool]) -> frozenset[str]:
    """The ids of pictures that are not as the shelf has them, or that it has and that are gone."""
    gone = set(shelf.gone.tolist())
    known = {
        picture.id: picture.caption
        for row, picture in enumerate(shelf.settled.pictures)
        if row not in gone
    }
    known |= {picture.id: picture.caption for picture in shelf.loose.encoded.pictures}
    rows = connection.execute(select(uploads.c.id, uploads.c.caption).where(mine))
    there = {row.id: row.caption for row in rows}
    return frozenset(
        each
        for each in known.keys() | there.keys()
        if each not in known or known[each] != there.get(each)
    )
