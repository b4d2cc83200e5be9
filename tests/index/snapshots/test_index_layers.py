"""Generations that hold changes alone: as many writes as changes, and always the whole truth."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import CatalogueError
from core.domain.types import Picture
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import Changes
from index.snapshots.delta import Generation, LayeredSnapshot
from index.snapshots.generations import Generations
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.store import SnapshotStore
from index.vectors.manifest import Manifest
from tests.fakes import FakeEmbedder, FakeEncoder
from tests.galleries import LAYERED, Gallery

COUNT = 12


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """A whole generation of twelve pictures."""
    return await _filled(tmp_path)


async def _filled(home: Path) -> Gallery:
    gallery = Gallery(home, rules=LAYERED)
    for number in range(COUNT):
        gallery.add(f"{number:02}.png", "red", number, caption=f"number {number}")
    await gallery.reindex()
    return gallery


async def _changed(gallery: Gallery) -> LayeredSnapshot:
    """One picture new, one gone, one captioned anew and one renamed."""
    gallery.add("new.png", "blue", 99, caption="a new one")
    (gallery.pictures / "03.png").unlink()
    (gallery.pictures / "03.txt").unlink()
    gallery.add("05.png", "red", 5, caption="number five")
    for suffix in (".png", ".txt"):
        (gallery.pictures / f"07{suffix}").rename(gallery.pictures / f"seven{suffix}")
    await gallery.reindex()
    snapshot = gallery.snapshot()
    assert isinstance(snapshot, LayeredSnapshot)
    return snapshot


def _fresh(gallery: Gallery) -> SnapshotStore:
    """The store of a process that has just started."""
    return SnapshotStore(gallery.data / "index", gallery.catalogue, LAYERED)


def _manifest(gallery: Gallery) -> Manifest:
    manifest = gallery.store.manifest("gallery")
    assert manifest is not None
    return manifest


def _told(snapshot: Generation) -> dict[str, tuple[Picture, list[str], bytes, list[bytes]]]:
    """Everything that a snapshot says of a picture, by its path."""
    told: dict[str, tuple[Picture, list[str], bytes, list[bytes]]] = {}
    for row, picture in enumerate(snapshot.pictures):
        vector = snapshot.picture_index.reconstruct(np.array([row])).tobytes()
        told[picture.path] = (picture, [], vector, [])
        assert snapshot.row_of(picture.id) == row
    for place, (text, row) in enumerate(snapshot.captions):
        _, texts, _, vectors = told[snapshot.pictures[row].path]
        texts.append(text)
        vectors.append(snapshot.caption_index.reconstruct(np.array([place])).tobytes())
        assert snapshot.owners[place] == row
    return told


def _built(gallery: Gallery) -> Generation:
    """What a whole generation would hold now."""
    with gallery.catalogue.contents("gallery") as contents:
        found = IndexSnapshot.of(contents)
    assert found is not None
    return found


async def test_changes_are_written_by_themselves(gallery: Gallery) -> None:
    """What did not change is neither written nor read again; all that changed is in place."""
    base = gallery.snapshot()
    before = {file: file.stat().st_mtime_ns for file in (gallery.index / "1").iterdir()}
    snapshot = await _changed(gallery)
    assert snapshot.base is base
    assert (len(snapshot.delta.removed), len(snapshot.delta.pictures)) == (3, 3)
    assert {file: file.stat().st_mtime_ns for file in (gallery.index / "1").iterdir()} == before
    assert _told(snapshot) == _told(_built(gallery))
    assert gallery.verify() == []


async def test_contents_are_found_in_both_layers(gallery: Gallery) -> None:
    """The rows of a content are those of its pictures, wherever they lie; what is gone has none."""
    gone = gallery.snapshot().pictures[3].sha256
    snapshot = await _changed(gallery)
    contents = [picture.sha256 for picture in snapshot.pictures]
    for row, content in enumerate(contents):
        assert snapshot.rows_of({content, gone}).tolist() == [row]
    assert snapshot.rows_of(set(contents)).tolist() == [*range(len(contents))]
    assert snapshot.rows_of({gone}).tolist() == []


async def test_each_commit_takes_in_the_changes_before(gallery: Gallery) -> None:
    """Any number of commits lie over the same base, each with all that changed since."""
    base = gallery.snapshot()
    await _changed(gallery)
    gallery.add("05.png", "green", 55, caption="number five")
    (gallery.pictures / "new.png").unlink()
    (gallery.pictures / "new.txt").unlink()
    gallery.add("03.png", "red", 3, caption="number 3")
    await gallery.reindex()
    snapshot = gallery.snapshot()
    assert isinstance(snapshot, LayeredSnapshot)
    assert snapshot.base is base
    assert len(snapshot.delta.pictures) == 3, "what was new and is gone leaves nothing"
    assert _told(snapshot) == _told(_built(gallery))
    assert gallery.verify() == []


async def test_searches_find_what_changed_and_nothing_else(gallery: Gallery) -> None:
    """Every picture finds itself, by vector and by words; what is gone is not found."""
    snapshot = await _changed(gallery)
    for index in (snapshot.picture_index, snapshot.caption_index):
        rows = np.arange(len(index))
        scores, found = index.search(index.reconstruct(rows), 1)
        np.testing.assert_array_equal(found[:, 0], rows)
        np.testing.assert_allclose(scores, 1, atol=1e-6)
    words = snapshot.caption_words.search("five", 5)[1]
    assert [snapshot.captions[row][0] for row in words] == ["number five"]
    assert "number 3" not in {text for text, _ in snapshot.captions}


async def test_a_restart_reads_both_layers(gallery: Gallery) -> None:
    """A new process finds base and changes; one that has the base reads the changes alone."""
    other = _fresh(gallery)
    base = other.current("gallery")
    snapshot = await _changed(gallery)
    fresh, noticed = _fresh(gallery).current("gallery"), other.current("gallery")
    assert fresh is not None
    assert isinstance(noticed, LayeredSnapshot)
    assert noticed.base is base
    assert _told(fresh) == _told(noticed) == _told(snapshot)


async def test_a_process_that_starts_goes_on_from_the_files(gallery: Gallery) -> None:
    """A reindex by a process that has loaded nothing writes changes alone, too."""
    await _changed(gallery)
    again = Gallery(gallery.pictures.parent, rules=LAYERED)
    again.add("late.png", "pink", 7)
    await again.reindex()
    snapshot = again.snapshot()
    assert isinstance(snapshot, LayeredSnapshot)
    assert _manifest(again).whole.generation == 1
    assert _told(snapshot) == _told(_built(again))
    again.close()


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", ["1/pictures.faiss", "2/captions.faiss", "2/rows.json"])
@pytest.mark.parametrize("damage", [Path.unlink, _flip])
async def test_damage_of_either_layer_is_rebuilt(
    gallery: Gallery, name: str, damage: Callable[[Path], None]
) -> None:
    """A missing or flipped file of base or changes costs nothing but a rebuild."""
    snapshot = await _changed(gallery)
    damage(gallery.index / name)
    assert any("damaged" in line for line in gallery.verify())
    found = _fresh(gallery).current("gallery")
    assert isinstance(found, IndexSnapshot)
    assert _told(found) == _told(snapshot)
    assert gallery.store.is_current("gallery", 2), "the files are whole again"
    assert gallery.verify() == []


async def test_a_reindex_over_a_lost_base_writes_a_whole_one(gallery: Gallery) -> None:
    """Changes are not laid over files that are gone, though this process has them in memory."""
    gallery.snapshot()
    shutil.rmtree(gallery.index / "1")
    gallery.add("new.png", "blue", 99)
    await gallery.reindex()
    assert isinstance(gallery.snapshot(), IndexSnapshot)
    assert gallery.verify() == []


async def test_changes_of_a_dead_process_are_caught_up(gallery: Gallery) -> None:
    """What the catalogue took without the index is in the next generation, as a whole."""
    known = gallery.catalogue.known("gallery")
    run = gallery.catalogue.begin_run("gallery", gallery.embedder.identity.fingerprint, full=False)
    first = known.pictures[0]
    renamed = replace(first, path="renamed.png", captions=("renamed",))
    changes = Changes((), (renamed,), (), (), frozenset())
    gallery.catalogue.apply(run, "gallery", gallery.embedder.identity, changes)
    (gallery.pictures / "00.txt").unlink()
    (gallery.pictures / "00.png").rename(gallery.pictures / "renamed.png")
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed) == (0, 0, 0)
    assert isinstance(gallery.snapshot(), IndexSnapshot)
    assert "renamed.png" in gallery.ids()
    assert gallery.verify() == []


async def test_a_failed_write_loses_no_change(gallery: Gallery) -> None:
    """Where changes cannot be written, the generation before stays, and the next has them."""
    before = gallery.snapshot()
    in_the_way = gallery.index / "2"
    in_the_way.write_bytes(b"no folder")
    gallery.add("05.png", "red", 5, caption="number five")
    with pytest.raises(CatalogueError, match=r"File exists.*Make room"):
        await gallery.reindex()
    in_the_way.unlink()
    assert gallery.snapshot() is before
    assert sorted(each.name for each in gallery.index.iterdir() if each.is_dir()) == ["1"]
    gallery.add("late.png", "pink", 7)
    await gallery.reindex()
    assert _told(gallery.snapshot()) == _told(_built(gallery))
    assert gallery.verify() == []


async def test_a_catalogue_of_another_history_gets_a_whole_generation(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Numbers that fit by chance, as after a restored backup, are not taken for the same."""
    backup = tmp_path / "backup.sqlite"
    gallery.catalogue.database.erase()  # all of it is in the file now
    shutil.copy(gallery.data / "catalogue.sqlite", backup)
    (gallery.pictures / "01.png").unlink()
    (gallery.pictures / "02.png").unlink()
    await gallery.reindex()
    gallery.close()
    for file in gallery.data.glob("catalogue.sqlite*"):
        file.unlink()
    shutil.copy(backup, gallery.data / "catalogue.sqlite")
    catalogue = Catalogue.open(gallery.data / "catalogue.sqlite")
    model = gallery.embedder.identity
    for path in ("03.png", "04.png"):
        run = catalogue.begin_run("gallery", model.fingerprint, full=False)
        picture = next(p for p in catalogue.known("gallery").pictures if p.path == path)
        changes = Changes((), (), (picture.id,), (), frozenset())
        catalogue.apply(run, "gallery", model, changes)
    store = SnapshotStore(gallery.data / "index", catalogue, LAYERED)
    with store.writer_lock("gallery"):
        found = store.commit("gallery", changes)
    assert isinstance(found, IndexSnapshot)
    assert {picture.path for picture in found.pictures} >= {"01.png", "02.png"}
    catalogue.close()


