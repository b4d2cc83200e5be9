"""Whom a change concerns: those who share a collection, or the one community that made it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.errors import CollectionFull, DuplicatePicture, ExpiredButton, NotFound
from core.search.service import Search
from index.library.kept_views import KeptViews
from index.library.library import CollectionSpec
from index.snapshots.overlay import Viewpoint
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("database")

FOLDER = {"red.png", "blue.png"}
SHARING = ("web", "discord:1", "discord:2")
STRANGERS = ("discord:8", "telegram:9")


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """A collection that three communities share and that is open to everybody else."""
    return await _indexed(tmp_path)


async def _indexed(home: Path, kept: KeptViews = KeptViews()) -> Gallery:  # noqa: B008 - frozen
    gallery = Gallery(home, communities="discord:1 discord:2 *", max_uploads=3, kept=kept)
    gallery.add("red.png", "red", caption="a red thing")
    gallery.add("blue.png", "blue", 1)
    await gallery.reindex()
    return gallery


async def _remove(gallery: Gallery, picture_id: str, community: str) -> None:
    await gallery.contributions.remove(picture_id, community=community, remover="discord:17")


@pytest.mark.parametrize(
    ("community", "expected"),
    [
        ("discord:1", Viewpoint("discord:1", shares=True)),
        ("web", Viewpoint("web", shares=True)),
        ("local", Viewpoint("local", shares=True, everything=True)),
        ("discord:8", Viewpoint("discord:8", shares=False)),
        ("*", Viewpoint("*", shares=False)),
    ],
)
def test_named_communities_share(community: str, expected: Viewpoint) -> None:
    """Named in the settings, or the operator's own: all others act for themselves alone."""
    spec = CollectionSpec("c", Path(), frozenset({"discord:1", "*"}))
    assert replace(spec.viewpoint(community), moderators=()) == expected


@pytest.mark.parametrize("community", SHARING)
async def test_those_who_share_see_it_all(gallery: Gallery, community: str) -> None:
    """What one of them adds or removes, all have or miss, and strangers as well."""
    await gallery.post("green", 7, "a leaf", community=community)
    await _remove(gallery, gallery.ids()["red.png"], community)
    for each in (*SHARING, *STRANGERS, "local"):
        assert await gallery.seen(each) == {"blue.png", "a leaf"}


async def test_a_stranger_acts_for_itself(gallery: Gallery) -> None:
    """Nobody else sees what it adds, or misses what it removes; the operator sees it."""
    shared = await gallery.post("pink", 6, "a rose", community="discord:1")
    await gallery.post("green", 7, "a leaf", community="discord:8")
    await _remove(gallery, gallery.ids()["red.png"], "discord:8")
    await _remove(gallery, shared.id, "discord:8")
    assert await gallery.seen("discord:8") == {"blue.png", "a leaf"}
    for other in (*SHARING, "telegram:9"):
        assert await gallery.seen(other) == {*FOLDER, "a rose"}
    assert await gallery.seen("local") == {*FOLDER, "a rose", "a leaf"}
    counts = {
        each: (await gallery.library.status(each))[0].pictures
        for each in ("discord:8", "discord:1", "local")
    }
    assert counts == {"discord:8": 2, "discord:1": 3, "local": 4}


async def test_ids_of_others_are_unknown_ids(gallery: Gallery) -> None:
    """What others added, and what was hidden, is not found in the words of what never was."""
    foreign = await gallery.post("green", 7, "a leaf", community="discord:8")
    own = await gallery.post("pink", 6, "a rose", community="telegram:9")
    base = gallery.ids()["red.png"]
    await _remove(gallery, base, "telegram:9")
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    for ask in (
        lambda i: gallery.library.picture_file(i, "telegram:9"),
        lambda i: search.more_like(i, community="telegram:9"),
        lambda i: _remove(gallery, i, "telegram:9"),
    ):
        words = set()
        for picture_id in (foreign.id, base, "00000000"):
            with pytest.raises(NotFound) as refused:
                await ask(picture_id)
            words.add(str(refused.value))
        assert len(words) == 1
    await _remove(gallery, foreign.id, "discord:8")
    await _remove(gallery, own.id, "telegram:9")
    words = set()
    for picture_id in (foreign.id, gallery.ids()["blue.png"], "00000000"):
        with pytest.raises(ExpiredButton) as refused:
            await gallery.contributions.restore(picture_id, community="telegram:9")
        words.add(str(refused.value))
    assert len(words) == 1
    assert await gallery.seen("discord:8") == FOLDER


