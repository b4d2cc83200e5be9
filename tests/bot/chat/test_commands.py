"""What a chat can do, over the real search and fakes of everything below it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.chat.actions import Action
from bot.protocol.replies import (
    CaptionList,
    ContactSheet,
    Examples,
    LabelBars,
    Pictures,
    Reply,
)
from bot.protocol.requests import InMemory, Request
from tests.fake_collections import FakeSnapshot
from tests.fakes import picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import Parts

RED_PHOTO = InMemory(picture_bytes("red", seed=77, edge=64))


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of somebody in the web chat who is no administrator."""
    return Request("web", "web", "web:1", text=text, **values)


def cards(reply: Reply) -> list[str]:
    """The captions of the pictures of a reply."""
    return [c.caption for p in reply.parts if isinstance(p, Pictures) for c in p.cards]


def part(reply: Reply, kind: type) -> object:
    """The first part of this kind."""
    return next(p for p in reply.parts if isinstance(p, kind))


def button(reply: Reply, kind: str) -> str:
    """The action of the first button of this kind."""
    return next(b.action for b in reply.buttons if b.kind == kind)


async def test_find_answers_with_pictures_and_pages(parts: Parts) -> None:
    """A sentence brings the five best; "next" brings the following ones, each picture once."""
    first = await parts.commands.handle(asked("/find orange fruits --count 3"))
    assert len(cards(first)) == 3
    assert all("orange" in caption for caption in cards(first))
    second = await parts.commands.act(button(first, "page"), asked())
    assert [c.number for c in part(second, Pictures).cards] == [4, 5, 6]
    assert not set(cards(first)) & set(cards(second))


async def test_exclude_and_collection_reach_every_page(parts: Parts) -> None:
    """What was excluded stays excluded on the next page."""
    first = await parts.commands.handle(asked("/find red blue --exclude blue --count 2"))
    assert "without “blue”" in text_of(first)
    second = await parts.commands.act(button(first, "page"), asked())
    assert "without “blue”" in text_of(second)


async def test_weak_matches_wait_for_show_anyway(parts: Parts) -> None:
    """A question that nothing matches says so; the button shows the nearest ones."""
    hidden = await parts.commands.handle(asked("a zebra crossing"))
    assert cards(hidden) == []
    shown = await parts.commands.act(button(hidden, "show_weak"), asked())
    assert len(cards(shown)) == 5


async def test_more_like_leaves_the_picture_itself_out(parts: Parts) -> None:
    """A card's button brings others like it, by the stored vector alone."""
    first = await parts.commands.handle(asked("red fruits"))
    before = parts.embedder.pictures_encoded
    more = await parts.commands.act(button(first, "more_like"), asked())
    assert parts.embedder.pictures_encoded == before
    assert cards(first)[0] not in cards(more)
    assert "red" in cards(more)[0]


async def test_a_photo_brings_similar_ones_and_a_sheet(parts: Parts) -> None:
    """A posted photo is answered with pictures like it; drawings come where asked for."""
    reply = await parts.commands.handle(asked(pictures=(RED_PHOTO,), drawings=True))
    assert "red" in cards(reply)[0]
    sheet = part(reply, ContactSheet)
    assert Image.open(io.BytesIO(sheet.png)).format == "PNG"
    plain = await parts.commands.handle(asked(pictures=(RED_PHOTO,)))
    assert not any(isinstance(p, ContactSheet) for p in plain.parts)
    nxt = next(b for b in plain.buttons if b.kind == "page")
    assert nxt.needs_picture
    again = await parts.commands.act(nxt.action, asked(pictures=(RED_PHOTO,)))
    assert part(again, Pictures).cards[0].number == 6
    lost = await parts.commands.act(nxt.action, asked())
    assert lost.error.code == "no_picture"
    assert "Send it again" in lost.error.text


