"""A reindex of named paths: what a whole one would have done about them, and nothing else."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.domain.errors import RemovalsUnconfirmed, SourceError
from index.catalogue.file_types import NameRules
from index.catalogue.schema import picture_vectors
from tests.fakes import picture_bytes
from tests.galleries import Gallery

_SETTLED = (1, 1)


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Three pictures, one of them in a folder, indexed; whole."""
    gallery = Gallery(tmp_path, names=NameRules(("#recycle",)))
    gallery.add("red.png", "red", 1)
    gallery.add("sub/blue.png", "blue", 2, caption="the sea")
    gallery.add("green.png", "green", 3)
    await gallery.reindex()
    return gallery


async def _nothing_is_left(gallery: Gallery) -> None:
    """A whole reindex finds nothing to do, and the index says what the catalogue does."""
    ids, shown = gallery.ids(), gallery.shown()
    failed = gallery.catalogue.failures(gallery.name)
    report = await gallery.reindex()
    assert (report.added, report.changed, report.removed) == (0, 0, 0)
    assert (gallery.ids(), gallery.shown()) == (ids, shown)
    assert gallery.catalogue.failures(gallery.name) == failed
    assert gallery.verify() == []


async def _is_alone(gallery: Gallery, *paths: str) -> bool:
    """Whether a reindex of these paths looks at nothing else: not at a picture beside them."""
    beside = gallery.add("beside.png", "pink", 99)
    await gallery.reindex(paths=paths)
    seen = "beside.png" in gallery.shown()
    beside.unlink()
    await gallery.reindex()
    return not seen


async def test_a_new_picture_is_looked_at_alone(gallery: Gallery) -> None:
    """Its captions come from the text beside it; what was not named is not looked at."""
    gallery.add("new/pink.png", "pink", 4, caption="a flamingo")
    assert await _is_alone(gallery, "new/pink.png", "new/pink.txt")
    assert gallery.shown()["new/pink.png"] == "a flamingo"
    await _nothing_is_left(gallery)


async def test_an_edit_a_caption_and_a_removal(gallery: Gallery) -> None:
    """Ids stay with their pictures, and the report counts the others as unchanged."""
    before = gallery.ids()
    gallery.add("red.png", "white", 5)
    gallery.write("sub/blue.txt", "the sky")
    (gallery.pictures / "green.png").unlink()
    report = await gallery.reindex(paths=["red.png", "sub/blue.txt", "green.png"])
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 2, 1, 0)
    assert gallery.shown() == {"red.png": "red", "sub/blue.png": "the sky"}
    assert gallery.ids()["red.png"] == before["red.png"]
    await _nothing_is_left(gallery)


async def test_a_caption_that_is_gone(gallery: Gallery) -> None:
    """The name of the picture speaks again."""
    (gallery.pictures / "sub/blue.txt").unlink()
    await gallery.reindex(paths=["sub/blue.txt"])
    assert gallery.shown()["sub/blue.png"] == "blue"
    await _nothing_is_left(gallery)


@pytest.mark.parametrize("moved", ["sub", "sub/blue.png"])
async def test_what_moved_keeps_its_id_and_is_not_encoded(gallery: Gallery, moved: str) -> None:
    """A file, and a folder of which the system tells no more than its name."""
    before, target = gallery.ids()["sub/blue.png"], "other" + moved.removeprefix("sub")
    (gallery.pictures / target).parent.mkdir(exist_ok=True)
    (gallery.pictures / moved).rename(gallery.pictures / target)
    await gallery.reindex(paths=[moved, target])
    assert gallery.ids()["other/blue.png"] == before
    assert gallery.embedder.pictures_encoded == 3
    await _nothing_is_left(gallery)


async def test_a_copy_is_not_encoded(gallery: Gallery) -> None:
    """Its bytes have a vector, though the picture that they are known from was not named."""
    shutil.copy(gallery.pictures / "red.png", gallery.pictures / "copy.png")
    assert await _is_alone(gallery, "copy.png")
    assert gallery.embedder.pictures_encoded == 3
    await _nothing_is_left(gallery)


async def test_a_folder_that_is_gone(gallery: Gallery) -> None:
    """Whatever was known below it goes, and its vectors with it."""
    shutil.rmtree(gallery.pictures / "sub")
    await gallery.reindex(paths=["sub"])
    assert set(gallery.shown()) == {"red.png", "green.png"}
    with gallery.overlays.read() as connection:
        kept = connection.execute(select(func.count()).select_from(picture_vectors)).scalar()
    assert kept == 2
    await _nothing_is_left(gallery)