async def test_only_who_removed_can_restore(gallery: Gallery) -> None:
    """Strangers undo what they did; those who share undo what one of them did."""
    base = gallery.ids()["red.png"]
    shared = await gallery.post("pink", 6, "a rose", community="discord:1")
    for picture_id in (base, shared.id):
        await _remove(gallery, picture_id, "discord:1")
        with pytest.raises(ExpiredButton):
            await gallery.contributions.restore(picture_id, community="discord:8")
        await gallery.contributions.restore(picture_id, community="discord:2")
        await _remove(gallery, picture_id, "discord:8")
        for other in ("telegram:9", "discord:1", "web", "local"):
            with pytest.raises(ExpiredButton):
                await gallery.contributions.restore(picture_id, community=other)
        assert await gallery.seen("discord:8") == {*FOLDER, "a rose"} - {
            "red.png" if picture_id == base else "a rose"
        }
        await gallery.contributions.restore(picture_id, community="discord:8")
    for each in (*SHARING, *STRANGERS):
        assert await gallery.seen(each) == {*FOLDER, "a rose"}


async def test_the_operator_removes_what_anybody_added(gallery: Gallery) -> None:
    """From the console, an upload of a stranger goes for good, and can come back from there."""
    picture = await gallery.post("green", 7, "a leaf", community="discord:8")
    await _remove(gallery, picture.id, "local")
    assert await gallery.seen("discord:8") == FOLDER
    with pytest.raises(ExpiredButton):
        await gallery.contributions.restore(picture.id, community="web")
    with pytest.raises(ExpiredButton):
        await gallery.contributions.restore(picture.id, community="discord:8")
    await gallery.contributions.restore(picture.id, community="local")
    assert await gallery.seen("discord:8") == {*FOLDER, "a leaf"}


async def test_duplicates_are_those_one_sees(gallery: Gallery) -> None:
    """A refusal never tells that somebody else has the picture; each scope has its own."""
    first = await gallery.post("green", 7, "theirs", community="discord:8")
    second = await gallery.post("green", 7, "mine", community="telegram:9")
    third = await gallery.post("green", 7, "ours", community="discord:1")
    assert len({first.id, second.id, third.id}) == 3
    assert first.sha256 == second.sha256 == third.sha256
    for community, own in (("discord:8", {"theirs", "ours"}), ("discord:2", {"ours"})):
        with pytest.raises(DuplicatePicture) as refused:
            await gallery.post("green", 7, community=community)
        assert refused.value.picture.caption in own
    await _remove(gallery, first.id, "discord:8")
    assert await gallery.seen("discord:8") == FOLDER, "with all that is equal to it"
    assert await gallery.seen("telegram:9") == {*FOLDER, "mine", "ours"}
    await gallery.contributions.restore(first.id, community="discord:8")
    assert await gallery.seen("discord:8") == {*FOLDER, "theirs", "ours"}


async def test_a_stranger_has_back_what_it_hid(gallery: Gallery) -> None:
    """Posting what it hid shows it again to it; what all have hidden it adds for itself."""
    shared = await gallery.post("pink", 6, "a rose", community="discord:1")
    await _remove(gallery, shared.id, "discord:8")
    assert await gallery.post("pink", 6, community="discord:8") == shared
    await _remove(gallery, gallery.ids()["red.png"], "discord:1")
    mine = await gallery.post("red", 0, "a tomato", community="discord:8")
    assert mine.path.startswith(".uploads/")
    assert await gallery.seen("discord:8") == {"blue.png", "a rose", "a tomato"}
    assert await gallery.seen("discord:1") == {"blue.png", "a rose"}
    # When those who share have it back, it does not take away the stranger's own.
    await gallery.contributions.restore(gallery.ids()["red.png"], community="discord:1")
    assert await gallery.seen("discord:8") == {*FOLDER, "a rose", "a tomato"}


