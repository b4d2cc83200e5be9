"""Drawing: other people's text stays text, and no reply breaks a bound of Discord."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.discord.text import Budget, cut, literal, units
from bot.i18n.messages import Words
from bot.protocol.replies import (
    Button,
    CaptionLine,
    CaptionList,
    Document,
    ErrorInfo,
    Examples,
    Facts,
    LabelBar,
    LabelBars,
    Part,
    PictureCard,
    Pictures,
    ProgressBar,
    Reply,
    Text,
)
from core.domain.types import Band, PersonalData
from tests.adapters.discord_parts import ANA, Chat, add_collection, chatting
from tests.servers.discord_rules import (
    BUTTON,
    COMPONENTS_V2,
    TEXT,
    check_files,
    check_message,
    walk,
)
from tests.servers.discord_world import MIB
from tests.web.parts import Parts, languages

# Imported behind discord_parts, which silences what the library warns about on import.
from bot.discord.buttons import Press, button_id, button_parts  # isort: skip
from bot.discord.drawing import Drawer  # isort: skip
from bot.discord.files import ReplyFiles  # isort: skip
from bot.discord.layout import MessageDraft  # isort: skip
from bot.i18n.discord import drawing_words, intent_words  # isort: skip

HOSTILE = (
    "@everyone",
    "@here <@11> <@&5> <#5> <t:1:R> </find:5> <id:browse> <:x:5> <a:x:5>",
    "**bold** __under__ ~~gone~~ ||spoiler|| `code` ```block```",
    "[click](https://evil.example) https://evil.example <https://evil.example>",
    "# heading\n## heading\n-# small\n> quote\n- item\n* item\n1. item",
    "\u202eright to left\u202c \u2066isolated",
    "\\",
    "\\\\*a*",
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦" * 30,
    "\x00\x07\x1b[31mred",
    "a" * 10_000,
)
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=400))


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_is_escaped(text: str) -> None:
    """Every character that could begin markup or a mention stands behind a backslash."""
    shown = literal(text)
    assert units(shown) <= 4000
    assert "\n" not in shown
    bare = shown.replace("\\\\", "")
    for mark in "*_~|`<>[]@":
        assert bare.count(mark) == bare.count(f"\\{mark}")
    assert not re.search(r"(?<!\\)://", shown)
    assert not set(shown) & set("\u202e\u2066\x00\x1b")


def _hidden(character: str) -> bool:
    return character in TURNING or unicodedata.category(character) == "Cc"


@given(_TEXTS)
def test_escaping_shows_what_was_written(text: str) -> None:
    """Behind each backslash stands what was meant: the text on one line, nothing else."""
    seen = re.sub(r"\\(.)", r"\1", literal(text, 10**6))
    written = ["".join(c for c in word if not _hidden(c)) for word in text.split()]
    assert seen.split() == [word for word in written if word]


@given(_TEXTS, st.integers(min_value=0, max_value=60))
def test_a_cut_never_ends_in_half_an_escape(text: str, limit: int) -> None:
    """Whatever the limit, it is kept, and the ellipsis is not escaped."""
    shown = literal(text, limit)
    assert units(shown) <= limit
    if shown.endswith("…") and not text.rstrip().endswith("…"):
        before = shown[:-1]
        assert (len(before) - len(before.rstrip("\\"))) % 2 == 0


def test_characters_beyond_the_basic_plane_count_twice() -> None:
    """As in UTF-16."""
    assert units("a😀") == 3
    assert cut("😀😀", 3) == "😀…"


def test_lines_that_do_not_fit_are_left_out_whole() -> None:
    """The last one becomes an ellipsis."""
    assert Budget(12).take_lines(["aaaa", "bbbb", "cccc"]) == "aaaa\nbbbb\n…"


@given(
    caller=st.integers(min_value=0, max_value=2**64 - 1),
    action=st.text(min_size=1, max_size=64),
    in_place=st.booleans(),
)
def test_buttons_carry_all_that_they_need(caller: int, action: str, *, in_place: bool) -> None:
    """Any user and any action fit, and come back."""
    custom_id = button_id(caller, action, in_place=in_place)
    assert len(custom_id) <= 100
    assert button_parts(custom_id) == Press(caller, action, in_place)


_CARDS = st.builds(
    lambda n, caption: PictureCard(
        n, f"none{n}", caption, 0.5, Band.FAIR, "0.50 · fair", caption * 3, 10, 10
    ),
    st.integers(min_value=1, max_value=10),
    _TEXTS,
)
_PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, _TEXTS.filter(str.strip), st.sampled_from(["plain", "heading", "note"])),
    st.builds(Pictures, st.lists(_CARDS, max_size=10, unique_by=lambda c: c.number).map(tuple)),
    st.builds(
        CaptionList,
        st.lists(_TEXTS, max_size=10).map(
            lambda texts: tuple(CaptionLine(n, t, 0.5, "0.50", "x", t) for n, t in enumerate(texts))
        ),
    ),
    st.builds(Facts, st.lists(st.tuples(_TEXTS, _TEXTS), max_size=30).map(tuple)),
    st.builds(Examples, st.lists(_TEXTS, max_size=3).map(tuple)),
    st.builds(ProgressBar, _TEXTS, st.just(1), st.sampled_from([0, 2]), _TEXTS),
    st.builds(
        LabelBars,
        st.lists(_TEXTS, max_size=20).map(
            lambda texts: tuple(LabelBar(t, 0.5, 0.5, "0.50") for t in texts)
        ),
        _TEXTS,
    ),
    st.builds(
        Document,
        _TEXTS,
        st.sampled_from([b"", b"PK", bytes(10**6 + 1)]),
        st.just("application/zip"),
    ),
)


@given(parts=st.lists(_PARTS, max_size=4), error=st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_reply_keeps_discord_s_bounds(
    tmp_path: Path,
    parts: list[Part],
    error: bool,
) -> None:
    """Any parts with any texts: the rules that the loopback server enforces hold."""
    fakes = Parts(tmp_path, captions=(("red", "red cat"),))
    files = ReplyFiles(fakes.library, fakes.thumbnails, fakes.decoder)
    pictures = next((part for part in parts if isinstance(part, Pictures)), Pictures(()))
    buttons = [
        Button("more_like", f"More like #{c.number}", f"m5|{c.number}", subject=c.number)
        for c in pictures.cards
    ]
    buttons += [
        Button("remove", f"Remove #{c.number}", f"r5|{c.number}", subject=c.number)
        for c in pictures.cards[:2]
    ]
    buttons.append(Button("page", "Next 5", "f5.5|red"))
    info = ErrorInfo("internal", "m", "r") if error else None
    # One heading and one gallery at most, as the presenter has it.
    kept = [p for p in parts if not isinstance(p, Pictures) or p is pictures]
    reply = Reply((Text("Heading", "heading"), *kept), tuple(buttons), error=info)
    drawing = await Drawer(files).draw(
        reply, drawing_words(Words().translate), community="web", caller=2**63, limit=10**6
    )
    for message in (drawing, *drawing.more):
        uploads = {upload.name: upload.data for upload in message.uploads}
        assert len(uploads) == len(message.uploads)
        check_files(uploads, limit=10**6)
        payload = {"flags": COMPONENTS_V2, "components": message.view.to_components()}
        check_message(payload, uploads)
        assert message.view.is_finished()
    drawn = [c for c in walk(drawing.view.to_components()) if c["type"] == BUTTON]
    assert len(drawn) == len(buttons)


async def _drawn(folder: Path, *documents: Document, limit: int) -> tuple[MessageDraft, str]:
    fakes = Parts(folder, captions=(("red", "red cat"),))
    files = ReplyFiles(fakes.library, fakes.thumbnails, fakes.decoder)
    reply = Reply((Text("All of it", "heading"), *documents))
    drawing = await Drawer(files).draw(
        reply, drawing_words(Words().translate), community="web", caller=1, limit=limit
    )
    texts = [c["content"] for c in walk(drawing.view.to_components()) if c["type"] == TEXT]
    return drawing, "\n".join(texts)


async def test_files_go_with_as_many_messages_as_they_need(tmp_path: Path) -> None:
    """Three of 8 MiB fit into a request of Discord: ten come in four messages, in order."""
    sizes = [8 * MIB - number for number in range(10)]
    documents = [Document("part.zip", bytes(size), "application/zip") for size in sizes]
    drawing, text = await _drawn(tmp_path, *documents, limit=10 * MIB)
    messages = (drawing, *drawing.more)
    assert [len(message.uploads) for message in messages] == [3, 3, 3, 1]
    sent = [upload for message in messages for upload in message.uploads]
    assert [len(upload.data) for upload in sent] == sizes
    assert [upload.name for upload in sent[:2]] == ["part.zip", "2-part.zip"]
    assert text == "### All of it"


async def test_many_small_files_come_ten_by_ten(tmp_path: Path) -> None:
    """Discord takes ten files with one message."""
    documents = [Document(f"{n}.txt", b"x", "text/plain") for n in range(12)]
    drawing, _ = await _drawn(tmp_path, *documents, limit=10 * MIB)
    assert [len(message.uploads) for message in (drawing, *drawing.more)] == [10, 2]


async def test_a_file_that_discord_does_not_take_is_named(tmp_path: Path) -> None:
    """With its size; those that fit come all the same."""
    large = Document("large *all*.zip", bytes(3 * MIB), "application/zip")
    small = Document("small.zip", b"PK", "application/zip")
    drawing, text = await _drawn(tmp_path, large, small, limit=2 * MIB)
    assert [upload.data for upload in drawing.uploads] == [b"PK"]
    expected = r"The file large \*all\*.zip is larger than Discord takes here: 3.0 MiB."
    assert text == f"### All of it\n{expected}"


@pytest.mark.parametrize("language", sorted(languages().all))
async def test_our_own_words_are_shown_whole(tmp_path: Path, language: str) -> None:
    """What is kept of people, and what an operator has to do, is cut short in no language."""
    presenter = languages().presenter(language)
    info = presenter.privacy.info(PersonalData("discord:1", (), 3), 2, kept_days=30)
    note = Text(intent_words(presenter.words.translate), "note")
    fakes = Parts(tmp_path, captions=(("red", "red cat"),))
    drawing = await Drawer(ReplyFiles(fakes.library, fakes.thumbnails, fakes.decoder)).draw(
        replace(info, parts=(*info.parts, note)),
        drawing_words(presenter.words.translate),
        community="web",
        caller=1,
        limit=MIB,
    )
    texts = [c["content"] for c in walk(drawing.view.to_components()) if c["type"] == TEXT]
    assert sum(map(len, texts)) > 400
    assert not any("…" in text for text in texts)


async def test_hostile_captions_and_questions_ping_nobody(tmp_path: Path) -> None:
    """On the real path: escaped in the text, and no mention is allowed to any message."""
    parts = Parts(tmp_path)
    del parts.library.snapshots["gallery"]
    add_collection(
        parts, "hostile", [("red", text) for text in HOSTILE if "\x00" not in text], {"*"}
    )
    async with chatting(parts) as chat:
        for text in HOSTILE[:8]:
            shown = await _weakly(chat, text)
            assert "\\@everyone" in shown or "@everyone" not in shown
            assert not re.search(r"(?<!\\)\]\(", shown)
        for message in chat.discord.rest.store.messages.values():
            allowed = message.get("allowed_mentions")
            assert allowed is None or allowed["parse"] == []


async def _weakly(chat: Chat, text: str) -> str:
    exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": f"red {text}"[:200]})
    shown = await chat.discord.answer(exchange)
    if "Show anyway" in shown.buttons:
        press = await chat.discord.press(ANA, chat.server, shown, shown.buttons["Show anyway"])
        shown = await chat.discord.answer(press)
    return shown.text
