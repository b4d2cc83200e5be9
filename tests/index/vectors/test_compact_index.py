"""Approximate search finds what exact search finds, or is not used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from core.domain.types import Vectors
from index.vectors.choose import choose_index, gather, load_index
from index.vectors.filtered import ComposedIndex, Survivors
from index.vectors.flat import FlatIndex
from index.vectors.pq import CompactIndex, Tuned
from index.vectors.tuning import IndexRules, compact
from tests.fakes import unit

ROWS, DIMENSION = 6000, 128
RULES = IndexRules(always_exact=0, never_timed=0, queries=64, share=1 / 8)
IN_LISTS = replace(RULES, lists_from=0, queries=128)


def _pictures() -> Vectors:
    """Points around 60 centres, whose spread falls from dimension to dimension."""
    rng = np.random.default_rng(0)
    spread = np.arange(1, DIMENSION + 1) ** -0.5
    centres = rng.standard_normal((60, DIMENSION))
    points = centres[rng.integers(0, 60, ROWS)] + rng.standard_normal((ROWS, DIMENSION))
    return unit(points * spread + 0.5)


def _texts(pictures: Vectors, count: int, seed: int = 1, like: int | None = None) -> Vectors:
    """Near some pictures, but shifted away from all of them, as texts are.

    To the side that the texts of the seed ``like`` are shifted to, as those of one model are.
    """
    rng = np.random.default_rng(seed)
    shift = rng.standard_normal(DIMENSION) * 0.06
    if like is not None:
        shift = np.random.default_rng(like).standard_normal(DIMENSION) * 0.06
    noise = 0.03 * rng.standard_normal((count, DIMENSION))
    return unit(pictures[rng.choice(ROWS, count, replace=False)] + shift + noise)


@pytest.fixture(scope="module")
def pictures() -> Vectors:
    """The vectors of a collection."""
    return _pictures()


@pytest.fixture(scope="module", params=[RULES, IN_LISTS], ids=["every code", "lists"])
def index(pictures: Vectors, request: pytest.FixtureRequest) -> CompactIndex:
    """An index that was tuned on the captions of the collection."""
    found = compact(pictures, _texts(pictures, 200), request.param)
    assert found is not None
    assert found.tuned.candidates * 4 < ROWS, "or nothing here would be approximate"
    assert found.tuned.lists < found.codes.lists or not found.codes.lists
    return found


def _recall(index: CompactIndex, pictures: Vectors, queries: Vectors, k: int) -> float:
    _, found = index.search(queries, k)
    _, true = FlatIndex.build(DIMENSION, [pictures]).search(queries, k)
    return float(
        np.mean([np.isin(one, other).mean() for one, other in zip(true, found, strict=True)])
    )


def test_what_was_measured_holds_for_other_queries(index: CompactIndex, pictures: Vectors) -> None:
    """Queries that took no part in the tuning find as much as the index claims."""
    assert index.recall >= RULES.least
    fresh = _texts(pictures, 300, seed=9, like=1)
    assert _recall(index, pictures, fresh, 10) >= RULES.least
    assert _recall(index, pictures, pictures[::20], 10) >= RULES.least


def test_scores_are_exact(index: CompactIndex, pictures: Vectors) -> None:
    """A score is the cosine with the full vector, and never rises from rank to rank."""
    queries = _texts(pictures, 5, seed=2)
    scores, rows = index.search(queries, 20)
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", pictures[rows], queries), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("k", [1, 10, 180, 2000, ROWS, ROWS + 1])
def test_as_many_as_are_asked_for(index: CompactIndex, pictures: Vectors, k: int) -> None:
    """However many are asked for, as many different rows come back."""
    _, rows = index.search(_texts(pictures, 2, seed=3), k)
    for found in rows:
        assert len(set(found.tolist())) == min(k, ROWS)
        assert found.min() >= 0


@pytest.mark.parametrize("k", [1, 60, 180])
def test_short_lists_are_no_bound(index: CompactIndex, pictures: Vectors, k: int) -> None:
    """Where the lists that a query looks at hold fewer rows than it wants, it looks at more."""
    narrow = CompactIndex(index.codes, pictures, Tuned(8 * k, 0.0, lists=1))
    for query in (pictures[:1], *np.split(_texts(pictures, 20, seed=3), 20)):
        scores, rows = narrow.search(query, k)
        assert len(set(rows[0].tolist())) == k
        np.testing.assert_allclose(scores[0], pictures[rows[0]] @ query[0], atol=1e-6)


def test_the_batch_changes_nothing(index: CompactIndex, pictures: Vectors) -> None:
    """A query gets the same rows and the same scores alone and among forty others."""
    queries = _texts(pictures, 41, seed=4)
    scores, rows = index.search(queries, 9)
    for place, query in enumerate(queries):
        alone = index.search(query[None], 9)
        np.testing.assert_array_equal(alone[0][0], scores[place])
        np.testing.assert_array_equal(alone[1][0], rows[place])


@pytest.mark.parametrize(
    ("copies", "rules"), [(2, RULES), (400, RULES), (3000, RULES), (400, IN_LISTS)]
)
def test_ties_keep_the_lower_row_first(pictures: Vectors, copies: int, rules: IndexRules) -> None:
    """Of equal vectors the lowest rows are found, also where they are more than candidates."""
    vectors = pictures.copy()
    places = np.random.default_rng(2).choice(ROWS, size=copies, replace=False)
    vectors[places] = vectors[places[0]]
    index = compact(vectors, vectors[:0], replace(rules, least=0, most=150))
    assert index is not None
    k = min(copies, 15)
    assert index.tuned.candidates < 160
    _, rows = index.search(vectors[places[:1]], k)
    assert rows[0].tolist() == sorted(places.tolist())[:k]


def test_what_the_codes_cannot_tell_apart_is_looked_at(pictures: Vectors) -> None:
    """Where more rows share a code than there are candidates, the best of them is still found."""
    rng = np.random.default_rng(4)
    vectors = pictures.copy()
    places = np.sort(rng.choice(ROWS, size=600, replace=False))
    vectors[places] = unit(pictures[0] + 1e-4 * rng.standard_normal((600, DIMENSION)))
    index = compact(vectors, vectors[:0], replace(RULES, least=0, most=150))
    assert index is not None
    _, rows = index.search(vectors[places[-20:]], 1)
    assert rows[:, 0].tolist() == places[-20:].tolist()


def test_removed_rows_are_replaced(index: CompactIndex, pictures: Vectors) -> None:
    """Where the best rows were removed, the next best come, and as many as are asked for."""
    queries = _texts(pictures, 3, seed=5)
    _, best = index.search(queries, 40)
    removed = np.unique(best[:, :30])
    none = FlatIndex.build(DIMENSION, [])
    left = ComposedIndex(index, Survivors(ROWS, removed), none)
    _, rows = left.search(queries, 10)
    survivors = np.delete(np.arange(ROWS), removed)
    assert rows.shape == (3, 10)
    kept = FlatIndex.build(DIMENSION, [np.delete(pictures, removed, axis=0)])
    _, true = kept.search(queries, 10)
    assert (
        np.mean([np.isin(one, other).mean() for one, other in zip(true, rows, strict=True)]) > 0.95
    )
    assert not np.isin(survivors[rows], removed).any()


def test_it_survives_its_files(index: CompactIndex, pictures: Vectors, tmp_path: Path) -> None:
    """Read back, it answers the same, and so does the one that was written."""
    queries = _texts(pictures, 4, seed=6)
    before = index.search(queries, 10)
    index.save(tmp_path / "x.faiss")
    loaded = load_index("compact", tmp_path / "x.faiss", DIMENSION)
    assert loaded.recall == index.recall
    for each in (index, loaded):
        for one, other in zip(before, each.search(queries, 10), strict=True):
            np.testing.assert_array_equal(one, other)
    for file in tmp_path.iterdir():
        file.unlink()
    np.testing.assert_array_equal(loaded.reconstruct(np.arange(ROWS)), pictures)


@pytest.mark.parametrize("suffix", [".faiss", ".vectors", ".json"])
def test_files_that_do_not_fit_are_refused(
    index: CompactIndex, tmp_path: Path, suffix: str
) -> None:
    """A file of another index, or none, is an error that the caller mends."""
    index.save(tmp_path / "x.faiss")
    (tmp_path / f"x{suffix}").unlink()
    (tmp_path / f"x{suffix}").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"no FAISS|says something|codes for|no vectors"):
        load_index("compact", tmp_path / "x.faiss", DIMENSION)
    (tmp_path / f"x{suffix}").unlink()
    with pytest.raises((OSError, ValueError)):
        load_index("compact", tmp_path / "x.faiss", DIMENSION)


def test_vectors_are_read_only(index: CompactIndex, pictures: Vectors) -> None:
    """Nobody can change what is stored, and a row that is not there is an error."""
    with pytest.raises(IndexError):
        index.reconstruct(np.array([ROWS]))
    with pytest.raises(IndexError):
        index.reconstruct(np.array([-1]))
    index.reconstruct(np.array([0]))[:] = 0
    np.testing.assert_array_equal(index.reconstruct(np.array([0])), pictures[:1])


def test_the_size_decides_and_then_the_clock(pictures: Vectors) -> None:
    """Few vectors are searched exactly; more of them, while that is fast enough."""
    none = pictures[:0]
    assert choose_index(pictures, none, IndexRules()).kind == "exact"
    patient = replace(RULES, never_timed=1 << 30, exact_s=60.0)
    assert choose_index(pictures, none, patient).kind == "exact"
    hurried = replace(patient, exact_s=0.0)
    assert choose_index(pictures, none, hurried).kind == "compact"
    assert choose_index(pictures, none, RULES).kind == "compact"


def test_what_finds_too_little_is_not_used() -> None:
    """Where codes miss too many of the true best, search stays exact."""
    noise = unit(np.random.default_rng(0).standard_normal((ROWS, DIMENSION)))
    strict = replace(RULES, fewest=8, most=10)
    assert compact(noise, noise[:0], strict) is None
    assert choose_index(noise, noise[:0], strict).kind == "exact"


def test_the_worse_kind_of_query_decides(pictures: Vectors) -> None:
    """Captions that are hard to find raise the number of candidates for all."""
    rng = np.random.default_rng(3)
    hard = unit(rng.standard_normal((200, DIMENSION)))
    easy = compact(pictures, pictures[:0], RULES)
    both = compact(pictures, hard, replace(RULES, least=0))
    assert easy is not None
    assert both is not None
    assert both.tuned.candidates > easy.tuned.candidates


def test_many_vectors_lie_in_lists(pictures: Vectors) -> None:
    """From a number of vectors on; queries that are hard to find look at more of the lists."""
    assert _compact(pictures, pictures[:0], replace(RULES, lists_from=ROWS + 1)).codes.lists == 0
    easy = _compact(pictures, pictures[:0], replace(IN_LISTS, lists_from=ROWS, least=0))
    assert easy.codes.lists == 64, "a power of two, near the root of so many vectors"
    assert 0 < easy.tuned.lists < 64
    hard = unit(np.random.default_rng(3).standard_normal((200, DIMENSION)))
    assert _compact(pictures, hard, replace(IN_LISTS, least=0)).tuned.lists > easy.tuned.lists


def _compact(vectors: Vectors, texts: Vectors, rules: IndexRules) -> CompactIndex:
    found = compact(vectors, texts, rules)
    assert found is not None
    return found


def test_what_was_learnt_without_lists_is_learnt_anew(pictures: Vectors) -> None:
    """A collection that has grown beyond the number gets lists, whatever it had before."""
    before = _compact(pictures[:4000], pictures[:0], replace(RULES, least=0))
    again = choose_index(pictures, pictures[:0], replace(IN_LISTS, least=0), before=before)
    assert isinstance(again, CompactIndex)
    assert again.codes.lists == 64


def test_what_was_learnt_serves_again(index: CompactIndex, pictures: Vectors) -> None:
    """The next generation takes the learnt values over, and is measured like any other."""
    more = np.concatenate([pictures[100:], _texts(pictures, 50, seed=7)])
    texts = _texts(pictures, 200, seed=8)
    rules = IN_LISTS if index.codes.lists else RULES
    again = choose_index(more, texts, rules, before=index)
    assert isinstance(again, CompactIndex)
    assert again.recall >= RULES.least
    _, found = again.search(texts, 10)
    _, true = FlatIndex.build(DIMENSION, [more]).search(texts, 10)
    assert np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)]) > 0.97
    values = [_values(each) for each in (index, again, compact(more, texts, rules))]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])
    assert len(index) == ROWS, "the one before is left as it was"


def _values(index: CompactIndex | None) -> np.ndarray:
    assert index is not None
    quantiser = faiss.downcast_index(index.codes.index.index)
    return faiss.vector_to_array(quantiser.pq.centroids)


def test_what_was_learnt_from_others_is_learnt_anew(pictures: Vectors) -> None:
    """Where the values learnt before find too little, new ones are learnt."""
    flat = pictures.copy()
    flat[:, 8:] = 0
    before = compact(unit(flat), flat[:0], replace(RULES, least=0))
    assert before is not None
    again = choose_index(pictures, pictures[:0], RULES, before=before)
    assert isinstance(again, CompactIndex)
    assert again.recall >= RULES.least


@pytest.mark.parametrize("dimension", [30, 31])
def test_a_length_that_cannot_be_coded_stays_exact(dimension: int) -> None:
    """Codes are made of four dimensions each; other vectors are searched as they are."""
    vectors = unit(np.random.default_rng(0).standard_normal((500, dimension)))
    assert choose_index(vectors, vectors[:0], RULES).kind == "exact"


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_many_vectors_lie_in_a_file_without_a_name(
    pictures: Vectors, tmp_path: Path, limit: int
) -> None:
    """Blocks come back as they were given, and nothing lies about that a kill would leave."""
    blocks = np.array_split(pictures, 7)
    found = gather(DIMENSION, iter(blocks), tmp_path, replace(RULES, always_exact=limit))
    np.testing.assert_array_equal(found, pictures)
    assert not list(tmp_path.iterdir())
    assert gather(DIMENSION, [], tmp_path, RULES).shape == (0, DIMENSION)


def test_a_folder_that_cannot_be_written_is_no_obstacle(pictures: Vectors, tmp_path: Path) -> None:
    """Where the data folder takes no file, the system's temporary folder does."""
    found = gather(DIMENSION, [pictures], tmp_path / "missing", RULES)
    np.testing.assert_array_equal(found, pictures)
