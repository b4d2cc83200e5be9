"""Adding and removing pictures in a chat."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.actions import Action
from bot.protocol.replies import Button, Pictures, Reply
from bot.protocol.requests import InMemory, Request
from core.domain.rate_limits import Quota
from core.domain.types import CommunitySettings
from tests.fakes import picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import Parts

LILAC = InMemory(picture_bytes((200, 160, 220), seed=77, edge=48))


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of somebody in a server who is no administrator."""
    return Request("discord", "discord:5", "discord:1", text=text, **values)


def admin(text: str = "", **values: object) -> Request:
    """A request of an administrator."""
    return Request("discord", "discord:5", "discord:2", text=text, is_admin=True, **values)


def cards(reply: Reply) -> list[tuple[str, str]]:
    """Captions and scores of the pictures of a reply."""
    return [
        (c.caption, c.score_text) for p in reply.parts if isinstance(p, Pictures) for c in p.cards
    ]


def button(reply: Reply, kind: str) -> Button:
    """The first button of this kind."""
    return next(b for b in reply.buttons if b.kind == kind)


async def found(parts: Parts, words: str) -> list[str]:
    """The captions that a question finds."""
    reply = await parts.commands.handle(asked(f"/find {words} --count 10"))
    return [caption for caption, _ in cards(reply)]


async def test_what_is_added_is_shown_and_found(parts: Parts) -> None:
    """The reply names caption, id and how many there are; the next question finds it."""
    reply = await parts.commands.handle(admin("/add lilac  meadow", pictures=(LILAC,)))
    (picture_id,) = parts.contributions.uploads
    assert cards(reply) == [("lilac meadow", f"id {picture_id}")]
    assert "Added to “gallery”" in text_of(reply)
    assert "has 62 pictures now" in text_of(reply)
    assert "no caption" not in text_of(reply)
    upload = parts.contributions.uploads[picture_id]
    assert (upload.community, upload.uploader) == ("discord:5", "discord:2")
    # The fake encoder sees it as pink.
    assert "lilac meadow" in await found(parts, "pink")


async def test_who_may_add(parts: Parts) -> None:
    """Administrators and whom the operator lets; others change nothing."""
    refused = await parts.commands.handle(asked("/add x", pictures=(LILAC,)))
    assert refused.error.code == "forbidden"
    assert parts.contributions.uploads == {}
    let = asked("/add x", pictures=(LILAC,), may_add=True)
    assert (await parts.commands.handle(let)).error is None
    missing = await parts.commands.handle(admin("/add x"))
    assert missing.error.code == "no_picture"
    forged = parts.codec.encode(Action("add", text="x", weak=True), "discord:5")
    pressed = await parts.commands.act(forged, asked(pictures=(LILAC,)))
    assert pressed.error.code == "forbidden"
    assert len(parts.contributions.uploads) == 1


async def test_a_picture_without_words_says_how_to_give_it_some(parts: Parts) -> None:
    """An empty caption is allowed; an album adds its first picture, and says so."""
    reply = await parts.commands.handle(admin("/add", pictures=(LILAC, LILAC)))
    assert "It has no caption" in text_of(reply)
    assert "You sent 2 pictures; this adds the first one." in text_of(reply)


async def test_an_equal_picture_is_shown_and_not_added(parts: Parts) -> None:
    """The one that is there is shown with its id, and nothing offers to add it anyway."""
    await parts.commands.handle(admin("/add lilac", pictures=(LILAC,)))
    again = await parts.commands.handle(admin("/add other words", pictures=(LILAC,)))
    assert again.error is None
    assert cards(again) == [("lilac", "id v0000000")]
    assert "has this picture already" in text_of(again)
    assert again.buttons == ()
    assert len(parts.contributions.uploads) == 1
    assert 'code="duplicate_picture"} 1.0' in parts.metrics.render().decode()


async def test_a_similar_picture_is_added_on_insistence(parts: Parts) -> None:
    """It is shown with its score; the button adds the new one with its words all the same."""
    await parts.commands.handle(admin("/add lilac", pictures=(LILAC,)))
    other = InMemory(LILAC.data + b"\0")
    near = await parts.commands.handle(
        admin("/add a long caption | with 50 % more words --collection gallery", pictures=(other,))
    )
    assert "nearly the same" in text_of(near)
    assert cards(near) == [("lilac", "1.00 · id v0000000")]
    insist = button(near, "add")
    assert insist.needs_picture
    lost = await parts.commands.act(insist.action, admin())
    assert lost.error.code == "no_picture"
    added = await parts.commands.act(insist.action, admin(pictures=(other,)))
    assert cards(added)[0][0] == "a long caption | with 50 % more words"
    assert len(parts.contributions.uploads) == 2


