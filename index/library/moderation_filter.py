"""Which pictures of a collection a community's criteria hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from core.domain.choices import Strictness
from core.domain.ports import VectorIndex
from core.domain.types import Picture, Vectors
from core.search.frames import FrameRows
from core.search.moderation import (
    NEAR_DUPLICATE,
    THRESHOLDS,
    HeldPicture,
    Meaning,
    Reason,
    Scorer,
    Scores,
)
from index.library.moderation_rows import Rules
from index.library.worded import Worded, raised
from index.snapshots.delta import Generation
from index.snapshots.overlay import Overlay

_BLOCK = 4096
"""Vectors in memory at once: 8 MB at 512 dimensions."""

_REMEMBERED = 64
"""Criteria whose scores over one base are kept: 400 kB each for 100,000 pictures."""

_PRINTS = 4096
"""Removed pictures whose near-duplicates in one base are kept."""

_ALIKE = 64
"""Near-duplicates of one picture that are looked for at first."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """``hidden`` are the contents (SHA-256) that a viewer does not see.

    ``waiting`` are the pictures that its own community has to decide about, those that meet
    a criterion most first.
    """

    hidden: frozenset[str]
    waiting: tuple[HeldPicture, ...]

    def applied(self, overlay: Overlay) -> Overlay:
        """The overlay without what is hidden, which it hides in the base, too."""
        if not self.hidden:
            return overlay
        left = overlay.only(lambda picture: picture.sha256 not in self.hidden)
        return replace(left, removed=overlay.removed | self.hidden)


@dataclass(slots=True)
class _Known:
    scores: LRUCache[str, tuple[Scorer, Scores]] = field(
        default_factory=lambda: LRUCache(_REMEMBERED)
    )
    alike: LRUCache[bytes, Mapping[int, float]] = field(default_factory=lambda: LRUCache(_PRINTS))


class Judge:
    """Scores pictures by criteria and remembers those of each base. Blocking, thread-safe.

    ``duplicate_cosine``: from there on a picture is nearly equal to a removed one.
    """

    def __init__(self, *, duplicate_cosine: float = 0.97) -> None:
        self._duplicate_cosine = duplicate_cosine
        self._known: WeakKeyDictionary[Generation, _Known] = WeakKeyDictionary()
        self._guard = threading.Lock()

    def judge(
        self,
        base: Generation,
        overlay: Overlay,
        rules: Sequence[Rules],
        *,
        adults: bool,
        words: Worded | None = None,
    ) -> Judgement:
        """What is hidden by the rules of each of these communities, the viewer's own first.

        ``adults``: criteria that only keep children away hold nothing. ``words``: the contents in
        which a criterion is written.
        """
        hidden: set[str] = set()
        waiting: dict[str, HeldPicture] = {}
        for place, each in enumerate(rules):
            hidden |= each.removed
            found = self._held(base, overlay, each, words or {})
            if place == 0:
                waiting = found
            # By key: a near-duplicate of a removed picture is held from adults, too.
            lenient = {c.key for c, _ in each.criteria if c.age} if adults else set()
            hidden |= {
                sha256
                for sha256, held in found.items()
                if any(reason.criterion.casefold() not in lenient for reason in held.reasons)
            }
        ordered = sorted(waiting.values(), key=_by_urgency)
        return Judgement(frozenset(hidden), tuple(ordered))

    def scores(self, base: Generation, text: str, meaning: Meaning) -> tuple[Scorer, Scores]:
        """The standard scores of a base's pictures, and what gives those of others."""
        known = self._of(base)
        with self._guard:
            kept = known.scores.get(text)
        if kept is not None:
            return kept
        usual = _joined(meaning.scores(block) for block in _blocks(base.picture_index))
        scorer = meaning.scorer(usual)
        plain = _joined(scorer(block) for block in _blocks(base.picture_index))
        found = scorer, plain if base.frames is None else base.frames.raised(plain, scorer)
        with self._guard:
            known.scores[text] = found
        return found

    def _held(
        self, base: Generation, overlay: Overlay, rules: Rules, words: Worded
    ) -> dict[str, HeldPicture]:
        held: dict[str, tuple[Picture, dict[str, Reason]]] = {}
        for picture, reason in self._reasons(base, overlay, rules, words):
            content = picture.sha256
            approved = rules.approved.get(content, frozenset())
            if (
                content in rules.removed
                or content in overlay.removed
                or reason.criterion.casefold() in approved
            ):
                continue
            _, mine = held.setdefault(content, (picture, {}))
            mine.setdefault(reason.criterion, reason)
        return {
            content: HeldPicture(picture, tuple(sorted(mine.values(), key=_by_strength)))
            for content, (picture, mine) in held.items()
        }

    def _reasons(
        self, base: Generation, overlay: Overlay, rules: Rules, words: Worded
    ) -> Iterator[tuple[Picture, Reason]]:
        """Everything that meets a criterion; uploads first, as somebody waits for those."""
        for criterion, meaning in rules.criteria:
            scorer, of_base = self.scores(base, criterion.text, meaning)
            holding = words.get(criterion.text, frozenset())
            of_uploads = [n for n, each in enumerate(overlay.pictures) if each.sha256 in holding]
            uploaded = raised(scored(overlay, scorer), np.array(of_uploads, np.int64))
            for pictures, scores in (
                (overlay.pictures, uploaded),
                (base.pictures, raised(of_base, base.rows_of(holding))),
            ):
                for row in np.flatnonzero(would_hold(scores, criterion.strictness)).tolist():
                    yield pictures[row], Reason(criterion.text, float(scores[row]))
        for vector in rules.prints:
            cosines = scored(overlay, lambda vectors, vector=vector: vectors @ vector)  # type: ignore[misc]
            for row in np.flatnonzero(cosines >= self._duplicate_cosine).tolist():
                yield overlay.pictures[row], Reason(NEAR_DUPLICATE, float(cosines[row]))
            for row, cosine in self._alike(base, vector).items():
                yield base.pictures[row], Reason(NEAR_DUPLICATE, cosine)

    def _alike(self, base: Generation, vector: Vectors) -> Mapping[int, float]:
        known, key = self._of(base), vector.tobytes()
        with self._guard:
            kept = known.alike.get(key)
        if kept is not None:
            return kept
        wanted = _ALIKE
        while True:
            scores, rows = base.picture_index.search(vector[None], wanted)
            close = scores[0] >= self._duplicate_cosine
            if wanted >= len(base.picture_index) or not close.all():
                break
            wanted *= 4
        found = dict(zip(rows[0][close].tolist(), scores[0][close].tolist(), strict=True))
        if base.frames is not None:
            best = base.frames.best(lambda vectors: vectors @ vector)
            near = best >= self._duplicate_cosine
            found |= zip(base.frames.rows[near].tolist(), best[near].tolist(), strict=True)
        with self._guard:
            known.alike[key] = found
        return found

    def _of(self, base: Generation) -> _Known:
        with self._guard:
            return self._known.setdefault(base, _Known())


def scored(overlay: Overlay, score: Callable[[Vectors], Scores]) -> Scores:
    """The scores of an overlay's pictures, of those that move that of their best frame."""
    plain = score(overlay.picture_vectors)
    frames = FrameRows.of(overlay.frames)
    return plain if frames is None else frames.raised(plain, score)


def would_hold(scores: Scores, strictness: Strictness) -> NDArray[np.bool_]:
    return scores >= THRESHOLDS[strictness]


def _by_strength(reason: Reason) -> float:
    return -reason.score


def _by_urgency(held: HeldPicture) -> tuple[float, str]:
    return -held.reasons[0].score, held.picture.path


def _blocks(index: VectorIndex) -> Iterator[Vectors]:
    for start in range(0, len(index), _BLOCK):
        yield index.reconstruct(np.arange(start, min(start + _BLOCK, len(index)), dtype=np.int64))


def _joined(blocks: Iterator[Scores]) -> Scores:
    return np.concatenate([np.empty(0, np.float32), *blocks]).astype(np.float32)
