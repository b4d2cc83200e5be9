"""Every command on the real path: an update in, messages out, through the real library."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.telegram.text import text_of
from core.domain.types import Progress
from tests.adapters.telegram_parts import (
    ADA,
    GROUP,
    Talk,
    colour_of,
    labels,
    photos_of,
    talking,
)
from tests.fakes import picture_bytes
from tests.moving import animation

RED = picture_bytes("red", seed=77, edge=64)
_SCORE = re.compile(r"\n[01]\.\d\d · (strong|fair|weak)( · found by its (picture|caption))?$")


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot."""
    async with talking(tmp_path) as running:
        yield running


async def test_find_sends_an_album_and_then_the_buttons(talk: Talk) -> None:
    """Each photo is the right picture with number, caption and score; the keyboard follows."""
    *album, last = await talk.ask("/find orange fruits --count 3", 4)
    photos = photos_of(talk, album)
    assert [colour for colour, _ in photos] == ["orange"] * 3
    assert [caption.split(".")[0] for _, caption in photos] == ["1", "2", "3"]
    assert all("orange " in caption for _, caption in photos)
    assert all(_SCORE.search(caption) for _, caption in photos)
    assert len({message["media_group_id"] for message in album}) == 1
    assert last["text"] == "Matches 1–3 for “orange fruits”"  # noqa: RUF001 - a range
    assert labels(last) == ["More like #1", "More like #2", "More like #3", "Next 3"]


async def test_one_hit_is_one_photo_with_its_buttons(talk: Talk) -> None:
    """A single picture needs no album and no second message."""
    [message] = await talk.ask("/find blue cat --count 1")
    [(colour, caption)] = photos_of(talk, [message])
    assert colour == "blue"
    assert caption.startswith("Matches 1–1 for “blue cat”\n\n1. blue ")  # noqa: RUF001
    assert _SCORE.search(caption)
    assert labels(message) == ["More like #1", "Next 1"]
    await talk.idle()
    assert len(talk.sent) == 2


async def test_words_alone_are_a_find_in_private(talk: Talk) -> None:
    """Nobody has to know a command to search."""
    messages = await talk.ask("something green", 6)
    assert {colour for colour, _ in photos_of(talk, messages)} == {"green"}


async def test_a_posted_photo_gets_one_sheet_of_similar_pictures(talk: Talk) -> None:
    """The query stands beside its hits, whose captions and scores are text below."""
    await talk.server.say(ADA, ADA, photo=RED)
    [message] = await talk.answers()
    sheet = talk.server.world.picture(message)
    assert colour_of(sheet.crop((28, 28, 510, 510))) == "red"
    assert sheet.width > 1000
    heading, lines = message["caption"].split("\n\n")
    assert heading == "Similar pictures 1–5"  # noqa: RUF001 - a range
    assert (
        len(re.findall(r"^\d\. .*red .* · 0\.\d\d · (?:strong|fair|weak)$", lines, re.MULTILINE))
        == 5
    )
    assert labels(message)[-1] == "Next 5"
    assert message["reply_to_message"]["photo"]


async def test_similar_by_replying_to_a_picture(talk: Talk) -> None:
    """/similar mixes its text with the picture that it replies to."""
    picture = await talk.server.say(GROUP, ADA, photo=RED)
    question = await talk.server.say(GROUP, ADA, "/similar --count 2", reply_to=picture)
    [message] = await talk.answers()
    assert message["caption"].startswith("Similar pictures 1–2\n")  # noqa: RUF001 - a range
    assert message["reply_to_message"]["message_id"] == question["message_id"]


