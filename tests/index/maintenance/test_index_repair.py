"""Repair: what can be made anew is, what cannot is told with its remedy, and nothing else moves."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError
from index.maintenance.differences import Fault
from index.maintenance.repair import Repaired, Repairer
from index.snapshots.snapshot import CAPTION_ROWS, CAPTIONS, PICTURE_ROWS, PICTURES
from index.vectors.manifest import NAME
from tests.fakes import picture_bytes
from tests.galleries import Gallery


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Three indexed pictures and two uploads, one of them removed a moment ago."""
    gallery = Gallery(tmp_path)
    for number, colour in enumerate(("red", "green", "blue")):
        file = gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
        os.utime(file, (1, 1))
    await gallery.reindex()
    await gallery.post("yellow", 9, "a sun")
    moon = await gallery.post("white", 10, "a moon")
    await gallery.contributions.remove(moon.id, community="web", remover="web:1")
    return gallery


async def _repair(gallery: Gallery) -> Repaired:
    return await Repairer(
        catalogue=gallery.catalogue,
        store=gallery.store,
        overlays=gallery.overlays,
        reindexer=gallery.reindexer,
    ).repair(gallery.spec)


def _sql(statement: str) -> Callable[[Gallery], object]:
    def run(gallery: Gallery) -> None:
        with gallery.catalogue.database.write() as connection:
            assert connection.exec_driver_sql(statement).rowcount

    return run


def _spoil(name: str) -> Callable[[Gallery], object]:
    def run(gallery: Gallery) -> None:
        file = gallery.index / str(gallery.snapshot().generation) / name
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    return run


def _flip_inside_a_picture(gallery: Gallery) -> None:
    """Other bytes of the same size and time, as a failing disk has them."""
    file = gallery.pictures / "red.png"
    file.write_bytes(picture_bytes("black", 5).ljust(file.stat().st_size, b"\0"))
    with gallery.catalogue.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE files SET size = {file.stat().st_size}")
    os.utime(file, (1, 1))


def _stray(gallery: Gallery) -> None:
    gallery.files.write("gallery", "straystr", b"a jpeg")


def _misplace(gallery: Gallery) -> None:
    [shown] = [each for each, aside in gallery.upload_files().items() if not aside]
    gallery.files.put_aside("gallery", shown)


_SCALE = "zeroblob(length(vector))"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (_spoil(PICTURES), Fault.INDEX),
        (_spoil(CAPTIONS), Fault.INDEX),
        (_spoil(PICTURE_ROWS), Fault.INDEX),
        (_spoil(CAPTION_ROWS), Fault.INDEX),
        (lambda g: (g.index / NAME).unlink(), Fault.INDEX),
        (lambda g: (g.index / NAME).write_bytes(b"{"), Fault.INDEX),
        (_sql("UPDATE collections SET generation = generation + 1"), Fault.INDEX),
        (_sql("DELETE FROM collections"), Fault.MODEL),
        (_sql("UPDATE collections SET generation = 0"), Fault.MODEL),
        (_sql("DELETE FROM picture_vectors"), Fault.VECTOR),
        (_sql(f"UPDATE picture_vectors SET vector = {_SCALE}"), Fault.VECTOR),
        (_sql("UPDATE picture_vectors SET vector = substr(vector, 2)"), Fault.VECTOR),
        (_sql(f"UPDATE caption_vectors SET vector = {_SCALE}"), Fault.VECTOR),
        (_sql("DELETE FROM caption_vectors WHERE text_hash IN (SELECT text_hash FROM uploads)"),
         Fault.VECTOR),
        (_sql("UPDATE pictures SET path = 'rod.png' WHERE path = 'red.png'"), Fault.NEW),
        (_sql("UPDATE captions SET text = 'a rod thing' WHERE text = 'a red thing'"),
         Fault.CAPTION_ROW),
        (_sql("UPDATE captions SET text_hash = 'x' WHERE text = 'a red thing'"),
         Fault.CAPTION_ROW),
        (_flip_inside_a_picture, Fault.CHANGED),
        (lambda g: g.add("new.png", "pink", 9), Fault.NEW),
        (lambda g: (g.pictures / "red.png").unlink(), Fault.GONE),
        (_stray, Fault.UPLOAD_STRAY),
        (_misplace, Fault.UPLOAD_PLACE),
        (lambda g: g.files.announce("gallery", 999), Fault.UPLOAD_MARK),
    ],
)  # fmt: skip
async def test_what_is_derived_is_made_anew(
    gallery: Gallery, damage: Callable[[Gallery], object], fault: Fault
) -> None:
    """Each kind of damage is found, repaired, and gone; what is seen is what the files say."""
    damage(gallery)
    assert gallery.verify() != []
    done = await _repair(gallery)
    assert done.left == ()
    assert fault in {difference.fault for difference in done.mended}
    assert gallery.verify() == []
    after = Gallery(gallery.pictures.parent)
    on_disk = {file.name for file in gallery.pictures.glob("*.png")}
    assert await after.seen() == on_disk | {"a sun"}
    result = await after.library.open(None, "web")
    for row, picture in enumerate(result.pictures):
        if picture.path in on_disk:
            decoded = await after.decoder.decode(
                after.pictures / picture.path, after.embedder.pixel_spec
            )
            expected = after.embedder.encoder.encode_images(decoded.pixels[None])[0]
            assert result.picture_index.reconstruct([row])[0].tolist() == expected.tolist()
    assert (await _repair(after)).mended == (), "nothing is repaired twice"
    after.close()


