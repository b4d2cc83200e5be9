"""The use case of looking through a collection: all of its pictures, the newest first."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.domain.errors import BadCount, InvalidRequest, NotFound
from core.domain.ports import Library, Looks, Snapshot
from core.domain.single_flight import OncePerSnapshot
from core.domain.types import ByDate, Look, Picture
from core.domain.viewer import Viewer
from core.search.labels import NONE
from core.search.ports import CandidateSource, Labels, Sought

MAX_LIMIT = 500
"""Pictures of one page: what a screen of thumbnails and some scrolling ahead take."""

_HELD = 8192
"""Looks in memory: some 200 bytes each."""

_HELD_S = 60.0
"""After this a file's new date shows in answers, at the latest."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture with its look."""

    picture: Picture
    look: Look


@dataclass(frozen=True, slots=True)
class BrowsedPage:
    """Some pictures of ``total``, the newest first.

    ``following`` names the next page, None where this is the last one. ``sampled``: they are some
    of the pictures of a collection that is too large to be looked through.
    """

    collection: str
    total: int
    pictures: tuple[Shown, ...]
    following: str | None
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """A picture with its file and all of its captions, the shown one first.

    ``labels``: those of the collection that it is tagged with.
    """

    shown: Shown
    path: Path
    captions: tuple[str, ...]
    labels: tuple[str, ...]