async def test_describe_lists_stored_captions(talk: Talk) -> None:
    """The captions are labelled as matched, each with its score and, on a sheet, its picture."""
    await talk.server.say(ADA, ADA, "/describe --count 3", photo=RED)
    [message] = await talk.answers()
    said = message["caption"]
    assert len(re.findall(r"^\d\. red .* · 0\.\d\d$", said, re.MULTILINE)) == 3
    assert "written for other pictures" in said
    sheet = talk.server.world.picture(message)
    assert colour_of(sheet.crop((28, 28, 510, 510))) == "red"
    assert colour_of(sheet.crop((580, 60, 740, 220))) == "red"


async def test_classify_draws_bars(talk: Talk) -> None:
    """The labels come as a drawing, and as text for who cannot see it."""
    await talk.server.say(ADA, ADA, "/classify red, blue, green", photo=RED)
    [message] = await talk.answers()
    assert talk.server.world.picture(message).width == 900
    assert re.search(r"▰{12} red · 1\.00\n", message["caption"])


async def test_reindex_is_one_message_that_is_edited(talk: Talk) -> None:
    """Progress is written over the first message, and so is the summary with the failures."""
    reindexing = talk.parts.reindexing
    [message] = await talk.ask("/reindex", chat=GROUP)
    reindexing.step(Progress("encode", 40, 100))
    await talk.server.until(lambda: "(40%)" in message["text"])
    assert "▰▰▰▰▰▱" in message["text"]
    [second] = await talk.ask("/reindex", chat=GROUP)
    assert "already being indexed: 40%" in second["text"]
    reindexing.finish.set()
    for each in (message, second):
        await talk.server.until(lambda each=each: "2 added" in each["text"])
        assert "bad.png: It is damaged." in each["text"]
    assert reindexing.calls == [("gallery", False)]
    assert len(talk.sent) == 2


async def test_the_end_of_a_reindex_is_said_anew_where_its_message_is_gone(talk: Talk) -> None:
    """Somebody who deletes the progress still learns how it ended."""
    [message] = await talk.ask("/reindex", chat=GROUP)
    talk.server.world.delete(message)
    talk.parts.reindexing.finish.set()
    [_, end] = await talk.answers(2)
    assert "2 added" in end["text"]


async def test_an_end_that_is_shown_already_is_not_said_twice(talk: Talk) -> None:
    """Telegram refuses an edit that changes nothing, which is no reason for a new message."""
    [message] = await talk.ask("/reindex", chat=GROUP)
    report = talk.parts.reindexing.report
    message["text"] = text_of(talk.parts.presenter.indexed(report))
    talk.parts.reindexing.finish.set()
    await talk.server.until(
        lambda: 400 in {call.status for call in talk.server.called("editMessageText")}
    )
    await talk.idle()
    assert len(talk.sent) == 2


async def test_status_goes_to_the_administrator_alone(talk: Talk) -> None:
    """What is private is answered in one's own chat with the bot."""
    [message] = await talk.ask("/status", chat=GROUP)
    assert message["chat"]["id"] == ADA
    assert "Model: fake, 32 dimensions, on cpu" in message["text"]
    assert "gallery: 21 pictures" in message["text"]
    assert "secret" not in message["text"]


async def test_help_and_start_show_examples(talk: Talk) -> None:
    """Three questions that this collection answers, and what else can be asked."""
    for text in ("/help", "/start", "/start help"):
        [message] = await talk.ask(text)
        assert len(re.findall(r"^/find [a-z ]+$", message["text"], re.MULTILINE)) == 3
        assert "/similar" in message["text"]
        assert "/reindex" not in message["text"]


@pytest.mark.parametrize("kind", ["document", "sticker", "video_sticker", "animation", "nameless"])
async def test_documents_stickers_and_what_moves_count_as_pictures(talk: Talk, kind: str) -> None:
    """Whatever way a picture is sent, it is looked at."""
    file_id = talk.server.world.store(RED)
    size = talk.server.world.size_of(file_id)
    still = {**size, "file_id": "never fetched"}
    moving = {"duration": 1, **size, "thumbnail": still}
    sticker = {**size, "type": "regular", "is_animated": False, "is_video": False}
    content = {
        "document": {"document": {**size, "mime_type": "image/png"}},
        "nameless": {"document": size},
        "sticker": {"sticker": sticker},
        "video_sticker": {"sticker": {**sticker, "is_video": True, "thumbnail": still}},
        "animation": {"animation": moving, "document": {**moving, "mime_type": "video/mp4"}},
    }[kind]
    await talk.server.say(ADA, ADA, "/describe --count 1", **content)
    [message] = await talk.answers()
    assert "\n1. red " in message["caption"]