async def test_vectors_that_were_exchanged_are_encoded_anew(gallery: Gallery) -> None:
    """Vectors that are whole, but not those of the index, are made from the files again."""
    with gallery.catalogue.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE picture_vectors SET vector = (SELECT vector FROM picture_vectors AS other "
            "ORDER BY sha256 LIMIT 1)"
        )
    assert any("other vectors" in line for line in gallery.verify())
    encoded = gallery.embedder.pictures_encoded
    done = await _repair(gallery)
    assert (done.left, gallery.verify()) == ((), [])
    assert gallery.embedder.pictures_encoded - encoded in (2, 3), "those that differ, no others"


async def test_running_searches_get_the_repaired_vectors(gallery: Gallery) -> None:
    """A process that holds the index notices the repair by another one."""
    other = Gallery(gallery.pictures.parent)
    before = await other.library.open(None, "web")
    _sql("DELETE FROM picture_vectors")(gallery)
    await _repair(gallery)
    after = await other.library.open(None, "web")
    assert after is not before
    assert after.generation > before.generation, "what is found may have changed"
    assert {each.id for each in after.pictures} == {each.id for each in before.pictures}
    other.close()


@pytest.mark.parametrize("damage", ["flip", "delete"])
async def test_a_file_that_is_nowhere_else_is_told(gallery: Gallery, damage: str) -> None:
    """The file of an upload cannot be made anew: its remedy is told, and the rest is repaired."""
    [shown] = [each for each, aside in gallery.upload_files().items() if not aside]
    file = gallery.files.path("gallery", shown)
    if damage == "flip":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    else:
        file.unlink()
    _spoil(PICTURES)(gallery)
    done = await _repair(gallery)
    assert [each.fault for each in done.mended] == [Fault.INDEX]
    assert [each.fault for each in done.left] == [Fault.UPLOAD_FILE]
    assert "restore it from a backup" in done.left[0].remedy


async def test_a_caption_that_was_damaged_is_told(gallery: Gallery) -> None:
    """The caption of an upload has a hash beside it."""
    _sql("UPDATE uploads SET caption = 'a son'")(gallery)
    done = await _repair(gallery)
    assert {each.fault for each in done.left} == {Fault.UPLOAD_ROW}


async def test_a_folder_that_is_not_there_is_not_repaired(gallery: Gallery) -> None:
    """A repair confirms no removals: where the pictures are gone, they stay indexed."""
    gallery.pictures.rename(gallery.pictures.with_name("unmounted"))
    done = await _repair(gallery)
    assert [each.fault for each in done.left] == [Fault.FOLDER]
    gallery.pictures.mkdir()
    done = await _repair(gallery)
    assert "--confirm-removals" in done.left[0].remedy
    assert {each.fault for each in done.left} == {Fault.FOLDER, Fault.GONE}
    assert len(gallery.snapshot().pictures) == 3


async def test_another_model_is_told(gallery: Gallery) -> None:
    """Vectors are made anew by the model of the collection alone."""
    _sql("DELETE FROM picture_vectors")(gallery)
    other = Gallery(gallery.pictures.parent, model="another")
    done = await _repair(other)
    assert any("another" in each.message and "--full" in each.remedy for each in done.left)
    other.close()


async def test_sqlites_own_indexes_are_built_anew(gallery: Gallery) -> None:
    """An index of SQLite that lacks rows is told by verify, and mended."""
    gallery.close()
    file = gallery.data / "catalogue.sqlite"
    # Rows that are written while the index is hidden from SQLite are not in it.
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        hidden = "name = 'ix_pictures_sha256'"
        [sql] = connection.execute(f"SELECT sql FROM sqlite_master WHERE {hidden}").fetchone()
        [root] = connection.execute(f"SELECT rootpage FROM sqlite_master WHERE {hidden}").fetchone()
        connection.execute(f"DELETE FROM sqlite_master WHERE {hidden}")
    connection.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE pictures SET sha256 = upper(sha256) WHERE path = 'red.png'")
        connection.execute("UPDATE pictures SET sha256 = lower(sha256) WHERE path = 'red.png'")
        connection.execute("DELETE FROM pictures WHERE path = 'blue.png'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master VALUES ('index', 'ix_pictures_sha256', 'pictures', ?, ?)",
            (root, sql),
        )
    connection.close()
    after = Gallery(gallery.pictures.parent)
    with pytest.raises(CatalogueError, match=r"in(dex|) ix_pictures_sha256"):
        after.verify()
    done = await _repair(after)
    assert done.left == ()
    assert Fault.CATALOGUE in {each.fault for each in done.mended}
    assert after.verify() == []
    after.close()
