"""A collection and its folder: another one is another gallery, a moved one costs no encoding."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete

from core.domain.errors import BeingIndexed, EmptyCollection, RemovalsUnconfirmed, SourceError
from core.domain.types import Lane
from core.search.query import SearchQuery
from core.search.service import Search
from index.catalogue.schema import folders
from index.indexing.reindexer import Reindexer
from index.library.library import CollectionSpec, FolderLibrary
from tests.fakes import FakeClock, FakeDecoder, picture_bytes
from tests.galleries import Gallery, until


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Thirty indexed pictures, so many that their loss would be asked about."""
    gallery = Gallery(tmp_path)
    for number in range(30):
        gallery.add(f"{number}.png", "red", number, caption=f"number {number}")
    await gallery.reindex()
    return gallery


class _Leaping(FakeClock):
    """A clock on which everything takes ten seconds."""

    def monotonic(self) -> float:
        self.advance(10)
        return super().monotonic()


def _at(gallery: Gallery, folder: Path) -> tuple[Reindexer, FolderLibrary]:
    """The same collection of another folder, in a process that starts anew."""
    spec = CollectionSpec(gallery.name, folder, gallery.spec.communities)
    parts = {
        "catalogue": gallery.catalogue,
        "store": gallery.store,
        "overlays": gallery.overlays,
    }
    reindexer = Reindexer(
        [spec],
        **parts,
        embedder=gallery.embedder,
        decoder=gallery.decoder,
        clock=_Leaping(),
        in_flight=4,
    )
    return reindexer, FolderLibrary([spec], *parts.values())


async def test_another_folder_is_another_gallery(gallery: Gallery, tmp_path: Path) -> None:
    """Nothing counts as gone, equal pictures cost nothing, and what people added stays."""
    await gallery.post("green", 7, "mine")
    other = tmp_path / "other"
    other.mkdir()
    (other / "barn.png").write_bytes(picture_bytes("blue", 1))
    (other / "0.png").write_bytes(picture_bytes("blue", 2))
    (other / "known.png").write_bytes(picture_bytes("red", 3))
    encoded = gallery.embedder.pictures_encoded
    reindexer, library = _at(gallery, other)
    with pytest.raises(EmptyCollection, match="has another folder now"):
        await library.open(None, "web")  # the first folder's picture 0.png is another one
    report = await reindexer.reindex(gallery.name)
    assert (report.added, report.removed) == (3, 30)
    assert gallery.embedder.pictures_encoded == encoded + 2
    view = await library.open(None, "web")
    assert {picture.caption or picture.path for picture in view.pictures} == {
        "barn", "0.png", "known", "mine",
    }  # fmt: skip
    back, before = _at(gallery, gallery.pictures)
    assert (await back.reindex(gallery.name)).added == 30
    assert gallery.embedder.pictures_encoded == encoded + 2
    assert len((await before.open(None, "web")).pictures) == 31


async def test_a_moved_folder_costs_no_encoding_and_keeps_its_ids(
    gallery: Gallery, tmp_path: Path
) -> None:
    """It is searched at once; what was left out is not there any more after a reindex."""
    ids, encoded = gallery.ids(), gallery.embedder.pictures_encoded
    moved = tmp_path / "moved"
    gallery.pictures.rename(moved)
    (moved / "3.png").unlink()
    reindexer, library = _at(gallery, moved)
    assert len((await library.open(None, "web")).pictures) == 30  # at once
    report = await reindexer.reindex(gallery.name)
    assert (report.added, report.removed, report.unchanged) == (0, 1, 29)
    assert gallery.embedder.pictures_encoded == encoded
    found = {picture.path: picture.id for picture in (await library.open(None, "web")).pictures}
    assert found == {path: key for path, key in ids.items() if path != "3.png"}


async def test_the_same_folder_without_its_pictures_is_asked_about(gallery: Gallery) -> None:
    """Where the settings name no other folder, a mass of pictures that are gone is no order."""
    for number in range(25):
        (gallery.pictures / f"{number}.png").unlink()
    with pytest.raises(RemovalsUnconfirmed) as asked:
        await gallery.reindex()
    assert asked.value.remedy.endswith("tangerine reindex --confirm-removals --collection gallery")


async def test_another_folder_without_pictures_changes_nothing(
    gallery: Gallery, tmp_path: Path
) -> None:
    """A folder that was mistaken for the gallery does not empty the collection."""
    (tmp_path / "empty").mkdir()
    reindexer, _ = _at(gallery, tmp_path / "empty")
    with pytest.raises(SourceError, match="holds no pictures"):
        await reindexer.reindex(gallery.name)
    assert len((await gallery.library.open(None, "web")).pictures) == 30


