"""Pictures that are gone: a mount that vanished must not look like pictures that were deleted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.domain.errors import RemovalsUnconfirmed, SettingsError, SourceError
from index.catalogue.file_types import NameRules
from index.indexing.plan import LEAST, RemovalGuard
from tests.fakes import picture_bytes
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("either_database")


async def _indexed(home: Path, count: int, in_flight: int = 64) -> Gallery:
    gallery = Gallery(home, in_flight=in_flight)
    for number in range(count):
        gallery.add(f"{number:02}.png", "red", number)
    await gallery.reindex()
    return gallery


def _remove(gallery: Gallery, count: int) -> None:
    for file in sorted(gallery.pictures.glob("*.png"))[:count]:
        file.unlink()


async def test_most_pictures_gone_needs_a_confirmation(tmp_path: Path) -> None:
    """More than the share: nothing is removed or added, also by a full reindex, until confirmed."""
    gallery = await _indexed(tmp_path, 40)
    before, encoded = gallery.shown(), gallery.embedder.pictures_encoded
    _remove(gallery, 21)
    gallery.add("new.png", "blue", 100)
    for full in (False, True):
        with pytest.raises(RemovalsUnconfirmed, match="of the 40 pictures") as refused:
            await gallery.reindex(full=full)
        assert "--confirm-removals --collection gallery" in refused.value.remedy
        assert isinstance(refused.value, SourceError)
    assert gallery.shown() == before
    assert gallery.verify() != []
    report = await gallery.reindex(confirm_removals=True)
    assert (report.added, report.removed, report.unchanged) == (1, 21, 19)
    assert len(gallery.shown()) == 20
    assert gallery.embedder.pictures_encoded > encoded


@pytest.mark.parametrize(("count", "removed"), [(40, 20), (30, LEAST - 1), (45, 22)])
async def test_fewer_may_go_without_asking(tmp_path: Path, count: int, removed: int) -> None:
    """Half of them, or fewer than twenty whatever share that is, are simply removed."""
    gallery = await _indexed(tmp_path, count)
    _remove(gallery, removed)
    assert (await gallery.reindex()).removed == removed


async def test_a_refusal_costs_no_encoding(tmp_path: Path) -> None:
    """Where the names alone tell it, nothing is decoded and no run is begun."""
    gallery = await _indexed(tmp_path, 30)
    _remove(gallery, 25)
    decoded = len(gallery.decoder.decoded)
    gallery.add("new.png", "blue", 100)
    with pytest.raises(RemovalsUnconfirmed, match="24 of the 30"):
        await gallery.reindex()
    assert len(gallery.decoder.decoded) == decoded
    assert gallery.catalogue.unfinished_run("gallery") is None


async def test_other_pictures_in_their_place_are_noticed(tmp_path: Path) -> None:
    """Another folder at the mount point: known by its contents; its vectors are kept."""
    gallery = await _indexed(tmp_path, 30)
    before = gallery.shown()
    _remove(gallery, 30)
    for number in range(30):
        gallery.add(f"other {number}.png", "green", 200 + number)
    with pytest.raises(RemovalsUnconfirmed, match="30 of the 30"):
        await gallery.reindex()
    assert gallery.shown() == before
    encoded = gallery.embedder.pictures_encoded
    report = await gallery.reindex(confirm_removals=True)
    assert (report.added, report.removed) == (30, 30)
    assert gallery.embedder.pictures_encoded == encoded == 60, "nothing is encoded twice"


async def test_renames_are_no_removals(tmp_path: Path) -> None:
    """All pictures in another folder, under other names: nothing is asked, ids stay."""
    gallery = await _indexed(tmp_path, 30)
    ids = set(gallery.ids().values())
    moved = gallery.pictures / "moved"
    moved.mkdir()
    for file in sorted(gallery.pictures.glob("*.png")):
        file.rename(moved / f"n{file.name}")
    report = await gallery.reindex()
    assert (report.changed, report.removed) == (30, 0)
    assert set(gallery.ids().values()) == ids


async def test_a_mount_that_vanishes_during_the_run(tmp_path: Path) -> None:
    """Files that are gone when their turn comes are not taken for removed ones."""
    gallery = await _indexed(tmp_path, 30, in_flight=1)
    before = gallery.shown()
    for file in gallery.pictures.glob("*.png"):
        os.utime(file, (1, 1))  # each of them has to be read again
    read = gallery.decoder.decode

    async def read_and_vanish(source: Path, spec: object, **how: object) -> object:
        shutil.rmtree(gallery.pictures, ignore_errors=True)
        return await read(source, spec, **how)

    gallery.decoder.decode = read_and_vanish
    gallery.add("00.png", "blue", 300)
    with pytest.raises(RemovalsUnconfirmed, match="of the 30"):
        await gallery.reindex()
    assert gallery.shown() == before


async def test_an_empty_folder_can_be_confirmed(tmp_path: Path) -> None:
    """All gone is asked for however few they are; confirmed, the collection is empty."""
    gallery = await _indexed(tmp_path, 3)
    _remove(gallery, 3)
    with pytest.raises(RemovalsUnconfirmed, match="no pictures, though 3"):
        await gallery.reindex()
    assert (await gallery.reindex(confirm_removals=True)).removed == 3
    assert (await gallery.reindex()).removed == 0


@pytest.mark.parametrize("folder", ["", "sub/"])
async def test_another_case_keeps_id_and_vector(tmp_path: Path, folder: str) -> None:
    """A rename that changes the case alone, of a file or a folder, is the same picture."""
    gallery = Gallery(tmp_path)
    gallery.add("sub/Berry.png", "red", caption="a berry")
    gallery.add("apple.png", "green")
    await gallery.reindex()
    before, encoded = gallery.ids()["sub/Berry.png"], gallery.embedder.pictures_encoded
    old = gallery.pictures / "sub"
    if folder:
        old.rename(gallery.pictures / "SUB")
        new = "SUB/Berry.png"
    else:
        for suffix in ("png", "txt"):
            (old / f"Berry.{suffix}").rename(old / f"bERRY.{suffix}")
        new = "sub/bERRY.png"
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed) == (0, 1, 0)
    assert gallery.ids()[new] == before
    assert gallery.shown()[new] == "a berry"
    assert gallery.embedder.pictures_encoded == encoded


def test_a_share_is_one() -> None:
    """A share below 0 or above 1 is refused; 1 never asks, 0 asks for any twenty."""
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(SettingsError):
            RemovalGuard(wrong)
    RemovalGuard(1.0).check(Path("x"), "c", removed=99, known=100)
    with pytest.raises(RemovalsUnconfirmed):
        RemovalGuard(0.0).check(Path("x"), "c", removed=LEAST, known=10_000)


async def test_a_folder_that_may_only_be_read_is_indexed(tmp_path: Path) -> None:
    """The folder of pictures is never written: not a byte of it changes, nor its times."""
    gallery = await _indexed(tmp_path, 3)
    entries = [gallery.pictures, *sorted(gallery.pictures.iterdir())]
    before = [entry.stat().st_mtime_ns for entry in entries]
    gallery.pictures.chmod(0o555)
    try:
        assert (await gallery.reindex(full=True)).unchanged == 3
        assert gallery.verify() == []
    finally:
        gallery.pictures.chmod(0o755)
    assert [entry.stat().st_mtime_ns for entry in entries] == before
    assert sorted(gallery.pictures.iterdir()) == entries[1:]
    assert (gallery.pictures / "00.png").read_bytes() == picture_bytes("red", 0)


async def test_what_the_settings_leave_out_now_goes_without_asking(tmp_path: Path) -> None:
    """An operator who excludes a folder means it; the other pictures count as before."""
    gallery = await _indexed(tmp_path, 10)
    for number in range(30):
        gallery.add(f"#recycle/{number}.png", "green", 100 + number)
    await gallery.reindex()
    gallery = Gallery(tmp_path, names=NameRules(("#recycle",)))
    report = await gallery.reindex()
    assert (report.removed, report.unchanged) == (30, 10)
    assert report.left_out.excluded == ("#recycle",)