async def test_what_cannot_be_added_is_told(parts: Parts) -> None:
    """A full or foreign collection and a file that is no picture change nothing."""
    parts.contributions.most = 0
    assert (await parts.commands.handle(admin("/add", pictures=(LILAC,)))).error.code == (
        "collection_full"
    )
    parts.contributions.most = 9
    foreign = admin("/add x --collection secret", pictures=(LILAC,))
    assert (await parts.commands.handle(foreign)).error.code == "not_found"
    broken = admin("/add x", pictures=(InMemory(b"text"),))
    assert (await parts.commands.handle(broken)).error.code == "not_a_picture"
    assert parts.contributions.uploads == {}


async def test_an_upload_is_withdrawn_by_its_uploader(parts: Parts) -> None:
    """Undo works for five minutes without any right, for administrators always."""
    adder = asked("/add lilac", pictures=(LILAC,), may_add=True)
    undo = button(await parts.commands.handle(adder), "remove").action
    stranger = dataclasses.replace(asked(), requester="discord:9")
    assert (await parts.commands.act(undo, stranger)).error.code == "forbidden"
    elsewhere = dataclasses.replace(asked(), community="discord:6")
    assert (await parts.commands.act(undo, elsewhere)).error.code == "forbidden"
    parts.clock.advance(301)
    assert (await parts.commands.act(undo, asked())).error.code == "forbidden"
    assert "lilac" in await found(parts, "pink")
    parts.clock.advance(-1)
    gone = await parts.commands.act(undo, asked())
    assert "Removed from “gallery”: lilac (id v0000000)." in text_of(gone)
    # Only administrators bring things back.
    assert gone.buttons == ()
    assert "lilac" not in await found(parts, "pink")
    assert (await parts.commands.act(undo, admin())).error.code == "not_found"


async def test_a_picture_is_removed_by_its_id_and_comes_back(parts: Parts) -> None:
    """It is in no answer any more, until the removal is undone within five minutes."""
    reply = await parts.commands.handle(admin("/remove P0000001"))
    assert "Removed from “gallery”: orange fruits (id p0000001)." in text_of(reply)
    assert "file stays in the operator's folder" in text_of(reply)
    assert reply.private
    assert "orange fruits" not in await found(parts, "orange")
    undo = button(reply, "restore").action
    assert (await parts.commands.act(undo, asked())).error.code == "forbidden"
    back = await parts.commands.act(undo, admin())
    assert back.private
    assert cards(back) == [("orange fruits", "id p0000001")]
    assert "orange fruits" in await found(parts, "orange")
    again = button(await parts.commands.handle(admin("/remove p0000001")), "restore").action
    parts.clock.advance(301)
    assert (await parts.commands.act(again, admin())).error.code == "expired_button"


async def test_words_show_what_may_be_meant(parts: Parts) -> None:
    """Each of the nearest pictures has a button that removes it, for administrators."""
    reply = await parts.commands.handle(admin("/remove red balloon"))
    assert reply.private
    assert all("red" in caption for caption, _ in cards(reply))
    assert "Nearest to “red balloon”" in text_of(reply)
    assert [b.label for b in reply.buttons] == [f"Remove #{n}" for n in range(1, 6)]
    assert [b.subject for b in reply.buttons] == [1, 2, 3, 4, 5]
    for one in reply.buttons:
        assert (await parts.commands.act(one.action, asked())).error.code == "forbidden"
    gone = await parts.commands.act(reply.buttons[1].action, admin())
    assert cards(reply)[1][0] in text_of(gone)
    assert gone.private
    assert parts.contributions.removed.keys() == {
        c.id for p in reply.parts if isinstance(p, Pictures) for c in p.cards[1:2]
    }
    assert (await parts.commands.act(reply.buttons[1].action, admin())).error.code == "not_found"


async def test_what_is_called_so_stands_before_what_looks_so(parts: Parts) -> None:
    """A caption that holds the words comes first, though its picture shows something else."""
    name = parts.library.visible("web")[0]
    snapshot = parts.library.snapshots[name]
    *others, last = snapshot.pictures
    named = dataclasses.replace(last, caption="our red balloon mascot")
    parts.library.snapshots[name] = dataclasses.replace(snapshot, pictures=(*others, named))
    reply = await parts.commands.handle(admin("/remove RED balloon m"))
    assert cards(reply)[0][0] == "our red balloon mascot"
    assert len({caption for caption, _ in cards(reply)}) == len(cards(reply)) == 5


