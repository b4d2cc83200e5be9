"""Placeholders and dates of pictures: kept with what is indexed, gone with what is removed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from core.domain.types import Picture
from index.catalogue.schema import looks
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("either_database")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """A folder with three pictures, written in 2020, 2022 and 2021."""
    gallery = Gallery(tmp_path)
    for name, colour, year in (("a", "red", 2020), ("b", "green", 2022), ("c", "blue", 2021)):
        written(gallery.add(f"{name}.png", colour), year)
    return gallery


def written(file: Path, year: int) -> None:
    """Let a file be from the first second of a year, or some hours more."""
    seconds = seconds_of(year)
    os.utime(file, (seconds, seconds))


def seconds_of(year: int) -> float:
    """Some time in its first day."""
    return (year - 1970) * 365.25 * 86_400


def kept(gallery: Gallery) -> set[str]:
    """The contents of which the catalogue keeps a look."""
    with gallery.overlays.read() as connection:
        return set(connection.execute(select(looks.c.sha256)).scalars())


def forget_looks(gallery: Gallery) -> None:
    """Leave a catalogue as a version without looks has written it."""
    with gallery.overlays.change() as change:
        change.connection.execute(delete(looks))


def by_date(gallery: Gallery) -> list[str]:
    """The paths of all pictures, the newest first."""
    paths = {key: path for path, key in gallery.ids().items()}
    ids = [key.decode() for key in gallery.looks.by_date(gallery.name).ids]
    return [paths.get(key, "uploaded") for key in ids]


async def view(gallery: Gallery) -> list[Picture]:
    """What the web sees."""
    return list((await gallery.library.open(None, "web")).pictures)


async def test_a_reindex_keeps_how_pictures_look(gallery: Gallery) -> None:
    """A placeholder, and the time of the file where no camera has noted one."""
    await gallery.reindex()
    for picture, look in zip(
        await view(gallery), gallery.looks.of(await view(gallery)), strict=True
    ):
        assert look.placeholder.startswith(b"RIFF")
        file = gallery.pictures / picture.path
        assert look.date == pytest.approx(file.stat().st_mtime)
    assert by_date(gallery) == ["b.png", "c.png", "a.png"]


async def test_a_date_belongs_to_the_content(gallery: Gallery) -> None:
    """A file that is renamed or written once more as it was is as old as before."""
    await gallery.reindex()
    moved = (gallery.pictures / "a.png").rename(gallery.pictures / "z.png")
    written(moved, 2025)
    (gallery.pictures / "c.png").touch()
    await gallery.reindex()
    assert by_date(gallery) == ["b.png", "c.png", "z.png"]


async def test_uploads_are_as_old_as_they_are_here(gallery: Gallery) -> None:
    """And come among the others; what another community added is in no one else's snapshot."""
    await gallery.reindex()
    gallery.now = seconds_of(2021) + 86_400
    upload = await gallery.post("yellow")
    (look,) = gallery.looks.of([upload])
    assert (look.placeholder[:4], look.date) == (b"RIFF", gallery.now)
    assert by_date(gallery) == ["b.png", "uploaded", "c.png", "a.png"]


async def test_what_is_gone_leaves_no_look(gallery: Gallery) -> None:
    """A placeholder is a small picture: it is deleted with the large one."""
    await gallery.reindex()
    upload = await gallery.post("yellow", uploader="web:9")
    assert upload.sha256 in kept(gallery)
    await gallery.contributions.forget("web:9")
    assert upload.sha256 not in kept(gallery)
    (gallery.pictures / "a.png").unlink()
    await gallery.reindex()
    assert kept(gallery) == {picture.sha256 for picture in await view(gallery)}


async def test_missing_looks_are_made_without_encoding(gallery: Gallery) -> None:
    """Of what an older version has indexed, and of imports; until then the file's time counts."""
    await gallery.reindex()
    upload = await gallery.post("yellow")
    encoded = gallery.embedder.pictures_encoded
    before = dict(zip(gallery.ids(), gallery.looks.of(await view(gallery)), strict=False))
    forget_looks(gallery)
    assert all(look.placeholder == b"" for look in gallery.looks.of(await view(gallery)))
    assert by_date(gallery) == ["uploaded", "b.png", "c.png", "a.png"]
    revision = gallery.looks.revision
    assert await gallery.looks.fill() == 4
    assert gallery.looks.revision == revision + 1
    after = dict(zip(gallery.ids(), gallery.looks.of(await view(gallery)), strict=False))
    assert after == before
    assert gallery.looks.of([upload])[0].date == gallery.now
    assert gallery.embedder.pictures_encoded == encoded
    assert await gallery.looks.fill() == 0, "nothing is left to do"
    assert gallery.looks.revision == revision + 1


async def test_a_file_that_cannot_be_read_is_tried_again(gallery: Gallery) -> None:
    """As on a disk that is away; one that is no picture any more is not."""
    await gallery.reindex()
    forget_looks(gallery)
    away = (gallery.pictures / "a.png").rename(gallery.data / "away.png")
    gallery.write("b.png", "no picture at all")
    assert await gallery.looks.fill() == 2
    decoded = len(gallery.decoder.decoded)
    assert await gallery.looks.fill() == 0
    assert len(gallery.decoder.decoded) == decoded
    away.rename(gallery.pictures / "a.png")
    assert await gallery.looks.fill() == 1


async def test_equal_pictures_are_looked_at_once(gallery: Gallery) -> None:
    """Looks belong to contents, and many pictures are made in several transactions."""
    for number in range(70):
        gallery.add(f"many/{number}.png", "pink", seed=number % 35)
    await gallery.reindex()
    forget_looks(gallery)
    decoded = len(gallery.decoder.decoded)
    assert await gallery.looks.fill() == 38
    assert len(gallery.decoder.decoded) - decoded == 38
    assert len(kept(gallery)) == 38


async def test_looks_are_made_beside_a_reindex(gallery: Gallery) -> None:
    """Neither waits for the other for good, and all are there in the end."""
    await gallery.reindex()
    forget_looks(gallery)
    for number in range(20):
        gallery.add(f"more/{number}.png", "pink", seed=number)
    await asyncio.gather(gallery.looks.fill(), gallery.reindex())
    await gallery.looks.fill()
    assert kept(gallery) == {picture.sha256 for picture in await view(gallery)}
