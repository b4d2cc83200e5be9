"""Collections that move: what was exported is imported, all of it, and nothing else."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import EmptyCollection, ReindexRunning, SourceError
from core.domain.types import Progress
from index.indexing.scan import scan_folder
from index.library.labels import StoredLabels
from index.library.library import CollectionSpec
from index.transfer.import_ import Importer
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.portable_parts import (
    Tell,
    export,
    lines,
    names,
    put_lines,
    quietly,
    take,
    take_whole,
    tree,
)

ODD = {
    'sub/deep, "quoted".png': ("two, words", 'said "so"'),
    " leading space.png": ("a space in front",),
    "a:/drive.png": ("no drive",),
    "back\\slash.png": ("a backslash",),
    "two\nlines.png": ("a name of two lines",),
    "=1+1.png": ("=HYPERLINK(1)", "日本語", "ünï"),
    "IMG_2041.png": (),
}


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Four pictures, one with two captions, in a collection for two servers and everybody."""
    gallery = Gallery(tmp_path / "old", communities="discord:1 discord:2 *")
    gallery.add("red.png", "red", 1)
    gallery.add("sub/green.png", "green", 2)
    gallery.add("sub/blue.png", "blue", 3)
    gallery.add("copy.png", "red", 1)
    gallery.write("captions.csv", "image,description\nred.png,a red thing\nred.png,it is red\n")
    await gallery.reindex()
    return gallery


def _new(tmp_path: Path, *, model: str = "fake") -> Gallery:
    return Gallery(tmp_path / "new", model=model, communities="discord:1 discord:2 *")


class _StopError(Exception):
    """Ctrl-C."""


def _stopping(after: int) -> Tell:
    def tell(progress: Progress) -> None:
        if progress.done == after:
            raise _StopError

    return tell


def _texts(gallery: Gallery) -> dict[str, tuple[str, ...]]:
    return {each.path: each.captions for each in gallery.catalogue.known("gallery").pictures}


