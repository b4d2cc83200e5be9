"""A collection that is too large for exact search: chosen, written, read, shown, changed live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.domain.errors import CatalogueError
from core.domain.types import Vectors
from index.library.library import FolderLibrary
from index.maintenance.verify import verify_collection
from index.snapshots.store import SnapshotStore
from index.vectors.manifest import DamagedGenerationError, Manifest
from index.vectors.tuning import IndexRules, seconds_of_a_query
from tests.fake_collections import FakeVectorIndex
from tests.galleries import Gallery
from tests.small_disk import LimitedFiles

COUNT = 60
RULES = IndexRules(always_exact=0, never_timed=0, fewest=8, most=8, least=0)


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Pictures of one colour, each with its own caption, searched by codes."""
    gallery = Gallery(tmp_path, rules=RULES)
    for number in range(COUNT):
        gallery.add(f"{number:03}.png", "red", number, caption=f"a red thing, number {number}")
    await gallery.reindex()
    return gallery


def _fresh(gallery: Gallery, rules: IndexRules = RULES) -> SnapshotStore:
    return SnapshotStore(gallery.data / "index", gallery.catalogue, rules)


def test_what_else_runs_is_no_reason_to_search_approximately() -> None:
    """A query takes as long as the quickest of some: others waited for the processor."""

    class Interrupted(FakeVectorIndex):
        turn = 0

        def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            self.turn += 1
            started = time.perf_counter()
            while self.turn != 3 and time.perf_counter() < started + 0.05:
                pass
            return super().search(queries, k)

    vectors = np.eye(4, dtype=np.float32)
    assert seconds_of_a_query(Interrupted(vectors), vectors, 2) < 0.05


def test_a_generation_keeps_its_engines(gallery: Gallery) -> None:
    """A process that starts reads the engines that were chosen, whatever it would choose."""
    written = gallery.snapshot()
    read = _fresh(gallery, IndexRules()).current("gallery")
    assert read is not None
    for one, other in (
        (written.picture_index, read.picture_index),
        (written.caption_index, read.caption_index),
    ):
        assert one.kind == other.kind == "compact"
        assert one.recall == other.recall
        queries = one.reconstruct(np.arange(COUNT))
        for mine, theirs in zip(one.search(queries, 1), other.search(queries, 1), strict=True):
            np.testing.assert_array_equal(mine, theirs)


async def test_the_measured_recall_is_told(gallery: Gallery) -> None:
    """The status names the engine and the recall that was measured; exact search has none."""
    (status,) = await gallery.library.status("web")
    recall = gallery.snapshot().picture_index.recall
    assert (status.index, status.recall) == ("compact", recall)
    assert recall is not None
    assert 0 < recall <= 1
    gallery.store = _fresh(gallery, IndexRules())
    gallery.add("new.png", "blue")
    with gallery.store.writer_lock("gallery"):
        gallery.store.commit("gallery")
    library = FolderLibrary([gallery.spec], gallery.catalogue, gallery.store, gallery.overlays)
    (status,) = await library.status("web")
    assert (status.index, status.recall) == ("exact", None)


@pytest.mark.parametrize("name", ["pictures.vectors", "pictures.json", "captions.vectors"])
@pytest.mark.parametrize("damage", ["missing", "flipped", "torn"])
def test_damage_is_rebuilt(gallery: Gallery, name: str, damage: str) -> None:
    """Each file beside the codes is checked like the codes themselves, and made anew."""
    vectors = gallery.snapshot().picture_index.reconstruct(np.arange(COUNT))
    file = gallery.index / "1" / name
    data = bytearray(file.read_bytes())
    file.unlink()  # somebody may have it mapped
    if damage == "flipped":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "torn":
        file.write_bytes(data[:-1])
    assert not gallery.store.is_current("gallery", 1)
    again = _fresh(gallery).current("gallery")
    assert again is not None
    np.testing.assert_array_equal(again.picture_index.reconstruct(np.arange(COUNT)), vectors)
    assert gallery.store.is_current("gallery", 1), "the files are whole again"