async def test_words_are_looked_for_in_every_collection(parts: Parts) -> None:
    """A picture of another collection can be named by words, where the community sees it."""
    parts.settings.kept["discord:7"] = CommunitySettings(count=7)
    words = "/remove pink"
    assert "a secret flamingo" not in dict(cards(await parts.commands.handle(admin(words))))
    owner = dataclasses.replace(admin(words), community="discord:7")
    reply = await parts.commands.handle(owner)
    assert {"a secret flamingo", "a secret pig", "pink fruits"} <= dict(cards(reply)).keys()
    assert len(cards(reply)) == 7
    scores = [
        (float(score.partition(" ")[0]), "pink" in caption) for caption, score in cards(reply)
    ]
    assert scores == sorted(scores, key=lambda each: (not each[1], -each[0]))


async def test_a_word_that_looks_like_an_id_is_a_word(parts: Parts) -> None:
    """Eight letters may be both; with a digit among them, it is an id that is not there."""
    reply = await parts.commands.handle(admin("/remove pancakes"))
    assert reply.error is None
    assert len(cards(reply)) == 5
    assert (await parts.commands.handle(admin("/remove p9999999"))).error.code == "not_found"
    assert (await parts.commands.handle(admin("/remove"))).error.code == "empty_query"
    assert parts.contributions.removed == {}


@pytest.mark.parametrize("text", ["/remove p0000001", "/remove red balloon", "/settings weak show"])
async def test_only_administrators_remove_and_set(parts: Parts, text: str) -> None:
    """Who may add may not take away, nor see what could be taken away."""
    for request in (asked(text), asked(text, may_add=True)):
        reply = await parts.commands.handle(request)
        assert (reply.error.code, cards(reply)) == ("forbidden", [])
    assert parts.contributions.removed == {}
    assert parts.settings.kept == {}


async def test_adapters_learn_who_may_press(parts: Parts) -> None:
    """What a button does tells whose right matters; the unreadable may be pressed by all."""
    wanted = {
        "find": "all",
        "similar": "all",
        "more_like": "all",
        "add": "adder",
        "withdraw": "adder",
        "remove": "admin",
        "restore": "admin",
        "change": "admin",
    }
    for kind, who in wanted.items():
        action = parts.codec.encode(Action(kind, text="x" * 99), "discord:5")
        assert await parts.commands.who(action, asked()) == who
    kept = parts.codec.encode(Action("remove", text="y" * 99), "discord:6")
    assert await parts.commands.who(kept, asked()) == "all"
    assert await parts.commands.who("nonsense", asked()) == "all"


async def test_captions_are_completed_to_ids(parts: Parts) -> None:
    """25 at most, the newest first, for administrators, from what the community sees."""
    assert await parts.commands.pictures(asked(), "red") == ()
    assert await parts.commands.pictures(admin(), "flamingo") == ()
    red = await parts.commands.pictures(admin(), " RED ")
    assert [label for label, _ in red][-1] == "red fruits · p0000000"
    assert len(red) == 5
    assert len(await parts.commands.pictures(admin())) == 25
    assert [i for _, i in await parts.commands.pictures(admin(), "p000000")] == [
        f"p000000{n}" for n in range(9, -1, -1)
    ]
    await parts.commands.handle(admin(f"/add {'lilac ' * 30}", pictures=(LILAC,)))
    ((label, picture_id),) = await parts.commands.pictures(admin(), "lilac")
    assert (len(label), picture_id) == (100, "v0000000")
    assert label.endswith("… · v0000000")
    (newest, *_) = await parts.commands.pictures(admin())
    assert newest[1] == "v0000000"


async def test_adding_counts_as_a_picture(tmp_path: Path) -> None:
    """Whom the operator lets add waits like everybody; administrators up to their own bound."""
    parts = Parts(tmp_path, quota=Quota(), admin_quota=Quota({}, per_minute=2))
    let = asked("/add x", pictures=(LILAC,), may_add=True)
    assert (await parts.commands.handle(let)).error is None
    refused = await parts.commands.handle(let)
    assert (refused.error.code, refused.error.retry_after) == ("too_many_requests", 5)
    for code in (None, None, "too_many_requests"):
        reply = await parts.commands.handle(admin("/remove red"))
        assert (reply.error.code if reply.error else None) == code
    # What is known by its id costs nothing, so that it can always be taken down.
    assert (await parts.commands.handle(admin("/remove v0000000"))).error is None
    await parts.close()
