"""Who sees what: the one place where it is checked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import CommunityUnknown, EmptyCollection, NotFound, SettingsError
from index.library.library import CollectionSpec, FolderLibrary
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("either_database")


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Two indexed pictures."""
    gallery = Gallery(tmp_path)
    gallery.add("red.png", "red", caption="a red thing")
    gallery.add("sub/blue.png", "blue")
    await gallery.reindex()
    return gallery


def _library(gallery: Gallery, /, **communities: str) -> FolderLibrary:
    """The collection ``gallery`` and empty ones beside it, each with its communities."""
    specs = [
        CollectionSpec(name, gallery.pictures, frozenset(names.split()))
        for name, names in communities.items()
    ]
    return FolderLibrary(
        specs, gallery.catalogue, gallery.store, gallery.overlays, default="gallery"
    )


def test_the_default_comes_first(gallery: Gallery) -> None:
    """The default collection leads wherever it is seen; the others keep their order."""
    library = _library(gallery, b="*", a="web", gallery="web discord:1", c="telegram:2")
    assert library.visible("web") == ("gallery", "b", "a")
    assert library.visible("discord:1") == ("gallery", "b")
    assert library.visible("discord:2") == ("b",)
    assert library.visible("telegram:2") == ("b", "c")
    assert library.visible("local") == ("gallery", "b", "a", "c")


async def test_no_name_is_the_communitys_default(gallery: Gallery) -> None:
    """Without a name, a community gets the first collection that it may see."""
    library = _library(gallery, other="discord:1", gallery="web discord:1")
    assert (await library.open(None, "web")).collection == "gallery"
    assert (await library.open("gallery", "discord:1")).collection == "gallery"


async def test_missing_and_forbidden_say_the_same(gallery: Gallery) -> None:
    """Nobody learns from an answer that a collection or a picture exists."""
    library = _library(gallery, gallery="web", open="discord:1")
    with pytest.raises(NotFound) as forbidden:
        await library.open("gallery", "discord:1")
    with pytest.raises(NotFound) as missing:
        await library.open("nowhere", "discord:1")
    assert str(forbidden.value) == str(missing.value)
    picture = gallery.ids()["red.png"]
    with pytest.raises(NotFound) as forbidden:
        await library.picture_file(picture, "discord:1")
    with pytest.raises(NotFound) as missing:
        await library.picture_file("00000000", "discord:1")
    assert str(forbidden.value) == str(missing.value)
    assert "gallery" not in str(forbidden.value)


async def test_a_community_without_collections(gallery: Gallery) -> None:
    """Where nothing is open, the words say whom to ask."""
    library = _library(gallery, gallery="web")
    with pytest.raises(CommunityUnknown, match="tangerine allow discord:9"):
        await library.open(None, "discord:9")
    assert await library.status("discord:9") == []


async def test_nothing_indexed_says_what_to_run(gallery: Gallery) -> None:
    """A collection that was never indexed is empty, with the command that fills it."""
    library = _library(gallery, fresh="web")
    with pytest.raises(EmptyCollection, match="tangerine reindex --collection fresh"):
        await library.open("fresh", "web")


async def test_a_picture_and_its_file(gallery: Gallery) -> None:
    """A visible picture comes with the file that holds it."""
    picture, file = await gallery.library.picture_file(gallery.ids()["sub/blue.png"], "web")
    assert picture.path == "sub/blue.png"
    assert file == (gallery.pictures / "sub" / "blue.png").resolve()


@pytest.mark.parametrize("kind", ["removed", "link", "folder link", "folder", "unmounted"])
async def test_a_file_that_left_is_not_found(gallery: Gallery, tmp_path: Path, kind: str) -> None:
    """What is gone, or was replaced by a link that leads out, is not served."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "blue.png").write_bytes(b"secret")
    file = gallery.pictures / "sub" / "blue.png"
    picture = gallery.ids()["sub/blue.png"]
    if kind == "unmounted":
        gallery.pictures.rename(tmp_path / "elsewhere")
    elif kind == "folder link":
        shutil.rmtree(file.parent)
        file.parent.symlink_to(secret)
    else:
        file.unlink()
        if kind == "link":
            file.symlink_to(secret / "blue.png")
        elif kind == "folder":
            file.mkdir()
    with pytest.raises(NotFound):
        await gallery.library.picture_file(picture, "web")


async def test_a_removed_picture_is_gone_at_once(gallery: Gallery) -> None:
    """After a reindex the id of a removed picture leads nowhere."""
    picture = gallery.ids()["red.png"]
    (gallery.pictures / "red.png").unlink()
    await gallery.reindex()
    with pytest.raises(NotFound):
        await gallery.library.picture_file(picture, "web")


async def test_status_tells_what_there_is(gallery: Gallery) -> None:
    """Counts, engine and generation of every visible collection; of no other."""
    library = _library(gallery, gallery="web", fresh="web", hidden="discord:1")
    first, second = await library.status("web")
    assert (first.name, first.pictures, first.captions, first.index, first.generation) == (
        "gallery",
        2,
        2,
        "exact",
        1,
    )
    assert (second.name, second.pictures, second.index, second.generation) == (
        "fresh",
        0,
        "none",
        0,
    )
    (gallery.index / "manifest.json").write_bytes(b"damaged")
    first, _ = await library.status("web")
    assert "rebuilt" in first.index


@pytest.mark.parametrize("name", ["", "..", ".x", "a/b", "a b", "a\\b", "ä", "x" * 65, "a\n"])
def test_a_name_is_a_folders_name(name: str) -> None:
    """A collection cannot be named so that its index would lie elsewhere."""
    with pytest.raises(SettingsError, match="cannot be the name"):
        CollectionSpec(name, Path(), frozenset())


_communities = st.sampled_from(["web", "discord:1", "discord:2", "telegram:1", "*", "local"])


@given(
    allowed=st.lists(st.frozensets(_communities, max_size=3), max_size=5),
    community=_communities,
    default=st.integers(0, 5),
)
def test_nobody_sees_more_than_allowed(
    allowed: list[frozenset[str]], community: str, default: int
) -> None:
    """A collection is visible exactly where it is allowed, to all, or at the command line."""
    specs = [CollectionSpec(f"c{n}", Path(), names) for n, names in enumerate(allowed)]
    library = FolderLibrary(specs, None, None, None, default=f"c{default}")
    visible = library.visible(community)
    assert set(visible) == {
        f"c{n}"
        for n, names in enumerate(allowed)
        if community in names or "*" in names or community == "local"
    }
    assert len(visible) == len(set(visible))
    if f"c{default}" in visible:
        assert visible[0] == f"c{default}"
