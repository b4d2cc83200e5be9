"""Generations: swapped in one step, kept by their readers, rebuilt where damaged."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import CatalogueError
from index.snapshots.delta import Generation
from index.snapshots.store import SnapshotStore
from tests.galleries import Gallery


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Three indexed pictures."""
    gallery = Gallery(tmp_path)
    for number, colour in enumerate(("red", "green", "blue")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
    await gallery.reindex()
    return gallery


def _fresh(gallery: Gallery) -> SnapshotStore:
    """The store of a process that has just started."""
    return SnapshotStore(gallery.data / "index", gallery.catalogue)


def _same(one: Generation | None, other: Generation | None) -> bool:
    assert one is not None
    assert other is not None
    rows = np.arange(len(one.pictures))
    return (one.generation, one.identity, one.pictures, one.captions) == (
        other.generation,
        other.identity,
        other.pictures,
        other.captions,
    ) and np.array_equal(one.picture_index.reconstruct(rows), other.picture_index.reconstruct(rows))


def test_a_restart_reads_what_was_written(gallery: Gallery) -> None:
    """A new process gets the same generation from its files as the one that wrote it."""
    assert _same(_fresh(gallery).current("gallery"), gallery.snapshot())


def test_rows_are_found_by_id(gallery: Gallery) -> None:
    """The row of an id is the row of its picture; an unknown id has none."""
    snapshot = gallery.snapshot()
    for row, picture in enumerate(snapshot.pictures):
        assert snapshot.row_of(picture.id) == row
    assert snapshot.row_of("00000000") is None


def test_nothing_indexed_is_no_snapshot(tmp_path: Path) -> None:
    """Before the first reindex there is none, and asking writes nothing."""
    gallery = Gallery(tmp_path)
    assert gallery.store.current("gallery") is None
    assert not gallery.index.exists()


def test_unchanged_files_cost_one_look(gallery: Gallery) -> None:
    """While nothing has changed, everybody gets the same object."""
    assert gallery.snapshot() is gallery.snapshot()


async def test_a_generation_of_another_process_is_noticed(gallery: Gallery) -> None:
    """What another process has committed is there at the next look, and only then read."""
    other = _fresh(gallery)
    before = other.current("gallery")
    gallery.add("new.png", "pink")
    await gallery.reindex()
    after = other.current("gallery")
    assert before is not None
    assert len(before.pictures) == 3
    assert _same(after, gallery.snapshot())
    assert after is other.current("gallery")


async def test_a_reader_keeps_its_generation(gallery: Gallery) -> None:
    """Whoever holds a snapshot gets the same answers from it, whatever comes after."""
    held = gallery.snapshot()
    vectors = held.picture_index.reconstruct(np.arange(3))
    (gallery.pictures / "red.png").unlink()
    await gallery.reindex()
    shutil.rmtree(gallery.index)
    assert [picture.path for picture in held.pictures] == ["blue.png", "green.png", "red.png"]
    np.testing.assert_array_equal(held.picture_index.search(vectors, 1)[1][:, 0], np.arange(3))


async def test_old_generations_go_when_nobody_holds_them(gallery: Gallery) -> None:
    """A generation's folder stays while a reader here holds it, and goes after that."""

    def generations() -> set[str]:
        return {entry.name for entry in gallery.index.iterdir() if entry.is_dir()}

    held = gallery.snapshot()
    gallery.add("new.png", "pink")
    await gallery.reindex()
    assert generations() == {"1", "2"}
    assert held.generation == 1
    del held
    gc.collect()
    gallery.add("newer.png", "cyan")
    await gallery.reindex()
    assert generations() == {"3"}


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    _replace(file, data)


def _cut(file: Path) -> None:
    _replace(file, file.read_bytes()[:-1])


def _swap(file: Path) -> None:
    _replace(file, b"somebody else's")


def _replace(file: Path, data: bytes | bytearray) -> None:
    file.unlink()  # somebody may have it mapped
    file.write_bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "pictures.faiss",
        "captions.faiss",
        "pictures.rows",
        "captions.rows",
        "silent.json",
    ],
)
@pytest.mark.parametrize("damage", [Path.unlink, _flip, _cut, _swap])
def test_damage_is_rebuilt_from_the_catalogue(
    gallery: Gallery, name: str, damage: Callable[[Path], None]
) -> None:
    """A missing, flipped, torn or foreign file costs nothing but a rebuild."""
    intact = gallery.snapshot()
    folder = gallery.index if name == "manifest.json" else gallery.index / "1"
    damage(folder / name)
    assert _same(_fresh(gallery).current("gallery"), intact)
    assert gallery.store.is_current("gallery", 1), "the files are whole again"
    assert gallery.embedder.pictures_encoded == 3, "nothing was encoded anew"