async def test_each_scope_has_its_own_room(gallery: Gallery) -> None:
    """A stranger that fills its room takes nothing from the others."""
    for number, colour in enumerate(("green", "pink", "black")):
        await gallery.post(colour, number, colour, community="discord:8")
    with pytest.raises(CollectionFull):
        await gallery.post("yellow", 9, community="discord:8")
    for community in ("telegram:9", "discord:1"):
        await gallery.post("yellow", 9, "the sun", community=community)


async def test_naming_a_stranger_keeps_what_it_did(gallery: Gallery) -> None:
    """Once the settings name it, it still has its own pictures, alone, and shares new ones."""
    own = await gallery.post("green", 7, "a leaf", community="discord:8")
    await _remove(gallery, gallery.ids()["red.png"], "discord:8")
    named = Gallery(gallery.data.parent, communities="discord:1 discord:2 discord:8 *")
    await named.post("pink", 6, "a rose", community="discord:8")
    assert await named.seen("discord:8") == {"blue.png", "a leaf", "a rose"}
    assert await named.seen("discord:1") == {*FOLDER, "a rose"}
    await named.contributions.remove(own.id, community="discord:8", remover="discord:17")
    assert await named.seen("discord:8") == {"blue.png", "a rose"}
    assert (await named.post("red", 0, community="discord:8")).path == "red.png"
    assert await named.seen("discord:8") == {*FOLDER, "a rose"}
    named.close()


async def test_strangers_without_changes_share_one_snapshot(gallery: Gallery) -> None:
    """A change by one stranger makes no other's snapshot anew, and so no calibration."""
    await gallery.post("pink", 6, "a rose", community="discord:1")
    before = {each: await gallery.library.open(None, each) for each in (*SHARING, *STRANGERS)}
    assert len(set(before.values())) == 1
    await gallery.post("green", 7, "a leaf", community="discord:8")
    for each in (*SHARING, "telegram:9"):
        assert await gallery.library.open(None, each) is before[each]
    assert await gallery.library.open(None, "discord:8") is not before["discord:8"]


async def test_no_base_is_held_when_a_new_one_comes(gallery: Gallery) -> None:
    """Views over an old generation go with it, also those of communities that left."""
    await gallery.post("pink", 6, "a rose", community="discord:1")
    old = {each: await gallery.library.open(None, each) for each in (*SHARING, *STRANGERS)}
    gallery.add("new.png", "black", 5)
    await gallery.reindex()
    view = await gallery.library.open(None, "web")
    assert view not in old.values()
    assert {each.path for each in view.pictures} >= {"new.png"}
    del old
    assert len(gallery.store._slot("gallery").held) == 1


async def test_many_communities_at_once(tmp_path: Path) -> None:
    """Strangers who add, remove and look at the same time see each their own, also where
    there are more of them than views are kept."""  # noqa: D205, D209 - one rule, one sentence
    gallery = await _indexed(tmp_path, kept=KeptViews(communities=8, views=5))

    async def live(number: int) -> None:
        name = f"discord:{100 + number}"
        picture = await gallery.post("green", number, f"leaf {number}", community=name)
        assert await gallery.seen(name) == {*FOLDER, f"leaf {number}"}
        await _remove(gallery, gallery.ids()["red.png"], name)
        assert await gallery.seen(name) == {"blue.png", f"leaf {number}"}
        if number % 2:
            await _remove(gallery, picture.id, name)

    await asyncio.gather(*(live(number) for number in range(20)))
    for number in range(20):
        expected = {"blue.png"} | (set() if number % 2 else {f"leaf {number}"})
        assert await gallery.seen(f"discord:{100 + number}") == expected
    assert await gallery.seen("web") == FOLDER
