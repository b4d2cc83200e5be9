"""What every vector index keeps: exact, by codes, with an overlay, in Milvus, and plain numpy.

What codes alone may do (miss a row, as often as they say) is held in
``tests/index/vectors/test_compact_index.py``; what Milvus does otherwise is told in
:mod:`tests.milvus_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.ports import VectorIndex
from core.domain.types import Vectors
from index.vectors.choose import choose_index
from index.vectors.filtered import ComposedIndex, Survivors
from index.vectors.flat import FlatIndex
from index.vectors.milvus import MilvusEngine
from index.vectors.pq import CompactIndex
from index.vectors.tuning import IndexRules
from tests.fake_collections import FakeVectorIndex
from tests.fakes import unit
from tests.milvus_index import MilvusIndex

DIMENSION = 16
Build = Callable[[Vectors], VectorIndex]


def _flat(vectors: Vectors) -> VectorIndex:
    return FlatIndex.build(vectors.shape[1], np.array_split(vectors, 3))


def _composed(vectors: Vectors) -> VectorIndex:
    """The same rows over a base that holds each of its own twice, one of them removed."""
    half = len(vectors) // 2
    base = np.repeat(vectors[:half], 2, axis=0)
    removed = np.arange(half, dtype=np.int64) * 2 + np.arange(half) % 2
    index = FlatIndex.build(vectors.shape[1], [base])
    extra = FlatIndex.build(vectors.shape[1], [vectors[half:]])
    return ComposedIndex(index, Survivors(len(base), removed), extra)


def _compact(vectors: Vectors) -> VectorIndex:
    """Codes wherever there are enough vectors to learn them from."""
    rules = IndexRules(always_exact=0, never_timed=0, fewest=16, most=16, least=0)
    index = choose_index(vectors, vectors[:0], rules)
    assert isinstance(index, CompactIndex if len(vectors) >= 16 else FlatIndex)
    return index


def _compact_with_overlay(vectors: Vectors) -> VectorIndex:
    """The same over codes of all rows and one that was removed, and the last ones added live."""
    left = len(vectors) - min(5, len(vectors))
    base = np.concatenate([vectors[:1], vectors[:left]])
    return ComposedIndex(
        _compact(base), Survivors(len(base), np.arange(min(1, len(base)))), _flat(vectors[left:])
    )


IMPLEMENTATIONS = [
    pytest.param(_flat, id="faiss"),
    pytest.param(_compact, id="compact"),
    pytest.param(_compact_with_overlay, id="compact with overlay"),
    pytest.param(_composed, id="composed"),
    pytest.param(FakeVectorIndex, id="numpy"),
    pytest.param(MilvusIndex, id="milvus", marks=pytest.mark.process),
]
every_index = pytest.mark.parametrize("build", IMPLEMENTATIONS, indirect=True)


@pytest.fixture
def build(request: pytest.FixtureRequest) -> Iterator[Build]:
    """How an index is made of vectors; sets in Milvus are dropped in the end."""
    if request.param is not MilvusIndex:
        yield request.param
        return
    engine = MilvusEngine(request.getfixturevalue("milvus").url, timeout_s=30)
    made: list[str] = []

    def build_there(vectors: Vectors) -> VectorIndex:
        index = MilvusIndex(engine, vectors)
        made.append(index.name)
        return index

    yield build_there
    for each in made:
        engine.drop(each)
    engine.close()


def _vectors_of(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


@every_index
def test_best_first(build: Build) -> None:
    """Scores never rise from rank to rank, and each is the cosine with its row."""
    vectors = _vectors_of(500)
    queries = _vectors_of(7, seed=1)
    scores, rows = build(vectors).search(queries, 20)
    assert scores.shape == rows.shape == (7, 20)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", vectors[rows], queries), atol=1e-6)


@every_index
def test_nothing_better_is_left_out(build: Build) -> None:
    """No row outside of the answer scores higher than its last one."""
    vectors = _vectors_of(300)
    queries = _vectors_of(5, seed=1)
    scores, rows = build(vectors).search(queries, 10)
    everything = queries @ vectors.T
    for place in range(len(queries)):
        outside = np.setdiff1d(np.arange(300), rows[place])
        assert everything[place, outside].max() <= scores[place, -1] + 1e-6


@every_index
@pytest.mark.parametrize("copies", [2, 40, 200])
def test_ties_keep_the_lower_row_first(build: Build, copies: int) -> None:
    """Of equal vectors the lowest rows are found, in their order, however many there are."""
    vectors = _vectors_of(400)
    places = np.random.default_rng(2).choice(400, size=copies, replace=False)
    vectors[places] = vectors[places[0]]
    _, rows = build(vectors).search(vectors[places[:1]], min(copies, 30))
    assert rows[0].tolist() == sorted(places.tolist())[: min(copies, 30)]


@every_index
def test_k_is_clipped(build: Build) -> None:
    """More than there is gives what there is; nothing asked gives nothing."""
    index = build(_vectors_of(3))
    assert index.search(_vectors_of(2, seed=1), 10)[0].shape == (2, 3)
    assert index.search(_vectors_of(2, seed=1), 0)[0].shape == (2, 0)


@every_index
def test_an_empty_index_answers(build: Build) -> None:
    """Nothing stored is an answer, not an error."""
    index = build(np.empty((0, DIMENSION), dtype=np.float32))
    scores, rows = index.search(_vectors_of(2), 5)
    assert len(index) == 0
    assert scores.shape == rows.shape == (2, 0)
    assert index.reconstruct(np.array([], dtype=np.int64)).shape == (0, DIMENSION)


@every_index
def test_stored_vectors_come_back(build: Build) -> None:
    """What is stored is what comes back, in the order that was asked, also twice."""
    vectors = _vectors_of(50)
    rows = np.array([49, 0, 7, 7], dtype=np.int64)
    np.testing.assert_array_equal(build(vectors).reconstruct(rows), vectors[rows])


@every_index
def test_a_missing_row_is_an_error(build: Build) -> None:
    """A row that is not there is not answered with another one."""
    with pytest.raises(IndexError):
        build(_vectors_of(5)).reconstruct(np.array([5], dtype=np.int64))


@every_index
def test_the_batch_changes_nothing(build: Build) -> None:
    """A query gets the same rows and scores alone and among forty others."""
    vectors = _vectors_of(1000)
    vectors[500:] = vectors[:500]
    queries = _vectors_of(41, seed=3)
    index = build(vectors)
    together_scores, together_rows = index.search(queries, 9)
    for place, query in enumerate(queries):
        scores, rows = index.search(query[None], 9)
        assert rows[0].tolist() == together_rows[place].tolist()
        np.testing.assert_allclose(scores[0], together_scores[place], atol=1e-6)


@pytest.mark.parametrize("build", [_flat, _composed])
@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 60),
    distinct=st.integers(1, 8),
    k=st.integers(0, 70),
    seed=st.integers(0, 2**16),
)
def test_every_index_equals_the_reference(
    build: Build, count: int, distinct: int, k: int, seed: int
) -> None:
    """All agree with numpy on rows and scores, with any number of equal vectors."""
    rng = np.random.default_rng(seed)
    # Few bits: every product and sum is exact in float32, so that ties are ties in both.
    pool = rng.integers(-2, 3, size=(distinct, DIMENSION)).astype(np.float32) / 8
    vectors = pool[rng.integers(0, distinct, size=count)]
    queries = rng.integers(-2, 3, size=(3, DIMENSION)).astype(np.float32) / 8
    expected = FakeVectorIndex(vectors).search(queries, k)
    found = build(vectors).search(queries, k)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(0, 80),
    extra=st.integers(0, 20),
    k=st.integers(0, 100),
    seed=st.integers(0, 2**16),
    share=st.floats(0, 1),
)
def test_what_is_removed_is_not_found(
    total: int, extra: int, k: int, seed: int, share: float
) -> None:
    """Whatever is removed, the rows left are found as if they were all that ever was."""
    rng = np.random.default_rng(seed)
    base = rng.integers(-2, 3, size=(total, DIMENSION)).astype(np.float32) / 8
    more = rng.integers(-2, 3, size=(extra, DIMENSION)).astype(np.float32) / 8
    # The best go first: what is removed is what a search would have found.
    query = rng.integers(-2, 3, size=(2, DIMENSION)).astype(np.float32) / 8
    best = np.argsort(-(base @ query[0]), kind="stable")
    removed = np.sort(best[: int(share * total)])
    index = ComposedIndex(
        FlatIndex.build(DIMENSION, [base]),
        Survivors(total, removed),
        FlatIndex.build(DIMENSION, [more]),
    )
    left = np.concatenate([np.delete(base, removed, axis=0), more])
    assert len(index) == len(left)
    np.testing.assert_array_equal(index.reconstruct(np.arange(len(left))), left)
    expected = FakeVectorIndex(left).search(query, k)
    found = index.search(query, k)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])
