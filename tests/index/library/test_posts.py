"""Pictures that people post: seen in their own chat alone, kept once, gone when they are to go."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import EmptyCollection, NotFound
from core.domain.types import UPLOADED, Post, TakenIn
from index.library.posts import PostQuota
from index.transfer.rows import held
from tests.fakes import picture_bytes
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("database")

CHAT, OTHER = "telegram:-1001", "telegram:-1002"
ANA, BOB = "telegram:11", "telegram:12"
DAY = 86_400.0


def _post(message: int, author: str = ANA, chat: str = CHAT, **fields: object) -> Post:
    whole: dict[str, object] = {"posted_at": 1_790_000_000.0 + message, **fields}
    return Post(chat, message, chat, author, f"name of {author}", **whole)  # type: ignore[arg-type]


async def _gallery(folder: Path, *chats: str, communities: str = "*", **values: object) -> Gallery:
    gallery = Gallery(folder, communities=communities, **values)  # type: ignore[arg-type]
    gallery.add("of the folder.png", "grey")
    await gallery.reindex()
    for chat in chats or (CHAT, OTHER):
        settings = gallery.settings.of(chat)
        await gallery.settings.save(chat, replace(settings, index_posts=True))
    return gallery


def _anew(picture: bytes) -> bytes:
    """The same pixels in other bytes."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(out, "PNG", compress_level=0)
    return out.getvalue()


async def _seen(gallery: Gallery, community: str) -> list[str]:
    """The ids of pictures of the chat that a community sees."""
    try:
        view = await gallery.library.open(None, community)
    except EmptyCollection:
        return []
    return [each.id for each in view.pictures if each.path.startswith(UPLOADED)]


async def _said(gallery: Gallery) -> list[str]:
    """The captions of pictures of the chat that are searched there."""
    view = await gallery.library.open(None, CHAT)
    return [text for text, row in view.captions if view.pictures[row].path.startswith(UPLOADED)]


@pytest.mark.parametrize("communities", ["*", f"web {CHAT} {OTHER}"])
async def test_a_post_is_seen_in_its_chat_alone(tmp_path: Path, communities: str) -> None:
    """Not by other chats, nor by the operator, also where they share the collection."""
    gallery = await _gallery(tmp_path, communities=communities)
    done = await gallery.posts.add([(_post(1, caption="a red kite"), picture_bytes("red"))])
    assert done == TakenIn(added=1)
    [picture] = await _seen(gallery, CHAT)
    for other in (OTHER, "web", "local"):
        assert await _seen(gallery, other) == []
        with pytest.raises(NotFound):
            await gallery.library.picture_file(picture, other)
        assert await gallery.posts.of([picture], other) == {}
        assert [s.pictures for s in await gallery.library.status(other)] == [1]
    [post] = (await gallery.posts.of([picture], CHAT))[picture]
    assert (post.message, post.author, post.caption) == (1, ANA, "a red kite")
    assert gallery.verify() == []


async def test_nothing_is_taken_in_before_it_is_switched_on(tmp_path: Path) -> None:
    """Nor where a community may search nothing."""
    gallery = await _gallery(tmp_path, OTHER, communities=f"web {CHAT}")
    for chat in (CHAT, OTHER):
        given = [(_post(1, chat=chat), picture_bytes("red"))]
        assert await gallery.posts.add(given) == TakenIn(left_out=1)
    assert gallery.upload_files() == {}


async def test_equal_pictures_are_kept_once(tmp_path: Path) -> None:
    """By bytes, by the platform's own mark, or to the eye; and known messages are not doubled."""
    gallery = await _gallery(tmp_path)
    red = picture_bytes("red")
    await gallery.posts.add([(_post(1, file_unique_id="u"), red), (_post(2, BOB), red)])
    await gallery.posts.add([(_post(3, file_unique_id="u"), picture_bytes("blue"))])
    await gallery.posts.add([(_post(4, caption="the kite"), _anew(red))])
    [picture] = await _seen(gallery, CHAT)
    posts = (await gallery.posts.of([picture], CHAT))[picture]
    assert [post.message for post in posts] == [1, 2, 3, 4]
    assert await _said(gallery) == ["the kite"]
    assert await gallery.posts.add([(_post(2, BOB), red)]) == TakenIn(known=1)
    assert [post.message for post in await gallery.posts.like(red, CHAT)] == [1, 2, 3, 4]
    assert await gallery.posts.like(red, OTHER) == ()


