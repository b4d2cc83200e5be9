"""Which uploads the last changes of this process touched, so that nobody has to look at all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

Scope = tuple[str, str]
"""A collection, and who sees a change of it."""

_REMEMBERED = 256
"""Changes of one scope."""


@dataclass(frozen=True, slots=True)
class _Step:
    before: int
    after: int
    uploads: frozenset[str]


@dataclass(slots=True)
class RecentChanges:
    """Changes by their revisions. Thread-safe; other processes' changes are not here."""

    _steps: dict[Scope, deque[_Step]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, scope: Scope, before: int, after: int, uploads: Collection[str]) -> None:
        """Of a scope, these uploads alone were changed between two of its revisions."""
        with self._guard:
            steps = self._steps.setdefault(scope, deque(maxlen=_REMEMBERED))
            steps.append(_Step(before, after, frozenset(uploads)))

    def between(self, scope: Scope, before: int, after: int) -> frozenset[str] | None:
        """The uploads that were changed between two revisions; None where that is not known."""
        with self._guard:
            steps = {step.after: step for step in self._steps.get(scope, ())}
        found: set[str] = set()
        while after > before:
            step = steps.get(after)
            if step is None:
                return None
            found |= step.uploads
            after = step.before
        return frozenset(found) if after == before else None