def test_a_generation_of_another_collection_is_refused(gallery: Gallery) -> None:
    """A folder that was copied under another name is not taken for that collection."""
    shutil.copytree(gallery.index, gallery.index.with_name("other"))
    assert _fresh(gallery).current("other") is None


def test_a_kill_before_the_swap_is_caught_up(gallery: Gallery) -> None:
    """Where a process died between the catalogue's commit and the swap, the catalogue wins."""
    committed = gallery.snapshot()
    manifest = gallery.index / "manifest.json"
    document = json.loads(manifest.read_bytes())
    document["generation"] = 0
    (gallery.index / "1").rename(gallery.index / "0")
    manifest.write_text(json.dumps(document), encoding="utf-8")
    assert _same(_fresh(gallery).current("gallery"), committed)


async def test_leftovers_of_a_kill_are_swept(gallery: Gallery) -> None:
    """Half-written generations and manifests of dead processes do not pile up."""
    (gallery.index / "99").mkdir()
    (gallery.index / "99" / "pictures.faiss").write_bytes(b"half")
    (gallery.index / ".manifest.json.4711").write_bytes(b"half")
    gallery.add("new.png", "pink")
    await gallery.reindex()
    assert sorted(entry.name for entry in gallery.index.iterdir() if entry.name != "1") == [
        ".lock",
        "2",
        "manifest.json",
    ]


def test_a_rebuild_serves_where_it_cannot_write(gallery: Gallery) -> None:
    """While another process writes, or nothing can be written, memory alone serves."""
    (gallery.index / "1" / "pictures.rows").unlink()
    with gallery.store.writer_lock("gallery"):
        assert _same(_fresh(gallery).current("gallery"), gallery.snapshot())
        assert not (gallery.index / "1" / "pictures.rows").exists()


async def test_a_failed_write_leaves_the_old_generation(gallery: Gallery) -> None:
    """Where the files cannot be made, the error says so and the generation before is intact."""
    before = (gallery.index / "manifest.json").read_bytes()
    gallery.add("new.png", "pink")
    in_the_way = gallery.index / "2"
    in_the_way.write_bytes(b"no folder")
    with pytest.raises(CatalogueError, match=r"File exists.*Make room"):
        await gallery.reindex()
    in_the_way.unlink()
    assert (gallery.index / "manifest.json").read_bytes() == before
    assert len(gallery.snapshot().pictures) == 3
    report = await gallery.reindex()
    assert report.unchanged == 4, "what was encoded before is not encoded again"
    assert len(gallery.snapshot().pictures) == 4
    assert gallery.embedder.pictures_encoded == 4


async def test_a_reindex_heals_the_files(gallery: Gallery) -> None:
    """A reindex that finds nothing to do leaves whole files alone and mends damaged ones."""
    written = (gallery.index / "manifest.json").stat().st_mtime_ns
    await gallery.reindex()
    assert (gallery.index / "manifest.json").stat().st_mtime_ns == written
    _flip(gallery.index / "1" / "pictures.faiss")
    assert not gallery.store.is_current("gallery", 1)
    await gallery.reindex()
    assert gallery.store.is_current("gallery", 1)
    assert gallery.embedder.pictures_encoded == 3


async def test_nobody_waits_for_a_generation_that_is_loaded(gallery: Gallery) -> None:
    """While one caller loads the next generation, the others get the one before at once."""
    other = _fresh(gallery)
    before = other.current("gallery")
    gallery.add("new.png", "pink")
    await gallery.reindex()
    with other._slot("gallery").loading:
        assert await asyncio.wait_for(asyncio.to_thread(other.current, "gallery"), 5) is before
    assert _same(other.current("gallery"), gallery.snapshot())