def _blocks(seed: int, saved: str = "PNG") -> bytes:
    """A red pattern; as "JPEG" it is the same to the eye alone."""
    chance = np.random.default_rng(seed)
    pixels = np.tile(np.uint8([200, 30, 30]), (16, 16, 1)) + chance.integers(0, 55, (16, 16, 1))
    out = io.BytesIO()
    small = Image.fromarray(pixels.astype(np.uint8))
    small.resize((128, 128), Image.Resampling.NEAREST).save(out, saved, quality=40)
    return out.getvalue()


async def test_reposts_of_one_batch_are_one_hit(tmp_path: Path) -> None:
    """Posts that are taken in together are compared with each other as with those before."""
    gallery = await _gallery(tmp_path, duplicate_cosine=0.8)
    given = [(_post(1), _blocks(1)), (_post(2), _blocks(2)), (_post(3, BOB), _blocks(1, "JPEG"))]
    assert await gallery.posts.add(given) == TakenIn(added=3)
    posts = await gallery.posts.of(await _seen(gallery, CHAT), CHAT)
    assert sorted([post.message for post in each] for each in posts.values()) == [[1, 3], [2]]
    await gallery.posts.add([(_post(4), _blocks(2, "JPEG")), (_post(5), _blocks(2))])
    posts = await gallery.posts.of(await _seen(gallery, CHAT), CHAT)
    assert sorted([post.message for post in each] for each in posts.values()) == [[1, 3], [2, 4, 5]]
    assert len(gallery.upload_files()) == 2
    assert gallery.verify() == []


async def test_the_first_of_a_batch_may_be_refused(tmp_path: Path) -> None:
    """What shows the same behind it is kept for itself."""
    gallery = await _gallery(tmp_path, duplicate_cosine=0.8)
    await gallery.posts.opt_out(ANA)
    given = [
        (_post(1), _blocks(1)),
        (_post(2, BOB), _blocks(1, "JPEG")),
        (_post(3, BOB), _blocks(1)),
    ]
    assert await gallery.posts.add(given) == TakenIn(added=2, refused=1)
    [picture] = await _seen(gallery, CHAT)
    posts = (await gallery.posts.of([picture], CHAT))[picture]
    assert [post.message for post in posts] == [2, 3]


async def test_opting_out_takes_posts_out_and_keeps_them_out(tmp_path: Path) -> None:
    """Everywhere; what somebody else posted, too, stays. Opting in brings back nothing."""
    gallery = await _gallery(tmp_path)
    red, blue = picture_bytes("red"), picture_bytes("blue")
    await gallery.posts.add([(_post(1), red), (_post(2), blue), (_post(3, BOB), blue)])
    await gallery.posts.add([(_post(1, chat=OTHER), red)])
    assert await gallery.posts.opt_out(ANA) == 3
    [left] = await _seen(gallery, CHAT)
    assert [post.author for post in (await gallery.posts.of([left], CHAT))[left]] == [BOB]
    assert (await _seen(gallery, OTHER), gallery.upload_files()) == ([], {left: False})
    assert await gallery.posts.add([(_post(5), red)]) == TakenIn(refused=1)
    assert (await gallery.contributions.personal(ANA)).opted_out
    await gallery.posts.opt_in(ANA)
    assert await gallery.posts.add([(_post(1), red)]) == TakenIn(known=1)
    assert await gallery.posts.add([(_post(6), red)]) == TakenIn(added=1)
    assert gallery.verify() == []


async def test_people_get_and_delete_their_posts(tmp_path: Path) -> None:
    """What is deleted for a person comes back by no import; its file is gone."""
    gallery = await _gallery(tmp_path)
    await gallery.posts.add([(_post(1, caption="mine"), picture_bytes("red"))])
    await gallery.posts.add([(_post(2, BOB), picture_bytes("blue"))])
    data = await gallery.contributions.personal(ANA)
    [post] = data.posts
    assert data.uploads == ()
    assert post.caption == "mine"
    assert post.file is not None
    assert post.file.is_file()
    await gallery.contributions.forget(ANA)
    assert not post.file.exists()
    assert (await gallery.contributions.personal(ANA)).posts == ()
    assert len(await _seen(gallery, CHAT)) == 1
    again = await gallery.posts.add([(_post(1, caption="mine"), picture_bytes("red"))])
    assert again == TakenIn(known=1)