@pytest.mark.parametrize("kind", ["animation", "video", "sticker", "video_note"])
async def test_what_moves_is_searched_by_its_frames(talk: Talk, kind: str) -> None:
    """By the one that finds the closest picture: red comes last, after a colour of none."""
    frames = [Image.new("RGB", (64, 64), "white"), Image.open(io.BytesIO(RED)).convert("RGB")]
    size = talk.server.world.size_of(talk.server.world.store(animation(frames)))
    moving = {"duration": 1, "length": 64, **size, "thumbnail": {**size, "file_id": "a still"}}
    sticker = {**moving, "type": "regular", "is_animated": False, "is_video": True}
    content = sticker if kind == "sticker" else moving
    await talk.server.say(ADA, ADA, "/similar", **{kind: content})
    [message] = await talk.answers()
    assert "1. red " in message["caption"]


async def test_a_video_that_is_too_large_is_searched_by_its_still(talk: Talk) -> None:
    """Telegram hands over no file of more than 20 MB."""
    still = talk.server.world.size_of(talk.server.world.store(RED))
    video = {**still, "file_id": "too large", "duration": 9, "file_size": 21 * 2**20}
    await talk.server.say(ADA, ADA, "/similar", video={**video, "thumbnail": still})
    [message] = await talk.answers()
    assert "1. red " in message["caption"]


async def test_words_below_a_forwarded_picture_are_not_the_askers(talk: Talk) -> None:
    """A forwarded post of any length is searched by its picture alone."""
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "somebody"}
    await talk.server.say(ADA, ADA, "long " * 150, photo=RED, forward_origin=origin)
    [message] = await talk.answers()
    assert message["caption"].startswith("Similar pictures 1–5\n")  # noqa: RUF001 - a range


async def test_files_that_are_no_pictures_are_named_so(talk: Talk) -> None:
    """A PDF is refused without being fetched."""
    pdf = {"file_id": "x", "file_unique_id": "x", "mime_type": "application/pdf"}
    await talk.server.say(ADA, ADA, document=pdf)
    [message] = await talk.answers()
    assert message["text"].startswith("That file is not a picture.")
    assert not talk.server.called("getFile")


async def test_an_album_gets_one_answer(talk: Talk) -> None:
    """Four photos at once are one question; late ones are not a second one."""
    for number in range(4):
        colour = ("red", "blue", "green", "black")[number]
        await talk.server.say(
            ADA,
            ADA,
            "something red" if number == 0 else None,
            photo=picture_bytes(colour, edge=64),
            media_group_id="7",
        )
    [message] = await talk.answers()
    assert "You sent 4 pictures; this answers the first one." in message["caption"]
    assert "mixed with “something red”" in message["caption"]
    await talk.server.say(ADA, ADA, photo=RED, media_group_id="7")
    await talk.idle()
    assert len(talk.sent) == 2


async def test_large_originals_are_sent_as_telegram_takes_them(talk: Talk) -> None:
    """A very long picture is put on a ground, so that it can be sent as a photo."""
    out = io.BytesIO()
    Image.new("RGB", (6000, 100), (220, 20, 30)).save(out, "PNG")
    for file in talk.parts.library.files.values():
        file.write_bytes(out.getvalue())
    [message] = await talk.ask("/find red fruits --count 1")
    sent = talk.server.world.picture(message)
    assert sent.size == (1280, 64)
    assert colour_of(sent) == "red"
