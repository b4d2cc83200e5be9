"""Texts on Telegram: lengths in UTF-16 units, no injection, nothing torn apart."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.protocol.replies import Facts, PictureCard, Reply
from bot.telegram.text import (
    CAPTION_UNITS,
    card_caption,
    cut,
    plain,
    sheet_caption,
    text_of,
    units,
)
from core.domain.types import Band
from tests.adapters.telegram_parts import ADA, GROUP, SMALL, Talk, photos_of, talking
from tests.fakes import picture_bytes
from tests.servers.telegram_world import entities_of, utf16
from tests.web.parts import Parts

RED = picture_bytes("red", seed=77, edge=64)
_NASTY = (
    "*bold* _it_ [x](http://a.b) <b>b</b> <a href='tg://user?id=11'>a</a> `c` ||s|| @ada_lovelace "
    "@everyone 👩‍👩‍👧‍👦 \u202eesrever \x07 עִבְרִית"
)


def _card(caption: str, number: int = 1) -> PictureCard:
    return PictureCard(number, f"p{number}", caption, 0.5, Band.FAIR, "0.50 · fair", "", 1, 1)


@pytest.mark.parametrize("width", [8, 60])
def test_rows_look_alike(width: int) -> None:
    """Beside their names, or all below them where one of these is as long as what it says."""
    rows = (("n" * 60, "one"), ("n" * width, "v" * 60))
    told = text_of(Reply((Facts(rows),)))
    between = ": " if width == 8 else "\n    "
    assert told == "\n".join(f"{name}{between}{value}" for name, value in rows)


@given(st.text(), st.integers(0, 60))
def test_cut_counts_as_telegram_does(text: str, limit: int) -> None:
    """The cut text fits, starts like the whole one, and is the whole one where that fits."""
    short = cut(text, limit)
    assert units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert units(short) <= limit
    assert short == text if units(text) <= limit else text.startswith(short.removesuffix("…"))


@pytest.mark.parametrize("whole", ["👩‍👩‍👧‍👦", "e\u0301\u0323", "❤\ufe0f"])
def test_cut_tears_nothing_apart(whole: str) -> None:
    """A family, an accented letter and a coloured heart are shown whole or not at all."""
    text = f"a{whole}b{whole}" + "c" * 30
    for limit in range(1, units(text)):
        rest = cut(text, limit).removesuffix("…").replace(whole, "").strip("abc")
        assert rest == ""


@given(st.text(st.sampled_from("@ab_ /\u2060.,\n👍é"), max_size=40))
def test_no_text_of_others_becomes_a_mention(text: str) -> None:
    """Telegram links names even in plain text; after this it finds none."""
    kinds = [entity["type"] for entity in entities_of(plain(text))]
    assert "mention" not in kinds


@given(st.lists(st.text(max_size=2000), min_size=1, max_size=10), st.text(max_size=600))
def test_captions_fit_whatever_they_say(captions: list[str], head: str) -> None:
    """Neither an album's captions nor a sheet's are longer than Telegram takes."""
    cards = [_card(caption, number) for number, caption in enumerate(captions, 1)]
    assert all(utf16(card_caption(card, cut(plain(head), 512))) <= CAPTION_UNITS for card in cards)
    sheet = sheet_caption(plain(head), cards)
    assert utf16(sheet) <= CAPTION_UNITS
    assert sheet.count(" · 0.50 · fair") >= len(cards)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot whose captions are hostile and long."""
    captions = [
        (colour, f"{colour} {_NASTY} {number} {'😀' * 700}")
        for number, (colour, _) in enumerate(SMALL)
    ]
    async with talking(tmp_path, parts=Parts(tmp_path, captions)) as running:
        yield running


async def test_captions_are_data(talk: Talk) -> None:
    """Markup is shown as it is written; no name is linked; ten long captions follow their sheet."""
    *album, last = await talk.ask("/find red --count 4", 5, chat=GROUP)
    for message in album:
        assert "*bold* _it_ [x](http://a.b) <b>b</b>" in message["caption"]
        assert "\u202e" not in message["caption"]
        kinds = {entity["type"] for entity in message.get("caption_entities", [])}
        assert "mention" not in kinds
    await talk.press(last, "More like #1")
    await talk.answers(after=5)
    await talk.server.say(ADA, ADA, "/describe --count 10", photo=RED)
    sheet, described = await talk.answers(2, after=6)
    assert talk.server.world.picture(sheet).width > 1000
    assert described["text"].count("\n10. ") == 1
    assert utf16(described["text"]) <= 4096


@pytest.mark.parametrize(
    "query", [_NASTY, "@ada_lovelace red", "שלום red עולם", "red " + "👍🏽" * 40, "<script>red"]
)
async def test_questions_are_data(talk: Talk, query: str) -> None:
    """What was asked is repeated without markup, mentions or turned lines."""
    messages = await talk.ask(f"/find {query} --count 1", chat=GROUP)
    [message] = messages
    for marks in ("entities", "caption_entities"):
        assert all(entity["type"] != "mention" for entity in message.get(marks, []))
    assert all("parse_mode" not in call.params for call in talk.server.calls)


async def test_the_longest_messages_survive(talk: Talk) -> None:
    """4,096 characters, the most that Telegram lets one write, are refused in words."""
    for text in ("red " * 1024, "/find " + "@ada " * 800, "א" * 4096):
        [message] = await talk.ask(text)
        assert utf16(message["text"]) < 400


async def test_a_name_that_is_all_emoji_does_not_confuse_the_offsets(tmp_path: Path) -> None:
    """Entities are counted in UTF-16 units, so a mention behind emoji is still found."""
    async with talking(tmp_path) as talk:
        await talk.server.say(GROUP, ADA, "👍👍👍 red @tangerine_test_bot please --count 1")
        [message] = await talk.answers()
        assert len(photos_of(talk, [message])) == 1
        assert "“👍👍👍 red please”" in message["caption"]


def test_cards_are_values() -> None:
    """Preparing a caption leaves its card as it was: replies may be drawn any number of times."""
    card = _card("@ada\x07")
    before = dataclasses.replace(card)
    card_caption(card)
    assert card == before
