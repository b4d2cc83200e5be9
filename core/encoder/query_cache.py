"""Vectors of recent questions, so that what is asked again costs no run of the model."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import LRUCache

from core.domain.types import Lane, Vectors


class QueryCache:
    """The vectors of the last ``size`` texts of chat; 0 keeps none.

    Texts of the bulk lane are stored by whoever asked, and would only push questions out.
    ``observe`` is called with True for a question that was found, else False.
    """

    def __init__(self, size: int, observe: Callable[[bool], None] = lambda _: None) -> None:
        self._kept: LRUCache[str, Vectors] = LRUCache(size)
        self._observe = observe

    def find(self, text: str, lane: Lane) -> Vectors | None:
        found = self._kept.get(text)
        if lane is Lane.CHAT:
            self._observe(found is not None)
        return found

    def keep(self, text: str, vector: Vectors, lane: Lane) -> None:
        if lane is Lane.CHAT and self._kept.maxsize:
            self._kept[text] = vector