async def test_changes_are_live_and_merged_by_the_next_generation(gallery: Gallery) -> None:
    """What is added is found and what is removed is gone before any rebuild, and after it."""

    async def found(where: Callable[[str], bool]) -> list[str]:
        view = await gallery.library.open(None, "web")
        rows = np.arange(len(view.pictures))
        queries = view.picture_index.reconstruct(rows)
        best = view.picture_index.search(queries, 1)[1][:, 0]
        return [view.pictures[row].caption for row in best if where(view.pictures[row].caption)]

    posted = await gallery.post("red", 999, "posted")
    await gallery.contributions.remove(gallery.ids()["007.png"], community="web", remover="web:1")
    view = await gallery.library.open(None, "web")
    assert len(view.pictures) == COUNT
    assert posted.id in {picture.id for picture in view.pictures}
    assert await found(lambda caption: caption in {"posted", "a red thing, number 7"}) == ["posted"]
    gallery.add("late.png", "red", 1234, caption="late")
    await gallery.reindex()
    assert gallery.snapshot().picture_index.kind == "compact"
    assert await found(lambda caption: caption in {"posted", "late"}) == ["late", "posted"]
    view = await gallery.library.open(None, "web")
    assert "007.png" not in {picture.path for picture in view.pictures}


def test_verify_compares_without_choosing(gallery: Gallery) -> None:
    """Nothing differs, though verify reads the catalogue without codes of its own."""
    found = verify_collection(gallery.catalogue, gallery.store, gallery.overlays, gallery.spec)
    assert found == []


async def test_a_manifest_of_an_earlier_version_is_made_anew(tmp_path: Path) -> None:
    """What it names may lie otherwise there: all of it comes from the catalogue again."""
    gallery = Gallery(tmp_path)
    gallery.add("a.png", "red", caption="a red thing")
    await gallery.reindex()
    manifest = gallery.index / "manifest.json"
    document = json.loads(manifest.read_bytes())
    del document["seal"]
    manifest.write_text(json.dumps(document | {"format": 1}), encoding="utf-8")
    with pytest.raises(DamagedGenerationError, match="another version"):
        gallery.store.manifest("gallery")
    found = _fresh(gallery).current("gallery")
    assert found is not None
    assert len(found.pictures) == 1
    assert _manifest(gallery).generation == found.generation


def _manifest(gallery: Gallery) -> Manifest:
    found = gallery.store.manifest("gallery")
    assert found is not None
    return found


def test_a_full_disk_says_so(gallery: Gallery) -> None:
    """Where the vectors cannot be put aside, nothing is taken for whole."""
    full = LimitedFiles(gallery.index).with_room(100)
    with full, pytest.raises(CatalogueError, match=r"File too large.*Make room"):
        gallery.store.commit("gallery")
    assert gallery.store.is_current("gallery", 1)


def test_few_candidates_still_give_every_hit(gallery: Gallery) -> None:
    """However few candidates the codes give, as many hits come as are asked for."""
    snapshot = gallery.snapshot()
    query = snapshot.picture_index.reconstruct(np.array([3]))
    for k in (1, 2, 9, COUNT, COUNT + 5):
        rows = snapshot.picture_index.search(query, k)[1][0]
        assert len(set(rows.tolist())) == min(k, COUNT)


async def test_rules_that_never_choose_codes(tmp_path: Path) -> None:
    """A small collection is searched exactly by the rules as they come."""
    gallery = Gallery(tmp_path, rules=replace(RULES, always_exact=1 << 20))
    gallery.add("a.png", "red")
    await gallery.reindex()
    assert gallery.snapshot().picture_index.kind == "exact"
    assert sorted(file.name for file in (gallery.index / "1").iterdir()) == [
        "captions.faiss",
        "captions.rows",
        "pictures.faiss",
        "pictures.rows",
        "silent.json",
    ]
