"""Verify: every way in which index, catalogue and files can differ has a line of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from index.maintenance.differences import Difference, Fault, in_lines
from index.snapshots.snapshot import PICTURES
from index.vectors.manifest import NAME, read_manifest
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("either_database")


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Three indexed pictures."""
    gallery = Gallery(tmp_path)
    for number, colour in enumerate(("red", "green", "blue")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
    await gallery.reindex()
    return gallery


def _verify(gallery: Gallery) -> list[str]:
    return gallery.verify()


def test_what_agrees_gives_no_line(gallery: Gallery) -> None:
    """Right after a reindex there is nothing to say."""
    assert _verify(gallery) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: (g.pictures / "red.png").unlink(), "red.png is indexed but not in the folder"),
        (lambda g: g.add("new.png", "pink", 9), "new.png is not indexed"),
        (lambda g: g.add("red.png", "black", 9), "red.png has changed"),
        (
            lambda g: g.write("captions.csv", "image,description\nred.png,another\n"),
            "red.png has other captions",
        ),
        (lambda g: shutil.rmtree(g.pictures), "cannot be read"),
    ],
)
def test_files_that_differ_are_named(
    gallery: Gallery, change: Callable[[Gallery], object], words: str
) -> None:
    """Each file that is gone, new, changed or captioned anew, with what to do."""
    change(gallery)
    lines = _verify(gallery)
    assert any(words in line for line in lines), lines
    assert all(line.startswith("gallery: ") for line in lines)


async def test_a_bad_file_that_was_reported_is_no_difference(gallery: Gallery) -> None:
    """What a reindex refused with a reason is known, until it changes."""
    bad = gallery.write("bad.png", b"no picture")
    await gallery.reindex()
    assert _verify(gallery) == []
    bad.write_bytes(b"no picture, again")
    assert any("bad.png is not indexed" in line for line in _verify(gallery))


def test_an_index_that_differs_is_told(gallery: Gallery) -> None:
    """Torn files, a missing manifest, another generation: each is seen."""
    home = gallery.data / "index" / "gallery"
    generation = gallery.snapshot().generation
    file = home / str(generation) / PICTURES
    whole, manifest = file.read_bytes(), (home / NAME).read_bytes()
    file.write_bytes(whole[:-1])
    assert any("damaged" in line for line in _verify(gallery))
    file.write_bytes(whole)
    assert _verify(gallery) == []
    flipped = manifest.replace(b'"pictures": ', b'"pictures": 1', 1)
    (home / NAME).write_bytes(flipped)
    assert any("damaged" in line for line in _verify(gallery))
    (home / NAME).write_bytes(manifest)
    current = read_manifest(home)
    assert current is not None
    replace(current, generation=generation + 1).write(home)
    assert any(f"generation {generation + 1}" in line for line in _verify(gallery))
    (home / NAME).unlink()
    assert any("missing" in line for line in _verify(gallery))


def test_many_differences_of_one_kind_are_one_line() -> None:
    """With the first paths, their number and the remedy once; few stay lines of their own."""
    gone = [
        Difference(
            "default", Fault.GONE, f"{n}.png is indexed but not in the folder", "look", f"{n}.png"
        )
        for n in range(785)
    ]
    new = [Difference("default", Fault.NEW, "a.png is not indexed", "run it", "a.png")]
    assert list(in_lines([*gone, *new])) == [
        "default: 0.png, 1.png, 2.png and 782 more: each is indexed but not in the folder; look",
        "default: a.png is not indexed; run it",
    ]