async def test_edits_follow_the_post(tmp_path: Path) -> None:
    """Its text, its whole album's, its picture; one without a picture is gone."""
    gallery = await _gallery(tmp_path)
    red, blue = picture_bytes("red"), picture_bytes("blue")
    first = _post(1, album="a", caption="old", file_id="f", file_unique_id="u1")
    second = _post(2, album="a", caption="old", file_id="g", file_unique_id="u2")
    await gallery.posts.add([(first, red), (second, blue)])
    assert not await gallery.posts.edited(replace(first, caption="new"))
    assert await _said(gallery) == ["new", "new"]
    assert await gallery.posts.edited(replace(second, file_id="h", file_unique_id="u3"))
    assert len(await _seen(gallery, CHAT)) == 1
    assert not await gallery.posts.edited(replace(first, file_unique_id=""))
    assert await _seen(gallery, CHAT) == []
    assert not await gallery.posts.edited(_post(9, file_unique_id="x"))
    assert gallery.verify() == []


async def test_posts_go_when_their_time_is_over(tmp_path: Path) -> None:
    """After the days of the settings, counted from the post; an older one is not taken in."""
    gallery = await _gallery(tmp_path, post_room=PostQuota(keep_s=30 * DAY))
    young = _post(1, posted_at=gallery.now - 10 * DAY)
    old = _post(2, posted_at=gallery.now - 31 * DAY)
    done = await gallery.posts.add([(young, picture_bytes("red")), (old, picture_bytes("blue"))])
    assert done == TakenIn(added=1, left_out=1)
    await gallery.contributions.sweep()
    assert len(await _seen(gallery, CHAT)) == 1
    gallery.now += 21 * DAY
    await gallery.contributions.sweep()
    assert (await _seen(gallery, CHAT), gallery.upload_files()) == ([], {})


async def test_a_chat_keeps_as_many_as_it_may(tmp_path: Path) -> None:
    """The others are told as left out; they take nothing of what people may add."""
    gallery = await _gallery(tmp_path, post_room=PostQuota(pictures=1), max_uploads=1)
    given = [(_post(1), picture_bytes("red")), (_post(2), picture_bytes("blue"))]
    assert await gallery.posts.add(given) == TakenIn(added=1, left_out=1)
    assert (await gallery.posts.kept(CHAT)).full
    await gallery.post("green", caption="added")
    assert "added" in await gallery.seen()


async def test_a_group_that_becomes_a_supergroup_keeps_its_posts(tmp_path: Path) -> None:
    """Under the new name, with the old chat's numbers; message numbers of both may be equal."""
    gallery = await _gallery(tmp_path, "telegram:-5")
    await gallery.posts.add([(_post(1, chat="telegram:-5"), picture_bytes("red"))])
    await gallery.contributions.moved("telegram:-5", CHAT)
    assert gallery.settings.of(CHAT).index_posts
    await gallery.posts.add([(_post(1), picture_bytes("red"))])
    [picture] = await _seen(gallery, CHAT)
    chats = [post.chat for post in (await gallery.posts.of([picture], CHAT))[picture]]
    assert chats == ["telegram:-5", CHAT]


async def test_forgetting_a_chat_leaves_nothing(tmp_path: Path) -> None:
    """By its administrators, or a week after the bot was removed; what others have stays."""
    gallery = await _gallery(tmp_path)
    for chat in (CHAT, OTHER):
        await gallery.posts.add([(_post(1, chat=chat), picture_bytes("red"))])
    assert await gallery.posts.forget_all(CHAT) == 1
    assert (await _seen(gallery, CHAT), len(await _seen(gallery, OTHER))) == ([], 1)
    await gallery.contributions.left(OTHER)
    gallery.now += 8 * DAY
    await gallery.contributions.sweep()
    assert (await _seen(gallery, OTHER), gallery.upload_files()) == ([], {})
    assert await gallery.contributions.communities() == frozenset({CHAT})


async def test_what_an_administrator_removed_stays_away(tmp_path: Path) -> None:
    """Also where the post is imported again."""
    gallery = await _gallery(tmp_path)
    await gallery.posts.add([(_post(1), picture_bytes("red"))])
    [picture] = await _seen(gallery, CHAT)
    await gallery.contributions.remove(picture, community=CHAT, remover=BOB)
    assert await _seen(gallery, CHAT) == []
    gallery.now += 301
    await gallery.contributions.sweep()
    assert await gallery.posts.add([(_post(1), picture_bytes("red"))]) == TakenIn(known=1)
    assert (await gallery.contributions.personal(ANA)).posts == ()


async def test_posts_are_in_no_export_of_the_collection(tmp_path: Path) -> None:
    """Whoever takes the collection elsewhere takes nothing of a chat's talk along."""
    gallery = await _gallery(tmp_path / "home", communities=f"web {CHAT}")
    await gallery.posts.add([(_post(1, caption="between us"), picture_bytes("red"))])
    with gallery.overlays.read() as connection:
        what = held(connection, gallery.name)
    assert what is not None
    assert (len(what.pictures), what.uploads) == (1, ())
