"""Pictures in groups of like ones, each named by what its captions have in common.

k-means (Lloyd's algorithm, begun by k-means++), with a fixed seed: the same vectors give the same
groups. A name is made of words of the group's captions. The words that its captions use more than
those of all others are candidates (by their part in the Kullback-Leibler divergence of the
group's words from the collection's, which favours neither "the" nor a word used once); of these the
model takes the one whose meaning lies most in the direction of the group's pictures.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from core.search.projection import Chunks

_SAMPLE = 20_000
_ROUNDS = 30
_SEED = 7
_WORD = re.compile(r"[^\W\d_]{2,}")
_CANDIDATES = 8
# A second word belongs to the name if it fits nearly as well as the first.
_SECOND = 0.8
_LETTERS = 28


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """``of``: the group of each vector, int64 [n]; ``names``: one a group, the largest first.

    A name is empty where no caption tells any.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unnamed:
    """Groups before they have names.

    ``of`` as in :class:`Groups`; ``directions``: from the mean of all centres to each, float32
    [k, d]; ``candidates``: words for each, the most characteristic first; ``captions``: one of
    each group, cut short, or empty.
    """

    of: NDArray[np.int64]
    directions: NDArray[np.float32]
    candidates: tuple[tuple[str, ...], ...]
    captions: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Every candidate once: the texts that :meth:`named` wants the vectors of."""
        return tuple(dict.fromkeys(word for words in self.candidates for word in words))

    def named(self, vectors: Sequence[Vectors]) -> Groups:
        """The groups with names; ``vectors``, float32 [d] each, are those of :attr:`words`."""
        if not vectors:
            return Groups(self.of, self.captions)
        stacked = np.stack(vectors)
        # What all candidates share says nothing of any group.
        meanings = dict(zip(self.words, stacked - stacked.mean(axis=0), strict=True))
        names = []
        for words, direction, caption in zip(
            self.candidates, self.directions, self.captions, strict=True
        ):
            fits = sorted(((float(meanings[w] @ direction), w) for w in words), key=_best_first)
            near = [word for fit, word in fits[:2] if fit >= _SECOND * fits[0][0] > 0]
            names.append(", ".join(near) or (fits[0][1] if fits else caption))
        return Groups(self.of, tuple(names))


def _best_first(fit: tuple[float, str]) -> tuple[float, str]:
    return -fit[0], fit[1]


def group(chunks: Chunks, captions: Sequence[tuple[str, int]], count: int) -> Unnamed:
    """Cut a collection into at most ``count`` groups, fewer where fewer vectors differ.

    ``captions``: texts with the rows of their vectors. Centres are learnt from a sample of
    20,000 vectors, then every vector goes to the nearest.
    """
    centres = k_means(_sample(chunks), count)
    nearest = [_distances(vectors, centres).argmin(axis=1) for vectors in chunks()]
    of = np.concatenate(nearest) if nearest else np.zeros(0, dtype=np.int64)
    sizes = np.bincount(of, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    renamed = np.zeros(len(centres), dtype=np.int64)
    renamed[order] = np.arange(len(order))
    of = renamed[of]
    middle = centres[order].mean(axis=0) if len(order) else 0.0
    first = [""] * len(order)
    for text, row in captions:
        first[of[row]] = first[of[row]] or _cut(text)
    candidates = candidates_of(captions, of, len(order))
    return Unnamed(of, centres[order] - middle, candidates, tuple(first))


def k_means(points: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """At most ``count`` centres of points [n, d], float32 [k, d]; fewer where fewer differ."""
    if not len(points) or count < 1:
        return points[:0]
    rng = np.random.default_rng(_SEED)
    centres: NDArray[np.float32] = points[rng.integers(len(points))][None]
    apart = _distances(points, centres)[:, 0]
    while len(centres) < count and apart.max() > 1e-6:  # noqa: PLR2004 - float32: equal
        # k-means++: the further from all centres, the likelier to be the next one.
        chosen = points[rng.choice(len(points), p=apart / apart.sum())][None]
        centres = np.concatenate([centres, chosen])
        apart = np.minimum(apart, _distances(points, chosen)[:, 0])
    nearest = None
    for _ in range(_ROUNDS):
        assigned = _distances(points, centres).argmin(axis=1)
        if nearest is not None and np.array_equal(assigned, nearest):
            break
        nearest = assigned
        sizes = np.bincount(nearest, minlength=len(centres))
        # One product with a 0/1 matrix in place of a loop over groups.
        sums = np.eye(len(centres), dtype=np.float32)[nearest].T @ points
        # A centre that lost all its points stays where it is.
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
    return centres


def candidates_of(
    captions: Sequence[tuple[str, int]], of: NDArray[np.int64], count: int
) -> tuple[tuple[str, ...], ...]:
    """Characteristic words of each of ``count`` groups, from captions with the rows of vectors.

    None where captions have no word in common, as where words have no spaces between them
    (Japanese, Thai).
    """
    everywhere: Counter[str] = Counter()
    within: list[Counter[str]] = [Counter() for _ in range(count)]
    spelt: dict[str, str] = {}
    sizes = [0] * count
    for text, row in captions:
        place = int(of[row])
        sizes[place] += 1
        words = {word.casefold(): word for word in _WORD.findall(text)}
        everywhere.update(words.keys())
        within[place].update(words.keys())
        for folded, word in words.items():
            spelt[folded] = min(spelt.get(folded, word), word, key=_capitals)
    return tuple(
        tuple(spelt[word] for word in _characteristic(here, everywhere, size, len(captions)))
        for here, size in zip(within, sizes, strict=True)
    )


def _characteristic(
    here: Counter[str], everywhere: Counter[str], size: int, total: int
) -> list[str]:
    def weight(word: str) -> float:
        share = here[word] / size
        return share * math.log(share * total / everywhere[word])

    # What one caption of several says is its own, not the group's.
    known = [word for word, uses in here.items() if uses > 1 or size == 1]
    weights = sorted(((weight(word), word) for word in known), key=_best_first)
    return [word for value, word in weights[:_CANDIDATES] if value > 0]


def _capitals(word: str) -> tuple[int, str]:
    return sum(letter.isupper() for letter in word), word


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1].rstrip() + "…"


def _sample(chunks: Chunks) -> Vectors:
    total = sum(len(vectors) for vectors in chunks())
    step = max(1, -(-total // _SAMPLE))
    thinned = [vectors[::step] for vectors in chunks()]
    return np.concatenate(thinned) if thinned else np.zeros((0, 0), dtype=np.float32)


def _distances(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of points [n, d] from centres [k, d]: float32 [n, k], not negative."""
    found: NDArray[np.float32] = points @ (-2.0 * centres.T)
    found += np.einsum("nd,nd->n", points, points)[:, None]
    found += np.einsum("kd,kd->k", centres, centres)[None]
    return np.maximum(found, 0.0, out=found)
