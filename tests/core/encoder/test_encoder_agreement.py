"""How much two encoders agree is counted as a person would count it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.types import Vectors
from core.encoder.trials import overlap


def drawn(items: int, seed: int) -> Vectors:
    """Unit vectors that do not lie in any order."""
    rows = np.random.default_rng(seed).standard_normal((items, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def counted(mine: Vectors, theirs: Vectors, queries: int, best: int) -> float:
    """The same, one query at a time."""
    shares = []
    for query in range(queries):
        lists = []
        for side in (mine, theirs):
            others = [row for row in range(len(side)) if row != query]
            lists.append(sorted(others, key=lambda row: -float(side[query] @ side[row]))[:best])
        shares.append(len(set(lists[0]) & set(lists[1])) / best)
    return float(np.mean(shares))


@settings(max_examples=20, deadline=None)
@given(items=st.integers(6, 40), best=st.integers(1, 5), seed=st.integers(0, 99))
def test_it_is_the_share_of_results_in_common(items: int, best: int, seed: int) -> None:
    """A picture does not find itself; the order among the best does not count."""
    mine = drawn(items, seed)
    theirs = mine + 0.3 * drawn(items, seed + 1)
    none = mine[:0]
    found = overlap((mine, none), (theirs, none), best)
    assert found == pytest.approx(counted(mine, theirs, items, best))


def test_equal_encoders_agree_and_strangers_do_not() -> None:
    """1 for the same vectors, even turned as a whole; a tenth by chance among a hundred."""
    pictures, texts = drawn(300, 0), drawn(400, 1)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((8, 8)))[0].astype(np.float32)
    assert overlap((pictures, texts), (pictures, texts)) == 1
    assert overlap((pictures, texts), (pictures @ turn, texts @ turn)) > 0.99
    assert overlap((pictures, texts), (drawn(300, 3), drawn(400, 4))) < 0.1


def test_texts_and_pictures_count_the_same() -> None:
    """However many captions there are, spoilt texts halve what agrees."""
    pictures = drawn(200, 0)
    spoilt = overlap((pictures, drawn(20, 1)), (pictures, drawn(20, 2)))
    assert 0.5 < spoilt < 0.6


def test_too_few_pictures_say_nothing() -> None:
    """Ten of ten are always the same."""
    pictures = drawn(10, 0)
    with pytest.raises(ValueError, match="too few"):
        overlap((pictures, pictures), (pictures, pictures))
