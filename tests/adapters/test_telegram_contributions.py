"""Adding and removing pictures on the real path: an update in, pictures and buttons out."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from tests.adapters.telegram_parts import (
    ADA,
    BEN,
    EVE,
    GROUP,
    Talk,
    colour_of,
    data_of,
    labels,
    photos_of,
    talking,
)
from tests.fakes import picture_bytes
from tests.servers.telegram_world import Json

CYAN = picture_bytes("cyan", seed=9, edge=64)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot; Ada owns the group."""
    async with talking(tmp_path) as running:
        yield running


def _large(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2000, 1500), colour).save(out, "JPEG")
    return out.getvalue()


def _encoded_anew(picture: bytes) -> bytes:
    """The same pixels in other bytes."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(out, "PNG", compress_level=0)
    return out.getvalue()


async def _added(talk: Talk, text: str = "/add a cyan kite") -> Json:
    before = len(talk.sent)
    await talk.server.say(GROUP, ADA, text, photo=CYAN)
    [message] = await talk.answers(after=before)
    return message


async def test_add_shows_what_was_added_and_it_is_found(talk: Talk) -> None:
    """The picture itself with caption and id, below the question; the next search finds it."""
    message = await _added(talk)
    [(colour, caption)] = photos_of(talk, [message])
    assert colour == "cyan"
    [upload] = talk.parts.contributions.uploads.values()
    assert caption.startswith("Added to “gallery”\n")
    assert "“gallery” has 22 pictures now." in caption
    assert f"1. a cyan kite\nid {upload.picture.id}" in caption
    assert (upload.uploader, upload.community) == (f"telegram:{ADA}", f"telegram:{GROUP}")
    assert upload.file.read_bytes() == CYAN
    assert labels(message) == ["Undo"]
    [found] = await talk.ask("/find cyan kite --count 1", chat=EVE, user=EVE)
    assert photos_of(talk, [found])[0][0] == "cyan"
    # What was shown when it was added is not uploaded a second time.
    assert len(talk.server.world.uploads) == 1


@pytest.mark.parametrize("way", ["caption", "reply", "document", "reply to a document", "sticker"])
async def test_add_takes_the_picture_as_large_as_it_was_sent(talk: Talk, way: str) -> None:
    """By caption or by reply, as a photo or as a file: the largest copy is kept."""
    large = _large((0, 210, 220))
    size = talk.server.world.size_of(talk.server.world.store(large))
    document = {**size, "mime_type": "image/jpeg"}
    sticker = {**size, "type": "regular", "is_animated": False, "is_video": False}
    if way == "caption":
        await talk.server.say(GROUP, ADA, "/add kite", photo=large)
    elif way == "document":
        await talk.server.say(GROUP, ADA, "/add kite", document=document)
    else:
        content = {
            "reply": {"photo": large},
            "reply to a document": {"document": document},
            "sticker": {"sticker": sticker},
        }[way]
        posted = await talk.server.say(GROUP, EVE, **content)  # type: ignore[arg-type]
        await talk.server.say(GROUP, ADA, "/add kite", reply_to=posted)
    [message] = await talk.answers()
    assert colour_of(talk.server.world.picture(message)) == "cyan"
    [upload] = talk.parts.contributions.uploads.values()
    assert upload.file.read_bytes() == large
    assert upload.picture.caption == "kite"


async def test_a_duplicate_is_shown_and_a_similar_one_added_on_demand(talk: Talk) -> None:
    """The picture that is there comes back; "Add anyway" fetches the asked one again."""
    first = await _added(talk)
    again = await _added(talk, "/add the same kite")
    assert again["caption"].startswith("“gallery” has this picture already\n")
    assert labels(again) == []
    assert colour_of(talk.server.world.picture(again)) == "cyan"
    near = _encoded_anew(CYAN)
    await talk.server.say(GROUP, ADA, "/add another kite", photo=near)
    [_, _, similar] = await talk.answers(3)
    assert similar["caption"].startswith("“gallery” has a picture that is nearly the same\n")
    assert labels(similar) == ["Add anyway"]
    assert len(talk.parts.contributions.uploads) == 1
    await talk.press(similar, "Add anyway")
    [added] = await talk.answers(after=3)
    assert added["caption"].startswith("Added to “gallery”\n")
    assert [u.file.read_bytes() for u in talk.parts.contributions.uploads.values()] == [CYAN, near]
    assert first["message_id"] != added["message_id"]


async def test_undo_takes_the_picture_out_again(talk: Talk) -> None:
    """For its uploader; once, and with the words that it is gone."""
    message = await _added(talk)
    assert (await talk.press(message, "Undo", EVE))["text"].startswith("Only the person who asked")
    assert "text" not in await talk.press(message, "Undo")
    [removed] = await talk.answers(after=1)
    assert removed["text"].startswith("Removed from “gallery”: a cyan kite (id ")
    # While the first press is at work, a second one of the same person is taken for it.
    await talk.idle()
    assert "There is no such picture" in (await talk.press(message, "Undo"))["text"]


async def test_remove_by_id_can_be_undone_for_five_minutes(talk: Talk) -> None:
    """The answer is for the administrator alone, and its button acts for the group."""
    [removed] = await talk.ask("/remove p0000000", chat=GROUP)
    assert removed["chat"]["id"] == ADA
    assert removed["text"].startswith("Removed from “gallery”: red fruits (id p0000000).")
    assert labels(removed) == ["Undo"]
    [nothing] = await talk.ask("/remove p0000000", chat=GROUP)
    assert nothing["text"].startswith("There is no such picture here.")
    await talk.press(removed, "Undo")
    [back] = await talk.answers(after=2)
    [(colour, caption)] = photos_of(talk, [back])
    assert colour == "red"
    assert caption.startswith("Back in “gallery”\n\n1. red fruits\n")
    [late] = await talk.ask("/remove p0000000", chat=GROUP)
    talk.parts.clock.advance(301)
    assert "too long ago" in (await talk.press(late, "Undo"))["text"]
    assert "p0000000" in talk.parts.contributions.removed


async def test_remove_by_words_lets_choose(talk: Talk) -> None:
    """The nearest pictures as an album, and a button that removes each of them."""
    *album, keyboard = await talk.ask("/remove red fruits", 6, chat=GROUP)
    assert {message["chat"]["id"] for message in [*album, keyboard]} == {ADA}
    assert {colour for colour, _ in photos_of(talk, album)} == {"red"}
    assert "“red fruits”" in keyboard["text"]
    assert labels(keyboard) == [f"Remove #{number}" for number in range(1, 6)]
    chosen = album[1]["caption"].split("\n")[0].removeprefix("2. ")
    await talk.press(keyboard, "Remove #2")
    [removed] = await talk.answers(after=6)
    assert f": {chosen} (id " in removed["text"]
    [gone] = talk.parts.contributions.removed.values()
    assert (gone.picture.caption, gone.remover) == (chosen, f"telegram:{ADA}")


async def test_remove_in_reply_to_a_picture_of_the_bot(talk: Talk) -> None:
    """What is pointed at is what is meant, also after a restart; other pictures are not."""
    *album, _ = await talk.ask("/find red --count 3", 4, chat=GROUP, user=EVE)
    meant = album[1]["caption"].split("\n")[0].removeprefix("2. ")
    await talk.server.say(GROUP, ADA, "/remove", reply_to=album[1])
    [removed] = await talk.answers(after=4)
    assert f": {meant} (id " in removed["text"]
    [blue] = await talk.ask("/find blue --count 1", chat=GROUP, user=EVE)
    named = await talk.server.say(GROUP, ADA, "/remove p0000001", reply_to=blue)
    await talk.answers(after=6)
    assert set(talk.parts.contributions.removed) >= {"p0000001"}
    [gone] = [g for g in talk.parts.contributions.removed.values() if g.picture.id != "p0000001"]
    assert gone.picture.caption == meant
    assert named["text"] == "/remove p0000001"
    posted = await talk.server.say(GROUP, EVE, photo=CYAN)
    await talk.server.say(GROUP, ADA, "/remove", reply_to=posted)
    [told] = await talk.answers(after=7)
    assert told["chat"]["id"] == GROUP
    assert len(talk.parts.contributions.removed) == 2


async def test_an_anonymous_administrator_removes_in_the_group(talk: Talk) -> None:
    """There is no private chat to answer in; administrators press, whoever they are."""
    await talk.server.say(GROUP, None, "/remove red fruits")
    *album, keyboard = await talk.answers(6)
    assert {message["chat"]["id"] for message in [*album, keyboard]} == {GROUP}
    assert (await talk.press(keyboard, "Remove #1", EVE))["text"].startswith("Only the person")
    assert "text" not in await talk.press(keyboard, "Remove #1", BEN)
    [removed] = await talk.answers(after=6)
    assert removed["chat"]["id"] == BEN
    [gone] = talk.parts.contributions.removed.values()
    assert album[0]["caption"].startswith(f"1. {gone.picture.caption}\n")
    assert "text" not in await talk.press(removed, "Undo", BEN)
    await talk.idle()
    assert talk.parts.contributions.removed == {}


async def test_no_way_shows_a_removed_picture(talk: Talk) -> None:
    """Neither a search, nor inline results, nor the buttons of answers from before."""
    *album, keyboard = await talk.ask("/find red --count 5", 6)
    ids = {message["photo"][-1]["file_id"]: message["caption"] for message in album}
    first = album[0]["caption"].split("\n")[0].removeprefix("1. ")
    before = await talk.inline(ADA, "red")
    assert first in {result["caption"] for result in before["results"]}
    picture = next(p for p in talk.parts.snapshot.pictures if p.caption == first)
    await talk.ask(f"/remove {picture.id}", chat=GROUP)
    after = await talk.inline(ADA, "red")
    assert len(after["results"]) == len(before["results"]) - 1
    assert first not in {result["caption"] for result in after["results"]}
    assert all(not ids[r["photo_file_id"]].startswith("1. ") for r in after["results"])
    alert = await talk.press(keyboard, "More like #1")
    assert alert["text"]
    for chat, text in ((ADA, "/find red --count 5"), (BEN, f"/find {first} --count 5")):
        again = await talk.ask(text, 5, chat=chat, user=chat)
        await talk.idle()
        shown = [m for m in talk.sent[-6:] if m["chat"]["id"] == chat]
        assert all(first not in m.get("caption", "") for m in [*again, *shown])
        assert all(
            ids.get(m["photo"][-1]["file_id"], "2.")[:2] != "1." for m in again if "photo" in m
        )
    page = await talk.pressed(await talk.server.press(keyboard, data_of(keyboard, "Next"), ADA))
    assert "text" not in page or first not in page["text"]