async def test_an_import_encodes_nothing_with_the_same_model(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Ids, captions, vectors, times and uploads are there; nothing but a sample is encoded."""
    for file in gallery.pictures.rglob("*.png"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    upload = await gallery.post("pink", 4, "a pink thing", community="discord:1")
    report = export(gallery, tmp_path / "out")
    assert (report.pictures, report.captions, report.uploads, report.failed) == (4, 5, 1, ())
    new = _new(tmp_path)
    result = await take_whole(new, tmp_path / "out", size=0)
    assert (result.added, result.changed, result.removed, result.unchanged) == (0, 0, 0, 4)
    assert new.embedder.encoder.batches == []
    assert new.decoder.decoded == []
    assert new.ids() == gallery.ids()
    assert _texts(new) == _texts(gallery)
    assert await new.seen("discord:2") == await gallery.seen("discord:2")
    old, rows = gallery.snapshot(), np.arange(4)
    np.testing.assert_array_equal(
        new.snapshot().picture_index.reconstruct(rows), old.picture_index.reconstruct(rows)
    )
    assert (await new.library.picture_file(upload.id, "discord:2"))[0] == upload
    assert new.verify() == []
    one, other = gallery.pictures / "red.png", new.pictures / "red.png"
    assert other.read_bytes() == one.read_bytes()
    assert other.stat().st_ino != one.stat().st_ino, "a copy, no link"
    assert other.stat().st_mtime_ns == one.stat().st_mtime_ns


async def test_an_import_into_another_model_encodes_everything(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Each picture once, uploads too, and each keeps its id."""
    await gallery.post("pink", 4, "a pink thing", community="discord:1")
    export(gallery, tmp_path / "out")
    new = _new(tmp_path, model="another")
    await take_whole(new, tmp_path / "out")
    assert new.embedder.pictures_encoded == 4, "three contents of the folder, and the upload"
    assert new.ids() == gallery.ids()
    assert await new.seen("discord:1") == await gallery.seen("discord:1")
    assert new.snapshot().identity == new.embedder.identity
    assert new.verify() == []


async def test_who_sees_an_upload_does_not_change(gallery: Gallery, tmp_path: Path) -> None:
    """Shared ones all who share, one of a stranger itself; what was removed stays removed."""
    await gallery.post("pink", 4, "shared", community="discord:1", uploader="discord:17")
    await gallery.post("cyan", 5, "own of eight", community="discord:8")
    gone = await gallery.post("black", 6, "gone", community="discord:8")
    ids = gallery.ids()
    await gallery.contributions.remove(gone.id, community="discord:8", remover="discord:9")
    await gallery.contributions.remove(ids["sub/blue.png"], community="discord:8", remover="x")
    await gallery.contributions.remove(ids["sub/green.png"], community="discord:2", remover="x")
    communities = ("discord:1", "discord:2", "discord:8", "discord:9", "local")
    expected = {each: await gallery.seen(each) for each in communities}
    assert expected["discord:8"] == {"red.png", "copy.png", "shared", "own of eight"}
    export(gallery, tmp_path / "out")
    assert not (tmp_path / "out" / "sub" / "green.png").exists(), "removed for everybody"
    new = _new(tmp_path)
    await take_whole(new, tmp_path / "out")
    assert {each: await new.seen(each) for each in communities} == expected
    assert [each.uploader for each in (await new.contributions.personal("discord:17")).uploads] == [
        "discord:17"
    ], "and who added one can still have it deleted"
    assert new.verify() == []
    # The file of a picture that was removed for everybody does not bring it back.
    new.add("sub/green.png", "green", 2)
    await new.reindex()
    assert {each: await new.seen(each) for each in communities if each != "local"} == {
        each: seen for each, seen in expected.items() if each != "local"
    }


async def test_labels_move_along(gallery: Gallery, tmp_path: Path) -> None:
    """Pictures are tagged there as they were here, by whatever model; none are made up."""
    export(gallery, tmp_path / "untagged")
    assert not (tmp_path / "untagged" / ".labels.txt").exists()
    labels = ("red", "grün und blau", "a thing, or two")
    kept = await StoredLabels(gallery.overlays, gallery.embedder).replace("gallery", labels)
    assert export(gallery, tmp_path / "out").labels == 3
    new = _new(tmp_path, model="another")
    mine = StoredLabels(new.overlays, new.embedder)
    await mine.replace("gallery", ["those before"])
    assert take(new, tmp_path / "out").labels == 3
    assert mine.of("gallery") is None, "not those before, and not yet encoded"
    await mine.prepare()
    found = mine.of("gallery")
    assert found is not None
    assert found.labels == labels
    assert not np.allclose(found.words, kept.words), "as the model here understands them"
    again = tmp_path / "again"
    await new.reindex(full=True)
    export(new, again)
    assert (again / ".labels.txt").read_text() == (tmp_path / "out" / ".labels.txt").read_text()


async def test_an_export_without_labels_leaves_those_that_are_there(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Who has tagged the empty collection before the import has tagged what comes in."""
    export(gallery, tmp_path / "out")
    new = _new(tmp_path)
    labels = StoredLabels(new.overlays, new.embedder)
    await labels.replace("gallery", ["red"])
    await take_whole(new, tmp_path / "out")
    found = labels.of("gallery")
    assert found is not None
    assert found.labels == ("red",)


async def test_the_exported_folder_is_a_gallery(tmp_path: Path) -> None:
    """A scan finds every picture with its captions whatever the names are, and no upload."""
    gallery = Gallery(tmp_path / "old")
    names = list(ODD)
    for seed, name in enumerate(names):
        gallery.add(name, "red", seed)
    rows = [{"file_name": name, "text": text} for name in names for text in ODD[name]]
    gallery.write("metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    await gallery.reindex()
    await gallery.post("pink", 99, "of one community")
    export(gallery, tmp_path / "out")
    scan = scan_folder(tmp_path / "out")
    assert scan.failures == ()
    assert {each.path: each.captions for each in scan.pictures} == _texts(gallery)
    assert len(scan.pictures) == len(ODD)
    # Read as the collection's own folder, it is imported where it lies.
    new = Gallery(tmp_path / "new")
    spec = CollectionSpec("gallery", tmp_path / "out", frozenset({"web"}))
    before = tree(tmp_path / "out")
    Importer(new.catalogue, new.store, new.overlays).take(spec, tmp_path / "out", quietly)
    assert tree(tmp_path / "out") == before
    assert _texts(new) == _texts(gallery)


async def test_pictures_that_are_there_already_are_not_copied(
    gallery: Gallery, tmp_path: Path
) -> None:
    """As after an import that was interrupted, or a copy made by hand; others are refused."""
    export(gallery, tmp_path / "out")
    new = _new(tmp_path)
    shutil.copytree(gallery.pictures, new.pictures, dirs_exist_ok=True)
    (new.pictures / "sub" / "green.png").write_bytes(picture_bytes("green", 9))
    before = tree(new.pictures)
    with pytest.raises(SourceError, match=r"sub/green\.png is another picture there"):
        take(new, tmp_path / "out")
    (new.pictures / "sub" / "green.png").unlink()
    with pytest.raises(SourceError, match=r"sub/green\.png cannot be read there"):
        take(new, tmp_path / "out")
    assert new.catalogue.counts("gallery") == (0, 0)
    (new.pictures / "sub" / "green.png").write_bytes(picture_bytes("green", 2))
    assert tree(new.pictures).keys() == before.keys()
    await take_whole(new, tmp_path / "out", size=0)
    assert new.embedder.pictures_encoded == 0
    assert new.ids() == gallery.ids()


async def test_nothing_is_overwritten(gallery: Gallery, tmp_path: Path) -> None:
    """Neither a folder that holds something, nor a collection that has pictures."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(SourceError, match="holds something already"):
        export(gallery, tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine.txt": b"mine"}
    export(gallery, tmp_path / "out2")
    with pytest.raises(SourceError, match="has pictures already"):
        take(gallery, tmp_path / "out2")
    new = _new(tmp_path)
    await new.post("pink", community="discord:1")
    with pytest.raises(SourceError, match="has pictures already"):
        take(new, tmp_path / "out2")


async def test_pictures_that_cannot_be_exported_are_told(gallery: Gallery, tmp_path: Path) -> None:
    """A changed one and a missing one are left out, with the reason; the rest moves."""
    (gallery.pictures / "red.png").write_bytes(picture_bytes("red", 77))
    (gallery.pictures / "sub" / "blue.png").unlink()
    (gallery.pictures / "sub" / "green.png").unlink()
    (gallery.pictures / "sub" / "green.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "outside.png").write_bytes(picture_bytes("green", 2))
    report = export(gallery, tmp_path / "out")
    reasons = {each.path: each.reason for each in report.failed}
    assert reasons.keys() == {"red.png", "sub/blue.png", "sub/green.png"}
    assert "has changed" in reasons["red.png"]
    assert "No such file" in reasons["sub/blue.png"]
    assert "link" in reasons["sub/green.png"], "what lies outside is nobody's to export"
    new = _new(tmp_path)
    await take_whole(new, tmp_path / "out")
    assert set(new.ids()) == {"copy.png"}
    assert new.verify() == []


async def test_a_vanished_folder_is_not_exported_as_an_empty_one(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Where no picture can be read, nothing is left behind but the cause and a remedy."""
    gallery.pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="cannot be read"):
        export(gallery, tmp_path / "out")
    gallery.pictures.mkdir()
    with pytest.raises(SourceError, match="None of the 4 pictures could be copied"):
        export(gallery, tmp_path / "out")
    empty = Gallery(tmp_path / "empty")
    with pytest.raises(EmptyCollection):
        export(empty, tmp_path / "out")
    assert not any("out" in name.split("/")[0] for name in names(tmp_path))


async def test_pictures_without_vectors_are_encoded_after_the_import(
    gallery: Gallery, tmp_path: Path
) -> None:
    """A row of zeros stands for a vector that is not there; edits of the folder are seen."""
    upload = await gallery.post("pink", 4, community="discord:1")
    with gallery.catalogue.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM picture_vectors WHERE sha256 = ?", (upload.sha256,))
    export(gallery, tmp_path / "out")
    (tmp_path / "out" / "captions.csv").write_text("image,description\nred.png,a ripe tomato\n")
    new = _new(tmp_path)
    await take_whole(new, tmp_path / "out", size=0)
    assert new.embedder.pictures_encoded == 1
    assert new.shown()["red.png"] == "a ripe tomato"
    assert upload.id in await new.seen("discord:2")
    assert new.verify() == []


async def test_ids_that_are_taken_are_not_taken_twice(gallery: Gallery, tmp_path: Path) -> None:
    """Into the same data folder: new ids for pictures; what was deleted stays deleted."""
    kept = await gallery.post("pink", 4, "kept", community="discord:1")
    await gallery.post("cyan", 5, "forgotten", community="discord:1", uploader="discord:17")
    export(gallery, tmp_path / "out")
    await gallery.contributions.forget("discord:17")
    spec = CollectionSpec("second", tmp_path / "second", frozenset({"discord:1"}))
    Importer(gallery.catalogue, gallery.store, gallery.overlays).take(
        spec, tmp_path / "out", quietly
    )
    both = [gallery.catalogue.known(name).pictures for name in ("gallery", "second")]
    assert [each.path for each in both[0]] == [each.path for each in both[1]]
    assert {each.id for each in both[0]}.isdisjoint({each.id for each in both[1]})
    with gallery.overlays.read() as connection:
        rows = connection.exec_driver_sql("SELECT collection, id, caption FROM uploads").all()
    assert sorted((row.collection, row.caption) for row in rows) == [
        ("gallery", "kept"),
        ("second", "kept"),
    ]
    new_id = next(row.id for row in rows if row.collection == "second")
    assert new_id != kept.id
    assert gallery.files.path("second", new_id).is_file()
    assert len(gallery.upload_files()) == 2
    await gallery.contributions.sweep()
    assert len(gallery.upload_files()) == 2


async def test_ending_it_at_any_file_leaves_nothing(gallery: Gallery, tmp_path: Path) -> None:
    """Neither of an export nor of an import, wherever it was stopped."""
    await gallery.post("pink", 4, community="discord:1")

    (tmp_path / "there").mkdir()
    for after in range(5):
        with pytest.raises(_StopError):
            export(gallery, tmp_path / "there" / "out", _stopping(after))
        assert list((tmp_path / "there").iterdir()) == []
    export(gallery, tmp_path / "there" / "out")
    new = _new(tmp_path)
    for after in range(4):
        with pytest.raises(_StopError):
            take(new, tmp_path / "there" / "out", _stopping(after))
        assert {each.name for each in (tmp_path / "new").iterdir()} == {"pictures", "data"}
        assert list(new.pictures.iterdir()) == []
        assert new.catalogue.counts("gallery") == (0, 0)
    await take_whole(new, tmp_path / "there" / "out")
    assert new.verify() == []


async def test_where_nothing_can_be_written_it_is_said(gallery: Gallery, tmp_path: Path) -> None:
    """The folder is named with the reason and a remedy, for an export and for an import."""
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / "file" / "place"
    with pytest.raises(SourceError, match=r"place cannot be written \(Not a directory\)") as told:
        export(gallery, place)
    assert told.value.remedy
    export(gallery, tmp_path / "out")
    new = _new(tmp_path)
    importer = Importer(new.catalogue, new.store, new.overlays)
    spec = CollectionSpec("gallery", place, frozenset({"web"}))
    with pytest.raises(SourceError, match=r"place cannot be written \(Not a directory\)") as told:
        importer.take(spec, tmp_path / "out", quietly)
    assert told.value.remedy
    assert new.catalogue.counts("gallery") == (0, 0)


async def test_a_full_disk_leaves_nothing(gallery: Gallery, tmp_path: Path) -> None:
    """Where a file cannot grow any more, the cause is told and the half folder is gone."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Large enough for the database's log, too small for the large picture.
    gallery.write("large.bmp", _bmp(700))
    await gallery.reindex()
    (tmp_path / "there").mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limit[1]))
    try:
        with pytest.raises(SourceError, match="cannot be written"):
            export(gallery, tmp_path / "there" / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, old)
    assert names(tmp_path / "there") == set()
    assert export(gallery, tmp_path / "there" / "out").pictures == 5


def _bmp(edge: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (edge, edge), "red").save(out, "BMP")
    return out.getvalue()


async def test_one_at_a_time(gallery: Gallery, tmp_path: Path) -> None:
    """No import beside a reindex of the collection, and no export beside another."""
    export(gallery, tmp_path / "out")
    new = _new(tmp_path)
    with new.store.writer_lock("gallery"), pytest.raises(ReindexRunning):
        take(new, tmp_path / "out")

    def again(_: Progress) -> None:
        with pytest.raises(ReindexRunning, match="Another export"):
            export(gallery, tmp_path / "other")

    export(gallery, tmp_path / "out2", again)


async def test_a_failure_at_the_very_end_leaves_nothing(gallery: Gallery, tmp_path: Path) -> None:
    """The pictures are in their place already when the catalogue says no: they go again."""
    await gallery.post("pink", 4, community="discord:1")
    export(gallery, tmp_path / "out")
    entries = lines(tmp_path / "out", ".uploads/pictures.jsonl")
    put_lines(tmp_path / "out", entries, ".uploads/pictures.jsonl")
    new = _new(tmp_path)
    new.files.fault = "announce"
    with pytest.raises(Exception, match="Input/output error"):
        take(new, tmp_path / "out")
    new.files.fault = ""
    assert list(new.pictures.iterdir()) == []
    assert new.upload_files() == {}
    assert new.catalogue.counts("gallery") == (0, 0)
    assert new.catalogue.unfinished_run("gallery") is None
    await take_whole(new, tmp_path / "out")
    assert new.verify() == []
