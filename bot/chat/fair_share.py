"""A share of what is done at once for each person: whoever floods us waits in a line apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Lines:
    """A line for each name; ``share`` of its members have their turn at the same time.

    Where ``longest`` of a line wait for theirs already, nobody else may stand in it.
    """

    def __init__(self, share: int, *, longest: int = 48) -> None:
        self._share = max(share, 1)
        self._most = self._share + longest
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def stand(self, name: str) -> Iterator[asyncio.Semaphore | None]:
        """Stand in a line: what is entered holds a turn. None where too many wait already."""
        line = self._lines.setdefault(name, _Line(asyncio.Semaphore(self._share)))
        if line.members >= self._most:
            yield None
            return
        line.members += 1
        try:
            yield line.turns
        finally:
            line.members -= 1
            if not line.members:
                del self._lines[name]


class _Line:
    def __init__(self, turns: asyncio.Semaphore) -> None:
        self.turns = turns
        self.members = 0