class Browser:
    """Pages through what a community sees of a collection. The order is read once a snapshot.

    Every method raises NotFound for what does not exist or is not for this community.
    ``held_s``: how long a look is not read again for what a search shows.
    """

    def __init__(
        self,
        library: Library,
        looks: Looks,
        labels: Labels | None = None,
        *,
        candidates: CandidateSource | None = None,
        held_s: float = _HELD_S,
    ) -> None:
        self._library = library
        self._looks = looks
        self._labels = labels
        self._candidates = candidates
        self._orders: OncePerSnapshot[ByDate] = OncePerSnapshot()
        # What many ask for is shown again and again, and reading it takes longer than finding it.
        # All are forgotten together: a cache that times each one takes longer than finding it, too.
        self._held: dict[tuple[str, str], Look] = {}
        self._held_s = held_s
        self._held_until = 0.0

    async def page(
        self,
        *,
        community: Viewer | str,
        collection: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> BrowsedPage:
        """The pictures that follow those of the page that named ``after``; "" for the newest.

        Whatever comes or goes meanwhile, none of the others is left out or comes twice. Raises
        EmptyCollection, BadCount, InvalidRequest (for an ``after`` that no page has named),
        CatalogueError.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise BadCount(number=limit, low=1, high=MAX_LIMIT)
        place = _Place.read(after) if after else None
        snapshot = await self._library.open(collection, community, of_any_model=True)
        name = snapshot.collection
        order = await self._orders.get(
            snapshot, self._looks.revision, lambda: asyncio.to_thread(self._looks.by_date, name)
        )
        return await asyncio.to_thread(self._page, snapshot, order, place, limit)

    async def looks(self, pictures: Sequence[Picture]) -> Sequence[Look]:
        """How pictures look that the caller was shown by the library. Raises CatalogueError."""
        if time.monotonic() >= self._held_until or len(self._held) > _HELD:
            self._held.clear()
            self._held_until = time.monotonic() + self._held_s
        found = [self._held.get((each.id, each.sha256)) for each in pictures]
        unknown = [each for each, look in zip(pictures, found, strict=True) if look is None]
        if unknown:
            read = await asyncio.to_thread(self._looks.of, unknown)
            for each, look in zip(unknown, read, strict=True):
                if look.placeholder:  # else it may be made in a moment
                    self._held[each.id, each.sha256] = look
            following = iter(read)
            found = [look or next(following) for look in found]
        return [look for look in found if look is not None]

    async def detail(self, picture_id: str, *, community: Viewer | str) -> Detail:
        """All about one picture. Raises CatalogueError, ModelMismatch."""
        picture, path = await self._library.picture_file(picture_id, community)
        snapshot = await self._library.open(picture.collection, community)
        if self._candidates is not None:
            itself = Sought(ids=[picture_id])
            snapshot = (await self._candidates.around(snapshot, community, itself)).snapshot
        return await asyncio.to_thread(self._detail, snapshot, picture, path)

    def _detail(self, snapshot: Snapshot, picture: Picture, path: Path) -> Detail:
        row = snapshot.row_of(picture.id)
        if row is None:
            raise NotFound("There is no such picture here.")
        mine = np.flatnonzero(snapshot.owners == row).tolist()
        texts = [picture.caption, *(snapshot.captions[each][0] for each in mine)]
        known = None if self._labels is None else self._labels.of(snapshot.collection)
        labels: tuple[str, ...] = ()
        if known is not None:
            (place,) = known.tags(snapshot.picture_index.reconstruct(np.array([row]))).places
            labels = () if place == NONE else (known.labels[place],)
        (look,) = self._looks.of([picture])
        captions = tuple(dict.fromkeys(text for text in texts if text))
        return Detail(Shown(picture, look), path, captions, labels)

    def _page(
        self, snapshot: Snapshot, order: ByDate, place: _Place | None, limit: int
    ) -> BrowsedPage:
        start = 0 if place is None else place.following(order)
        found: list[tuple[int, Picture]] = []
        # One more than wanted tells whether another page follows.
        for at, row in _rows(snapshot, order, start):
            found.append((at, snapshot.pictures[row]))
            if len(found) > limit:
                break
        more, found = len(found) > limit, found[:limit]
        pictures = [picture for _, picture in found]
        looks = self._looks.of(pictures) if pictures else ()
        return BrowsedPage(
            collection=snapshot.collection,
            total=len(snapshot.pictures),
            pictures=tuple(map(Shown, pictures, looks)),
            following=_Place.of(order, found[-1][0]).written() if more else None,
            sampled=self._candidates is not None and self._candidates.covers(snapshot.collection),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """A picture of an order: its date, its id, and how many of the same date come before."""

    date: float
    behind: int
    picture_id: bytes

    @classmethod
    def of(cls, order: ByDate, at: int) -> _Place:
        date = float(order.dates[at])
        first, _ = _of_date(order, date)
        return cls(date, at - first, bytes(order.ids[at]))

    @classmethod
    def read(cls, written: str) -> _Place:
        """What :meth:`written` gave. Raises InvalidRequest."""
        try:
            date, behind, picture_id = base64.urlsafe_b64decode(written.encode()).split(b" ")
            place = cls(float.fromhex(date.decode()), int(behind), picture_id)
        except (ValueError, OverflowError, binascii.Error):
            place = None
        if place is None or place.behind < 0 or np.isnan(place.date):
            raise InvalidRequest(
                "There is no such page.", remedy="Leave out after to begin with the newest."
            )
        return place

    def written(self) -> str:
        text = b" ".join((self.date.hex().encode(), b"%d" % self.behind, self.picture_id))
        return base64.urlsafe_b64encode(text).decode()

    def following(self, order: ByDate) -> int:
        """Where the pictures after this one begin, also where it is gone."""
        first, end = _of_date(order, self.date)
        same = np.flatnonzero(order.ids[first:end] == self.picture_id)
        if len(same):
            return first + int(same[0]) + 1
        return min(first + self.behind, end)


def _of_date(order: ByDate, date: float) -> tuple[int, int]:
    """Where the pictures of a date begin and end; both where they would stand if there are none."""
    rising = -order.dates
    return (
        int(np.searchsorted(rising, -date, side="left")),
        int(np.searchsorted(rising, -date, side="right")),
    )


def _rows(snapshot: Snapshot, order: ByDate, start: int) -> Iterator[tuple[int, int]]:
    """Places in the order and the rows of the pictures there that the snapshot has."""
    for at in range(start, len(order.ids)):
        row = snapshot.row_of(order.ids[at].decode())
        if row is not None:
            yield at, row