async def test_failures_of_others_stay(gallery: Gallery) -> None:
    """A bad picture is told until it is named again and is good, or gone."""
    gallery.write("bad.png", b"no picture")
    gallery.write("worse.png", b"none either")
    await gallery.reindex(paths=["bad.png"])
    report = await gallery.reindex(paths=["worse.png"])
    assert [failure.path for failure in report.failed] == ["bad.png", "worse.png"]
    gallery.add("bad.png", "pink", 6)
    await gallery.reindex(paths=["bad.png"])
    assert [each.path for each in gallery.catalogue.failures("gallery")] == ["worse.png"]
    (gallery.pictures / "worse.png").unlink()
    await gallery.reindex(paths=["worse.png"])
    assert gallery.catalogue.failures("gallery") == ()
    await _nothing_is_left(gallery)


def _table(gallery: Gallery) -> str:
    gallery.write("captions.csv", "image,description\nred.png,a tomato\n")
    return "captions.csv"


def _link(gallery: Gallery) -> str:
    (gallery.pictures / "linked.png").symlink_to(gallery.pictures / "red.png")
    return "linked.png"


def _folder_with_link(gallery: Gallery) -> str:
    (gallery.pictures / "linked").symlink_to(gallery.pictures / "sub")
    return "linked/blue.png"


def _folder_with_table(gallery: Gallery) -> str:
    gallery.write("tables/captions.csv", "image,description\n../red.png,a tomato\n")
    return "tables"


@pytest.mark.parametrize("make", [_table, _link, _folder_with_link, _folder_with_table])
async def test_what_concerns_others_is_looked_for_everywhere(
    gallery: Gallery, make: Callable[[Gallery], str]
) -> None:
    """A table speaks of any picture, a link gives one file two paths: then, all is scanned."""
    assert not await _is_alone(gallery, make(gallery))
    await _nothing_is_left(gallery)


async def test_names_that_become_a_programs_are_looked_at_together(gallery: Gallery) -> None:
    """The fifth of them takes the captions of the first four, and gives them back."""
    names = [f"Zorblax 100000000{number}.png" for number in range(5)]
    for number, name in enumerate(names[:4]):
        gallery.add(name, "white", 10 + number)
        await gallery.reindex(paths=[name])
    assert gallery.shown()[names[0]] == "Zorblax"
    gallery.add(names[4], "white", 20)
    await gallery.reindex(paths=[names[4]])
    assert {gallery.shown()[name] for name in names} == {""}
    (gallery.pictures / names[1]).unlink()
    await gallery.reindex(paths=[names[1]])
    assert gallery.shown()[names[0]] == "Zorblax"
    await _nothing_is_left(gallery)


async def test_a_text_of_another_case_is_looked_for_everywhere(gallery: Gallery) -> None:
    """It speaks of a picture that was not named, until one takes it by its exact name."""
    gallery.write("RED.txt", "a tomato")
    await gallery.reindex(paths=["RED.txt"])
    assert gallery.shown()["red.png"] == "a tomato"
    gallery.add("RED.png", "white", 9)
    await gallery.reindex(paths=["RED.png"])
    assert (gallery.shown()["red.png"], gallery.shown()["RED.png"]) == ("red", "a tomato")
    await _nothing_is_left(gallery)


async def test_where_tables_or_links_are_known_everything_is_looked_at(gallery: Gallery) -> None:
    """A new picture may be one that a table named in vain before."""
    gallery.write("captions.csv", "image,description\nnew.png,a flamingo\n")
    await gallery.reindex()
    gallery.add("new.png", "pink", 4)
    assert not await _is_alone(gallery, "new.png")
    assert gallery.shown()["new.png"] == "a flamingo"


async def test_the_first_look_is_at_everything(gallery: Gallery) -> None:
    """Whoever begins knows nothing of what changed before."""
    fresh = Gallery(gallery.pictures.parent)
    assert not await _is_alone(fresh, "red.png")
    assert await _is_alone(fresh, "red.png")


async def test_after_a_failure_everything_is_looked_at(gallery: Gallery) -> None:
    """What the failed run was told is nobody's any more."""
    away = gallery.pictures.with_name("away")
    gallery.pictures.rename(away)
    with pytest.raises(SourceError):
        await gallery.reindex(paths=["red.png"])
    away.rename(gallery.pictures)
    assert set(gallery.shown()) == {"red.png", "sub/blue.png", "green.png"}
    assert not await _is_alone(gallery, "red.png")


async def test_another_folder_in_its_place_is_looked_at_as_a_whole(gallery: Gallery) -> None:
    """As when something is mounted there: a picture that was named is not simply gone."""
    gallery.pictures.rename(gallery.pictures.with_name("away"))
    gallery.pictures.mkdir()
    with pytest.raises(RemovalsUnconfirmed):
        await gallery.reindex(paths=["red.png"])
    assert set(gallery.shown()) == {"red.png", "sub/blue.png", "green.png"}


