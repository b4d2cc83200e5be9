"""What people are offered to choose from or to ask: only what their community may see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from bot.chat.presenters.search import Presenter
from bot.protocol.requests import Request
from core.domain.errors import BeingIndexed, EmptyCollection, NotFound, SourceError, TangerineError
from core.domain.plain_text import folded
from core.domain.ports import Library, Snapshot
from core.search.ports import Moderation
from core.search.service import Search

_LONGEST = 36
_WORDS = 5


def examples_of(captions: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Short captions from all over the collection, as one would type them; maybe fewer.

    The same captions give the same examples.
    """
    examples: dict[str, None] = {}
    for part in range(count):
        start, end = part * len(captions) // count, (part + 1) * len(captions) // count
        middle = (start + end) // 2
        # From the middle of each stretch on: the ends of sorted folders are the odd ones.
        for row in [*range(middle, end), *range(start, middle)]:
            words = captions[row].split(".")[0].split(",")[0].split()
            example = " ".join(words)
            readable = example.replace(" ", "").isalpha() and example not in examples
            if readable and len(words) <= _WORDS and 3 <= len(example) <= _LONGEST:  # noqa: PLR2004 - "ox" says little
                examples[example[0].lower() + example[1:]] = None
                break
    return tuple(examples)


MOST = 25
"""Choices of one menu: what Discord takes."""

LONGEST = 100
"""Characters of one choice: what Discord takes."""


class Choices:
    """Completes names of collections, labels and criteria, and captions to ids of pictures."""

    def __init__(self, library: Library, search: Search, moderation: Moderation) -> None:
        self._library = library
        self._search = search
        self._moderation = moderation

    def collections(self, request: Request, start: str) -> tuple[str, ...]:
        """Names of collections that begin with ``start``."""
        names = self._library.visible(request.community)
        return tuple(n for n in names if n.lower().startswith(start.lower()))[:MOST]

    async def labels(self, request: Request, start: str, collection: str) -> tuple[str, ...]:
        """Labels with ``start`` in them, of a collection or, where it is empty, the default one."""
        try:
            known = await self._search.labels(
                community=request.viewer, collection=collection or None
            )
        except TangerineError:
            return ()  # nobody is told here what is not there, or not for them
        return _with(start, known)

    async def criteria(self, request: Request, start: str) -> tuple[str, ...]:
        """The community's criteria with ``start`` in them, then ``start`` itself as a new one."""
        known = [each.text for each in await self._moderation.criteria(request.community)]
        typed = " ".join(start.split())
        found = _with(start, known)
        if typed and folded(typed) not in (folded(each) for each in known):
            found = (*found[: MOST - 1], typed)
        return found

    async def pictures(
        self, request: Request, start: str, presenter: Presenter
    ) -> Sequence[tuple[str, str]]:
        """Labels and ids of pictures whose caption contains ``start``, the newest first."""
        found: list[tuple[str, str]] = []
        for name in self._library.visible(request.community):
            try:
                snapshot = await self._library.open(name, request.keeper, of_any_model=True)
            except TangerineError:
                continue  # nothing indexed yet: the others may do
            matching = self._matching(snapshot, folded(start).strip(), presenter)
            found += await asyncio.to_thread(list, islice(matching, MOST))
            if len(found) >= MOST:
                break
        return tuple(found[:MOST])

    async def examples(self, request: Request, presenter: Presenter) -> Sequence[str]:
        """Three questions that the community's default collection can answer."""
        try:
            snapshot = await self._library.open(None, request.community, of_any_model=True)
        except (EmptyCollection, BeingIndexed, NotFound, SourceError):
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
            if start in folded(caption) or picture.id.startswith(start):
                room = LONGEST - len(picture.id) - 3
                short = caption if len(caption) <= room else f"{caption[: room - 1]}…"
                yield f"{short} · {picture.id}", picture.id


def _with(start: str, names: Iterable[str]) -> tuple[str, ...]:
    wanted = folded(start).strip()
    return tuple(islice((name for name in names if wanted in folded(name)), MOST))
