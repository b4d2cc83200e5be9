"""Vectors too many to check when they are opened: none is used before its block was compared."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import CatalogueError
from index.snapshots.delta import LayeredSnapshot
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.store import SnapshotStore
from index.vectors.background_check import compare_behind
from index.vectors.choose import load_index
from index.vectors.durable import BlockSums
from index.vectors.mapped import CheckedVectors, rows_of_a_block, write_vectors
from index.vectors.pq import CompactIndex
from index.vectors.tuning import IndexRules, compact
from tests.fakes import unit
from tests.galleries import Gallery

ROWS, DIMENSION = 3000, 128
A_BLOCK = rows_of_a_block(DIMENSION)
LAZY = IndexRules(
    always_exact=0, never_timed=0, fewest=8, most=8, least=0, checked_at_once=0, layered_from=0
)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """As many as fill some blocks, and a part of the last one."""
    assert ROWS % A_BLOCK
    return unit(np.random.default_rng(0).standard_normal((ROWS, DIMENSION)))


def _flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.unlink()  # somebody may have it mapped
    file.write_bytes(data)


def _flip_row(file: Path, row: int, dimension: int = DIMENSION) -> None:
    _flip(file, 4 * dimension * row + 1)


def _state(found: CheckedVectors) -> tuple[bool, bool]:
    """Whether all of it is known to be whole, and whether a part is known to be damaged."""
    return found.known, found.damaged


def test_whole_blocks_are_read_and_damaged_ones_never(vectors: np.ndarray, tmp_path: Path) -> None:
    """A row of a damaged block is an error every time; those of other blocks are as written."""
    write_vectors(tmp_path / "x", vectors)
    last = ROWS - 1
    _flip_row(tmp_path / "x", last)
    found = CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    first_block = np.arange(A_BLOCK)
    np.testing.assert_array_equal(found.at(first_block)[first_block], vectors[first_block])
    assert _state(found) == (False, False)
    for _ in range(2):
        with pytest.raises(CatalogueError, match="made anew"):
            found.at(np.array([[0, last - last % A_BLOCK]]))
    assert _state(found) == (False, True)
    with pytest.raises(CatalogueError):
        found.all()
    np.testing.assert_array_equal(found.at(first_block)[first_block], vectors[first_block])


def test_what_is_whole_is_known_to_be(vectors: np.ndarray, tmp_path: Path) -> None:
    """Once every block was compared nothing is compared again."""
    write_vectors(tmp_path / "x", vectors)
    found = CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    assert _state(found) == (False, False)
    assert found.compare_next(1)
    np.testing.assert_array_equal(found.all(), vectors)
    assert _state(found) == (True, False)
    assert not found.compare_next(1)
    assert CheckedVectors.map(tmp_path / "x", DIMENSION, checked=True).known


@pytest.mark.parametrize("rows", [0, 1, A_BLOCK, A_BLOCK + 1])
def test_every_number_of_blocks(vectors: np.ndarray, tmp_path: Path, rows: int) -> None:
    """None, one, and one that is not full are compared like any others."""
    write_vectors(tmp_path / "x", vectors[:rows])
    found = CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    np.testing.assert_array_equal(found.all(), vectors[:rows])


def test_sums_of_other_vectors_are_refused(vectors: np.ndarray, tmp_path: Path) -> None:
    """Checksums that are too few, of blocks of another size, or none at all."""
    write_vectors(tmp_path / "x", vectors)
    sums = BlockSums.read(tmp_path / "x")
    for other in (replace(sums, digests=sums.digests[1:]), replace(sums, block=sums.block // 2)):
        other.write(tmp_path / "x")
        with pytest.raises(ValueError, match="blocks of vectors"):
            CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    for data in (b"", b"7 bytes", b"40 bytes that are no whole checksums ...."):
        BlockSums.beside(tmp_path / "x").write_bytes(data)
        with pytest.raises(ValueError, match="no checksums"):
            BlockSums.read(tmp_path / "x")


def test_a_search_never_answers_from_damage(vectors: np.ndarray, tmp_path: Path) -> None:
    """Whatever is asked for, the answer is that of the whole index, or an error."""
    whole = compact(vectors, vectors[:0], replace(LAZY, fewest=64, most=64))
    assert whole is not None
    whole.save(tmp_path / "x.faiss")
    _flip_row(tmp_path / "x.vectors", 5)
    outcomes = set()
    for row in range(0, ROWS, 150):
        damaged = load_index("compact", tmp_path / "x.faiss", DIMENSION, checked=False)
        assert isinstance(damaged, CompactIndex)
        query = vectors[row : row + 1]
        for k in (1, 10, ROWS):
            try:
                found = damaged.search(query, k)
            except CatalogueError:
                outcomes.add("refused")
                assert damaged.stored.damaged
                continue
            outcomes.add("answered")
            for mine, other in zip(found, whole.search(query, k), strict=True):
                np.testing.assert_array_equal(mine, other)
    assert outcomes == {"refused", "answered"}


def test_all_is_compared_meanwhile(vectors: np.ndarray, tmp_path: Path) -> None:
    """Behind the searches every block is compared, and damage is noticed that nobody reads."""
    write_vectors(tmp_path / "x", vectors)
    whole = CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    _flip_row(tmp_path / "x", ROWS - 1)
    damaged = CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    thread = compare_behind([damaged, whole], at_once=3)
    assert thread is not None
    thread.join(10)
    assert (_state(whole), _state(damaged)) == ((True, False), (False, True))
    assert compare_behind([whole]) is None


def test_what_nobody_holds_is_not_compared(vectors: np.ndarray, tmp_path: Path) -> None:
    """A thread that compares keeps no vectors alive that nobody searches any more."""
    write_vectors(tmp_path / "x", vectors)
    found = CheckedVectors.map(tmp_path / "x", DIMENSION, checked=False)
    gone = weakref.ref(found)
    thread = compare_behind([found])
    assert thread is not None
    del found
    thread.join(10)
    gc.collect()
    assert gone() is None


async def _gallery(home: Path, rules: IndexRules = LAZY) -> Gallery:
    gallery = Gallery(home, rules=rules)
    for number in range(40):
        gallery.add(f"{number:03}.png", "red", number, caption=f"a red thing, number {number}")
    await gallery.reindex()
    return gallery


def _fresh(gallery: Gallery, rules: IndexRules = LAZY) -> SnapshotStore:
    return SnapshotStore(gallery.data / "index", gallery.catalogue, rules)


@pytest.mark.parametrize("name", ["pictures.vectors", "captions.vectors"])
async def test_damage_that_is_found_in_use_is_rebuilt(tmp_path: Path, name: str) -> None:
    """A generation opens though its vectors are damaged; whoever asks for them is refused once."""
    gallery = await _gallery(tmp_path)
    whole = gallery.snapshot()
    _flip(gallery.index / "1" / name, 7)
    store = _fresh(gallery)
    found = store.current("gallery")
    assert isinstance(found, IndexSnapshot)
    which = "picture_index" if name.startswith("pictures") else "caption_index"
    rows = np.arange(40)
    with pytest.raises(CatalogueError, match="made anew"):
        getattr(found, which).reconstruct(rows)
    again = store.current("gallery")
    assert again is not None
    np.testing.assert_array_equal(
        getattr(again, which).reconstruct(rows), getattr(whole, which).reconstruct(rows)
    )
    assert store.is_current("gallery", 1), "the files are whole again"
    assert store.current("gallery") is again
    assert gallery.verify() == []


async def test_verify_reads_every_block(tmp_path: Path) -> None:
    """What a start puts off is no excuse: a check of everything finds the damage."""
    gallery = await _gallery(tmp_path)
    assert gallery.verify() == []
    _flip(gallery.index / "1" / "pictures.vectors", 7)
    assert not gallery.store.is_current("gallery", 1)
    assert any("damaged" in line for line in gallery.verify())


async def test_changes_over_a_damaged_base_are_whole(tmp_path: Path) -> None:
    """Where the base of changes was found damaged, what is made anew needs nothing of it."""
    rules = replace(LAZY, layered_share=1e9, merged_share=1e9)
    gallery = await _gallery(tmp_path, rules)
    gallery.add("new.png", "blue", 99)
    await gallery.reindex()
    assert isinstance(gallery.snapshot(), LayeredSnapshot)
    _flip(gallery.index / "1" / "pictures.vectors", 7)
    again = Gallery(tmp_path, rules=rules)
    found = again.snapshot()
    assert isinstance(found, LayeredSnapshot)
    with pytest.raises(CatalogueError, match="made anew"):
        found.picture_index.reconstruct(np.arange(40))
    assert found.damaged
    again.add("newer.png", "green", 100)
    await again.reindex()
    assert len(again.snapshot().pictures) == 42
    assert not again.snapshot().damaged
    assert again.verify() == []
    again.close()