async def test_what_would_empty_the_collection_is_never_done_unasked(gallery: Gallery) -> None:
    """However few there are, and though each of them was named."""
    names = [*gallery.shown()]
    for name in names:
        (gallery.pictures / name).unlink()
    with pytest.raises(RemovalsUnconfirmed):
        await gallery.reindex(paths=names)
    assert {*gallery.shown()} == {*names}


@pytest.mark.parametrize("left", [0, 10])
async def test_too_many_that_are_gone_have_to_be_confirmed(gallery: Gallery, left: int) -> None:
    """By the number of all pictures, not of those that were named."""
    for number in range(40):
        gallery.add(f"{number}.png", "white", 10 + number)
    await gallery.reindex()
    names = [*gallery.shown()][left:]
    for name in names:
        (gallery.pictures / name).unlink()
    with pytest.raises(RemovalsUnconfirmed):
        await gallery.reindex(paths=names)
    assert len(gallery.shown()) == 43
    await gallery.reindex(paths=names, confirm_removals=True)
    assert len(gallery.shown()) == left


_NAMES = (
    *("a.png", "b.png", "f/a.png", "f/c.png", "f/g/b.png", "a.txt", "f/c.png.txt", "f/g"),
    *("A.png", "A.TXT", "F/C.png.txt", "Zorblax 1000000009.png"),
)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "move", "copy"]),
        st.sampled_from(_NAMES),
        st.sampled_from(_NAMES),
    ),
    max_size=6,
)


def _do(gallery: Gallery, step: tuple[str, str, str], seed: int) -> set[str]:
    """One change of the folder; the paths that a watch would name."""
    what, first, second = step
    one, other = gallery.pictures / first, gallery.pictures / second
    if what == "add":
        if one.is_dir() or any(above.is_file() for above in one.parents):
            return set()
        text = first.endswith(".txt")
        data = f"caption {seed}" if text else picture_bytes("red", seed % 5)
        if first == "f/g":
            data = b"a file where a folder was"
        gallery.write(first, data)
    elif what == "remove":
        with suppress(NotADirectoryError):  # a file may lie above it
            shutil.rmtree(one) if one.is_dir() else one.unlink(missing_ok=True)
    elif one.exists() and not other.exists() and one not in other.parents:
        if any(above.is_file() for above in other.parents):
            return set()
        other.parent.mkdir(parents=True, exist_ok=True)
        if what == "move":
            one.rename(other)
        elif one.is_file():
            shutil.copy(one, other)
    # New folders above are named, too, as the system does.
    above = {str(Path(name).parent) for name in (first, second)} - {"."}
    return {first, second, *above}


@given(steps=st.lists(_STEPS, min_size=1, max_size=4))
@settings(max_examples=15, deadline=None)
@pytest.mark.slow
def test_whatever_happens_a_whole_reindex_finds_nothing_left(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[str, str, str]]]
) -> None:
    """Whatever is added, edited, moved and removed, in files and folders of the same names."""

    async def run() -> None:
        gallery = Gallery(tmp_path_factory.mktemp("gallery"))
        for number in range(3):
            gallery.add(f"kept{number}.png", "blue", 50 + number)
        for number in range(4):
            gallery.add(f"Zorblax 100000000{number}.png", "green", 60 + number)
        await gallery.reindex()
        seed = 0
        for together in steps:
            named: set[str] = set()
            for step in together:
                seed += 1
                named |= _do(gallery, step, seed)
            for path in gallery.pictures.rglob("*"):
                os.utime(path, _SETTLED)
            await gallery.reindex(paths=named)
        await _nothing_is_left(gallery)
        gallery.close()

    asyncio.run(run())


async def test_named_paths_follow_the_rules_of_a_whole_look(gallery: Gallery) -> None:
    """Content decides where a name says nothing, excluded names are passed by, by both alike."""
    gallery.write("scan", picture_bytes("pink", 4))
    gallery.write("scan.txt", "a flamingo")
    gallery.write("notes", "no picture")
    gallery.write("film.avi", picture_bytes("pink", 5))
    gallery.add("#Recycle/old.png", "pink", 6)
    gallery.write("new/holiday", picture_bytes("pink", 7))
    named = ("scan", "scan.txt", "notes", "film.avi", "#Recycle", "#Recycle/old.png", "new")
    assert await _is_alone(gallery, *named)
    assert gallery.shown().keys() >= {"scan", "new/holiday"}
    assert gallery.shown()["scan"] == "a flamingo"
    assert gallery.shown().keys().isdisjoint({"notes", "film.avi", "#Recycle/old.png"})
    await _nothing_is_left(gallery)
    gallery.write("scan", "no picture any more")
    await gallery.reindex(paths=["scan"])
    assert "scan" not in gallery.shown()
    await _nothing_is_left(gallery)
