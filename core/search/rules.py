"""The bounds of a search: what may be asked, how far and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.domain.errors import BadCount, EmptyQuery, QueryTooLong, Unavailable


@dataclass(frozen=True, slots=True)
class SearchRules:
    """The bounds of a search.

    ``max_query``: characters of a text; ``max_k``: hits of one page; ``max_offset``: how
    deep paging goes; ``timeout_s``: seconds after which a search is given up;
    ``duplicate_cosine``: two hits at least this alike are shown as one; ``text_weight``:
    share of the text when it is mixed with a picture, in [0, 1]; ``sure_cosine``: a posted
    picture that finds nothing so close is looked at in further views too, and by its pixels
    (-1: never); ``look_s``: seconds in which pictures that may be one are compared by their
    pixels, of which three rounds may be needed; ``read_s``: seconds that words in a posted
    picture may take to be read, beside what is done meanwhile. An answer without either is
    better than a late one.
    """

    max_query: int = 200
    max_k: int = 100
    max_offset: int = 5000
    timeout_s: float = 15.0
    duplicate_cosine: float = 0.97
    text_weight: float = 0.5
    sure_cosine: float = 0.85
    look_s: float = 1.5
    read_s: float = 3.0

    def clean(self, text: str) -> str:
        cleaned = " ".join(text.replace("\0", " ").split())
        if not cleaned:
            raise EmptyQuery
        if len(cleaned) > self.max_query:
            raise QueryTooLong(length=len(cleaned), limit=self.max_query)
        return cleaned

    def check_page(self, k: int, offset: int) -> None:
        if not 1 <= k <= self.max_k:
            raise BadCount(number=k, low=1, high=self.max_k)
        if not 0 <= offset <= self.max_offset:
            raise BadCount(
                "There is no page that starts at result {offset}.",
                remedy="Page from 0 to {limit}.",
                offset=offset,
                limit=self.max_offset,
            )

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.timeout_s):
                yield
        except TimeoutError:
            raise Unavailable(
                "That took longer than {seconds} s.", retry_after=5, seconds=self.timeout_s
            ) from None