async def test_a_picture_whose_file_is_gone_is_no_hit(gallery: Gallery) -> None:
    """Others take its place in every kind of question, before any reindex has noticed."""
    search = Search(gallery.library, gallery.embedder, FakeDecoder())
    asked = picture_bytes("red", 29)
    for number in range(28):
        (gallery.pictures / f"{number}.png").unlink()
    left = {"28.png", "29.png"}

    for result in (
        await search.find("something red", community="web"),
        await search.find(SearchQuery("number 3", exclude="blue"), community="web"),
        await search.similar(asked, community="web"),
    ):
        assert {hit.picture.path for hit in result.hits} <= left
        assert result.hits
        assert not result.has_more
    captions = await search.describe(asked, community="web")
    assert {hit.caption for hit in captions.hits} == {"number 28", "number 29"}
    named = await search.captioned("number", community="web")
    assert {hit.picture.path for hit in named} == left


async def test_a_folder_that_is_gone_is_told(gallery: Gallery) -> None:
    """The operator learns which it is, people in a chat only that it is."""
    shutil.rmtree(gallery.pictures)
    with pytest.raises(SourceError) as here:
        await gallery.library.open(None, "local")
    assert str(gallery.pictures) in here.value.message
    with pytest.raises(SourceError) as there:
        await gallery.library.open(None, "web")
    assert "is not there" in there.value.message
    assert str(gallery.pictures) not in str(there.value)


async def test_it_is_searched_while_it_is_indexed_for_the_first_time(tmp_path: Path) -> None:
    """From the first commit on; answers tell how much that was, until it is all."""
    gallery = Gallery(tmp_path)
    for number in range(120):
        gallery.add(f"{number}.png", "red", number, caption=f"number {number}")
    reindexer, library = _at(gallery, gallery.pictures)
    search = Search(library, gallery.embedder, FakeDecoder())
    seen: list[int] = []

    def look(_: object) -> None:
        snapshot = gallery.store.current(gallery.name)
        seen.append(0 if snapshot is None else len(snapshot.pictures))

    report = await reindexer.reindex(gallery.name, on_progress=look)
    assert report.added == 120
    grown = sorted(set(seen))
    assert grown[0] == 0
    assert len(grown) > 2, grown  # nothing, a part, more of it
    assert grown[1] >= 20  # fewer would make any picture a strong match
    assert gallery.verify() == []
    result = await search.find("number 3", community="web")
    assert result.so_far is None


async def test_a_first_index_that_was_cut_off_says_how_far_it_came(tmp_path: Path) -> None:
    """What was committed is searched, told as a part, and the next run does the rest alone."""
    gallery = Gallery(tmp_path)
    for number in range(60):
        gallery.add(f"{number}.png", "red", number)
    reindexer, library = _at(gallery, gallery.pictures)
    search = Search(library, gallery.embedder, FakeDecoder())
    states: list[str] = []

    def stop(_: object) -> None:
        snapshot = gallery.store.current(gallery.name)
        if snapshot is not None and len(snapshot.pictures) >= 20:
            raise KeyError("a kill")

    with pytest.raises(KeyError):
        await reindexer.reindex(gallery.name, on_progress=stop)
    result = await search.find("red", community="web")
    assert result.so_far is not None
    assert result.so_far.total == 60
    assert 20 <= result.so_far.searched < 60
    [state] = await library.status("web")
    assert (state.expected, state.pictures) == (60, result.so_far.searched)

    progress = await reindexer.reindex(
        gallery.name, on_progress=lambda told: states.append(f"{told.done}/{told.total}")
    )
    assert progress.added + progress.unchanged == 60
    assert "60/60" in states  # all of the folder is told, and not only what was left to do
    assert (await search.find("red", community="web")).so_far is None
    assert gallery.embedder.pictures_encoded == 60


async def test_before_the_first_commit_it_is_told_to_ask_again(tmp_path: Path) -> None:
    """Where somebody indexes or is about to, that is no error of anybody's."""
    gallery = Gallery(tmp_path)
    gallery.add("red.png")
    coming = {"gallery"}
    library = FolderLibrary(
        [gallery.spec],
        gallery.catalogue,
        gallery.store,
        gallery.overlays,
        awaited=coming.__contains__,
    )
    with pytest.raises(BeingIndexed, match="has begun"):
        await library.open(None, "web")
    coming.clear()
    with pytest.raises(EmptyCollection, match="Nothing is indexed yet"):
        await library.open(None, "web")
    gallery.embedder.gate.clear()
    indexing = asyncio.create_task(gallery.reindex())
    await until(lambda: gallery.embedder.lanes[Lane.BULK] > 0)
    with pytest.raises(BeingIndexed) as early:
        await library.open(None, "web")
    assert early.value.facts["total"] == 1
    gallery.embedder.gate.set()
    await indexing
    assert len((await library.open(None, "web")).pictures) == 1


async def test_a_catalogue_from_before_knows_no_folder(gallery: Gallery, tmp_path: Path) -> None:
    """Where nothing of what it knows is there, but other pictures are, it is another folder."""
    with gallery.catalogue.database.write() as connection:
        connection.execute(delete(folders))
    assert len((await gallery.library.open(None, "web")).pictures) == 30
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.png").write_bytes(picture_bytes("blue", 1))
    reindexer, library = _at(gallery, other)
    report = await reindexer.reindex(gallery.name)
    assert (report.added, report.removed) == (1, 30)
    assert [each.path for each in (await library.open(None, "web")).pictures] == ["mine.png"]