@pytest.mark.slow
async def test_many_changes_are_merged(tmp_path: Path) -> None:
    """From a share of the pictures on, the changes go into a whole generation."""
    gallery = Gallery(tmp_path, rules=replace(LAYERED, merged_share=0.25))
    for number in range(COUNT):
        gallery.add(f"{number:02}.png", "red", number)
    await gallery.reindex()
    for number in range(3):
        gallery.add(f"new {number}.png", "blue", number)
        await gallery.reindex()
    held = gallery.snapshot()
    assert isinstance(held, LayeredSnapshot)
    assert {each.name for each in gallery.index.iterdir() if each.is_dir()} == {"1", "4"}
    gallery.add("new 3.png", "blue", 3)
    await gallery.reindex()
    assert isinstance(gallery.snapshot(), IndexSnapshot)
    assert _manifest(gallery).base is None
    assert len(held.pictures) == COUNT + 3, "a reader keeps what it has"
    del held
    gc.collect()
    gallery.add("new 4.png", "blue", 4)
    await gallery.reindex()
    assert {each.name for each in gallery.index.iterdir() if each.is_dir()} == {"5.whole", "6"}
    assert gallery.verify() == []


async def test_what_another_process_merged_is_the_base_from_then_on(gallery: Gallery) -> None:
    """Changes are laid over the files that are there, not over those that this process knew."""
    await _changed(gallery)
    other = _fresh(gallery)
    with other.writer_lock("gallery"):
        other.commit("gallery")
    gallery.add("late.png", "pink", 7)
    await gallery.reindex()
    assert _manifest(gallery).whole.folder == "2.whole"
    found = _fresh(gallery).current("gallery")
    assert isinstance(found, LayeredSnapshot)
    assert _told(found) == _told(gallery.snapshot()) == _told(_built(gallery))
    assert gallery.verify() == []


