"""The best of all rows, and of given ones: as sorting would have it, however many queries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.types import Vectors
from index.vectors.exact import best_of, laid_out, nearest
from tests.fakes import unit

_SCORES = st.sampled_from([-1.0, -0.5, -1e-30, -0.0, 0.0, 1e-30, 0.25, 0.5, 1.0])


@settings(max_examples=80, deadline=None)
@given(scores=st.lists(_SCORES, min_size=1, max_size=30), data=st.data())
def test_equal_scores_keep_the_lower_row_first(scores: list[float], data: st.DataObject) -> None:
    """By score, then by row: of any sign, and zero is zero."""
    vectors = np.array([[score, 0.0] for score in scores], dtype=np.float32)
    rows = np.array([data.draw(st.permutations(range(len(scores))))], dtype=np.int64)
    k = data.draw(st.integers(1, len(scores)))
    # A tiny number times a tiny negative one is rounded to -0.0.
    query = np.array([[data.draw(st.sampled_from([1.0, 1e-30])), 0.0]], dtype=np.float32)
    found, best = best_of(vectors, query, rows, k)
    products = (vectors[:, 0] * query[0, 0]).tolist()
    expected = sorted(range(len(scores)), key=lambda row: (-products[row], row))[:k]
    assert best[0].tolist() == expected
    np.testing.assert_array_equal(found[0], np.array(products, dtype=np.float32)[expected])


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """Any vectors."""
    return unit(np.random.default_rng(0).standard_normal((9000, 32)))


@pytest.mark.parametrize("queries", [1, 2, 63, 64, 65, 5000])
@pytest.mark.parametrize("width", [1, 63, 64, 65, 1000])
def test_every_shape(vectors: Vectors, queries: int, width: int) -> None:
    """However the pairs are put together to be scored, each has the score of its own."""
    width = width if queries * width <= 100_000 else 20
    rng = np.random.default_rng(1)
    rows = np.stack([rng.choice(9000, width, replace=False) for _ in range(queries)])
    asked = vectors[:queries]
    scores, best = best_of(vectors, asked, rows, min(5, width))
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", vectors[best], asked), atol=1e-6)
    alone = [
        best_of(vectors, asked[n : n + 1], rows[n : n + 1], min(5, width))
        for n in (0, -1 % queries)
    ]
    for (score, row), place in zip(alone, (0, queries - 1), strict=True):
        np.testing.assert_array_equal(score[0], scores[place])
        np.testing.assert_array_equal(row[0], best[place])


@pytest.mark.parametrize("dimension", [2, 8, 12, 31, 384, 512, 768])
def test_a_query_is_answered_alike_alone_and_among_any(dimension: int) -> None:
    """To the bit, though FAISS multiplies matrices for many only."""
    rng = np.random.default_rng(4)
    vectors = unit(rng.standard_normal((600, dimension)))
    vectors[400:500] = vectors[:100]  # every other answer holds equal scores
    vectors[rng.choice(400, 60, replace=False)] = vectors[599]  # more than are looked at at first
    many = unit(rng.standard_normal((4096 // dimension + 9, dimension)))
    many[4] = vectors[599]
    scores, rows = nearest(vectors, many, 7)
    for size in (1, 2, 3):
        alone = [nearest(vectors, many[n : n + size], 7) for n in range(0, len(many), size)]
        np.testing.assert_array_equal(np.concatenate([each for each, _ in alone]), scores)
        np.testing.assert_array_equal(np.concatenate([each for _, each in alone]), rows)


@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_scores_that_rounding_drove_out_of_range_are_equal(queries: int, k: int) -> None:
    """What lies above 1 or below -1 counts as 1 or -1, and the lower row comes first."""
    axis = np.zeros((1, 128), dtype=np.float32)
    axis[0, 5] = 1.0
    one = np.float32(1.0)
    lengths = [0.5, one, np.nextafter(one, np.float32(2)), -one, -1.0000005, -1.0000001]
    vectors = np.array(lengths, dtype=np.float32)[:, None] * axis
    scores, rows = nearest(vectors, np.repeat(axis, queries, axis=0), k)
    assert scores.tolist() == [[1.0, 1.0, 0.5, -1.0, -1.0, -1.0][:k]] * queries
    assert rows.tolist() == [[1, 2, 0, 3, 4, 5][:k]] * queries


@pytest.mark.parametrize("sizes", [(), (0,), (3,), (1, 0, 5), (900, 1200)])
def test_vectors_lie_where_a_scan_is_quickest(sizes: tuple[int, ...]) -> None:
    """All in their order, from the beginning of a cache line on, and nobody writes there."""
    rng = np.random.default_rng(5)
    blocks = [unit(rng.standard_normal((size, 33))) for size in sizes]
    laid = laid_out(33, blocks)
    assert len(laid) == 0 or laid.ctypes.data % 64 == 0
    assert not laid.flags.writeable
    np.testing.assert_array_equal(laid, np.concatenate([np.empty((0, 33), np.float32), *blocks]))