async def test_find_with_a_photo_searches_it(parts: Parts) -> None:
    """``/find`` with one's own photo is answered by it, changed by its words, as a picture.

    The photo of a message that it replies to is none of its own.
    """
    found = await parts.commands.handle(asked("/find", pictures=(RED_PHOTO,)))
    similar = await parts.commands.handle(asked("/similar", pictures=(RED_PHOTO,)))
    assert cards(found) == cards(similar)
    mixed = await parts.commands.handle(asked("/find bicycle", pictures=(RED_PHOTO,)))
    also = await parts.commands.handle(asked("/similar bicycle", pictures=(RED_PHOTO,)))
    assert cards(mixed) == cards(also)
    assert next(b for b in mixed.buttons if b.kind == "page").needs_picture
    replied = await parts.commands.handle(asked("/find blue", replied=(RED_PHOTO,)))
    assert "blue" in cards(replied)[0]
    for option in ("--exclude apple", "--label fruit"):
        refused = await parts.commands.handle(asked(f"/find a {option}", pictures=(RED_PHOTO,)))
        assert refused.error.code == "invalid_request"


async def test_more_like_draws_the_picture_it_starts_from(parts: Parts) -> None:
    """A sheet needs no upload, and a hit whose file is gone leaves its frame empty."""
    first = await parts.commands.handle(asked("red fruits"))
    drawn = await parts.commands.act(button(first, "more_like"), asked(drawings=True))
    gone = part(drawn, Pictures).cards[0].id
    parts.library.files[gone].unlink()
    parts.thumbnails._kept.clear()
    again = await parts.commands.act(button(first, "more_like"), asked(drawings=True))
    assert part(again, ContactSheet).png != part(drawn, ContactSheet).png


async def test_an_album_gets_one_reply(parts: Parts) -> None:
    """Several photos are answered once, and the reply says which one it means."""
    reply = await parts.commands.handle(asked(pictures=(RED_PHOTO,) * 3))
    assert "3 pictures" in text_of(reply)


async def test_describe_and_classify(parts: Parts) -> None:
    """A photo gets the captions that match it, and a place among one's own labels."""
    described = await parts.commands.handle(asked("/describe -k 2", pictures=(RED_PHOTO,)))
    lines = part(described, CaptionList).lines
    assert len(lines) == 2
    assert all("red" in line.caption for line in lines)
    request = asked("/classify blue, red", pictures=(RED_PHOTO,), drawings=True)
    bars = part(await parts.commands.handle(request), LabelBars)
    assert [bar.label for bar in bars.bars] == ["red", "blue"]
    assert bars.png
    missing = await parts.commands.handle(asked("/classify a, b"))
    assert missing.error.code == "no_picture"
    one = await parts.commands.handle(asked("/classify a", pictures=(RED_PHOTO,)))
    assert one.error.code == "bad_labels"


async def test_private_answers_stay_private(parts: Parts) -> None:
    """The option marks the reply, and the pages that its buttons lead to."""
    first = await parts.commands.handle(asked("/find red --private"))
    assert first.private
    assert (await parts.commands.act(button(first, "page"), asked())).private
    assert (await parts.commands.act(button(first, "more_like"), asked())).private
    assert not (await parts.commands.handle(asked("/find red"))).private


async def test_help_takes_examples_from_the_collection(parts: Parts) -> None:
    """Three examples come from captions, or are general where there are none."""
    reply = await parts.commands.handle(asked("/help"))
    messages = part(reply, Examples).messages
    assert len(set(messages)) == 3
    captions = {caption for _, caption in parts.captions}
    assert all(message.removeprefix("/find ") in captions for message in messages)
    parts.library.snapshots["gallery"] = FakeSnapshot.of([])
    reply = await parts.commands.handle(asked("/help"))
    assert "/find orange fruits" in part(reply, Examples).messages


async def test_forged_buttons_reach_no_foreign_picture(parts: Parts) -> None:
    """A button with a foreign id, collection, count or nonsense is refused in words."""
    parts.library.files["p9999999"] = Path("/nowhere")
    for action, code in [
        (Action("find", "flamingo", collection="secret"), "not_found"),
        (Action("more_like", "p9999999"), "not_found"),
        (Action("find", "red", count=40), "expired_button"),
    ]:
        reply = await parts.commands.act(parts.codec.encode(action, "web"), asked())
        assert (reply.error.code, cards(reply)) == (code, [])
    assert (await parts.commands.act("garbage", asked())).error.code == "expired_button"
    found = await parts.commands.handle(asked("/find flamingo --collection secret"))
    assert found.error.code == "not_found"
