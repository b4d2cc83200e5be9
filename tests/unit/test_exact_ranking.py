"""The best of given candidates: as sorting all of them would have it, however many queries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Vectors
from index.exact import best_of
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
