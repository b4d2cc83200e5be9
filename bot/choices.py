"""What people are offered to choose from: only what their community may see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from bot.examples import examples_of
from bot.presenter import Presenter
from bot.requests import Request
from core.errors import EmptyCollection, NotFound, TangerineError
from core.ports import Library, Snapshot

MOST = 25
"""Choices of one menu: what Discord takes."""

LONGEST = 100
"""Characters of one choice: what Discord takes."""


class Choices:
    """Completes names of collections, and captions to ids of pictures."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def collections(self, request: Request, start: str) -> tuple[str, ...]:
        """Names of collections that begin with ``start``."""
        names = self._library.visible(request.community)
        return tuple(n for n in names if n.lower().startswith(start.lower()))[:MOST]

    async def pictures(
        self, request: Request, start: str, presenter: Presenter
    ) -> Sequence[tuple[str, str]]:
        """Labels and ids of pictures whose caption contains ``start``, the newest first."""
        found: list[tuple[str, str]] = []
        for name in self._library.visible(request.community):
            try:
                snapshot = await self._library.open(name, request.community)
            except TangerineError:
                continue  # nothing indexed yet, or by another model: the others may do
            matching = self._matching(snapshot, start.casefold().strip(), presenter)
            found += await asyncio.to_thread(list, islice(matching, MOST))
            if len(found) >= MOST:
                break
        return tuple(found[:MOST])

    async def examples(self, request: Request, presenter: Presenter) -> Sequence[str]:
        """Three questions that the community's default collection can answer."""
        try:
            snapshot = await self._library.open(None, request.community)
        except (EmptyCollection, NotFound):
            return presenter.words.generic_examples()
        found = examples_of([text for text, _ in snapshot.captions])
        return found or presenter.words.generic_examples()

    @staticmethod
    def _matching(
        snapshot: Snapshot, start: str, presenter: Presenter
    ) -> Iterator[tuple[str, str]]:
        # The last rows are the pictures that came last.
        for picture in reversed(snapshot.pictures):
            caption = presenter.words.caption(picture.caption, picture.path)
            if start in caption.casefold() or picture.id.startswith(start):
                room = LONGEST - len(picture.id) - 3
                short = caption if len(caption) <= room else f"{caption[: room - 1]}…"
                yield f"{short} · {picture.id}", picture.id