async def test_a_sweep_leaves_both_layers(gallery: Gallery) -> None:
    """Whoever tidies up without holding anything deletes what is of no use to anybody alone."""
    await _changed(gallery)
    (gallery.index / "99").mkdir()
    Generations(gallery.data / "index", "gallery").sweep([])
    assert {each.name for each in gallery.index.iterdir() if each.is_dir()} == {"1", "2"}


async def test_a_caption_that_is_encoded_later_comes_with_the_next_changes(
    tmp_path: Path,
) -> None:
    """A text that the encoder refused once is found as soon as it is encoded."""
    failing = {"number 4"}
    embedder = FakeEmbedder(FakeEncoder(fails_on=lambda text: text in failing))
    gallery = Gallery(tmp_path, rules=LAYERED, embedder=embedder)
    for number in range(COUNT):
        gallery.add(f"{number:02}.png", "red", number, caption=f"number {number}")
    await gallery.reindex()
    assert len(gallery.snapshot().captions) == COUNT - 1
    gallery.add("new.png", "blue", 99)
    await gallery.reindex()
    snapshot = gallery.snapshot()
    assert isinstance(snapshot, LayeredSnapshot)
    assert len(snapshot.delta) == 1, "what still cannot be encoded is no change"
    failing.clear()
    gallery.add("newer.png", "blue", 100)
    await gallery.reindex()
    assert "number 4" in {text for text, _ in gallery.snapshot().captions}
    assert _told(gallery.snapshot()) == _told(_built(gallery))
    assert gallery.verify() == []


async def test_chat_lies_over_both_layers(gallery: Gallery) -> None:
    """Uploads and removals hold whatever layer a picture is in."""
    await _changed(gallery)
    await gallery.post("green", 5, "posted")
    for path in ("00.png", "new.png"):
        await gallery.contributions.remove(gallery.ids()[path], community="web", remover="web:1")
    seen = await gallery.seen()
    assert seen == {*gallery.ids(), "posted"} - {"00.png", "new.png"}
    view = await gallery.library.open(None, "web")
    rows = np.arange(len(view.pictures))
    found = view.picture_index.search(view.picture_index.reconstruct(rows), 1)[1][:, 0]
    np.testing.assert_array_equal(found, rows)
    assert all(view.row_of(picture.id) == row for row, picture in enumerate(view.pictures))
    assert {text for text, _ in view.captions} >= {"posted", "number five"}
    assert [view.captions[n][0] for n in view.caption_words.search("posted", 3)[1]] == ["posted"]


async def test_a_full_reindex_writes_a_whole_generation(gallery: Gallery) -> None:
    """Where vectors are made anew of pictures that did not change, no base is trusted."""
    await _changed(gallery)
    gallery.add("newer.png", "blue", 100)
    await gallery.reindex(full=True)
    assert isinstance(gallery.snapshot(), IndexSnapshot)


async def test_most_pictures_changed_is_a_whole_generation(tmp_path: Path) -> None:
    """Beyond the share, and below the least number of pictures, all is written."""
    gallery = Gallery(tmp_path, rules=replace(LAYERED, layered_share=0.5))
    for number in range(4):
        gallery.add(f"{number}.png", "red", number)
    await gallery.reindex()
    for number in range(3):
        gallery.add(f"new {number}.png", "blue", number)
    await gallery.reindex()
    assert isinstance(gallery.snapshot(), IndexSnapshot)
    few = Gallery(tmp_path, rules=replace(LAYERED, layered_from=8))
    few.add("another.png", "pink")
    await few.reindex()
    assert isinstance(few.snapshot(), IndexSnapshot)


def test_new_pictures_are_named_by_their_paths(gallery: Gallery) -> None:
    """What is new has no id before it is applied, and is found all the same."""
    with gallery.catalogue.contents("gallery") as contents:
        found = contents.only([], ["03.png", "not there.png", "01.png"])
    assert [picture.path for picture in found.pictures] == ["01.png", "03.png"]
    assert found.captions == (("number 1", 0), ("number 3", 1))
