"""From what was written to a command with checked options."""

# ruff: noqa: RUF001 - full-width letters and commas are what is tested

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.parser import parse, split_list
from bot.protocol.definitions import COMMANDS, CommandDefinition
from bot.protocol.requests import InMemory, Request
from core.domain.errors import BadCount, BadSetting, InvalidRequest, TangerineError

PHOTO = (InMemory(b"bytes"),)


def request(text: str = "", **values: object) -> Request:
    """A request of the web chat."""
    return Request("web", "web", "web:1", text=text, **values)


def parsed(text: str, **values: object) -> tuple[str, dict[str, object]]:
    """The command's name and its options."""
    invocation = parse(request(text, **values))
    return invocation.command.name, dict(invocation.options)


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("/find orange fruits", "find", {"query": "orange fruits"}),
        ("orange fruits", "find", {"query": "orange fruits"}),
        ("/FIND@tangerine_bot a cat", "find", {"query": "a cat"}),
        ("/find a cat --exclude a dog", "find", {"query": "a cat", "exclude": "a dog"}),
        ("/find --exclude x --count 3", "find", {"exclude": "x", "count": 3}),
        ("/find --count 3 a cat", "find", {"query": "a cat", "count": 3}),
        ("/find a cat -k 7", "find", {"query": "a cat", "count": 7}),
        ("/find a cat --count=7", "find", {"query": "a cat", "count": 7}),
        ('/find --exclude "red cars" boats', "find", {"query": "boats", "exclude": "red cars"}),
        ("/find cat —exclude dog", "find", {"query": "cat", "exclude": "dog"}),
        ("/find cats —sleeping", "find", {"query": "cats —sleeping"}),
        ("/find well-known -- or not", "find", {"query": "well-known -- or not"}),
        ("/find --private a cat", "find", {"query": "a cat", "private": True}),
        ("/etc/passwd", "find", {"query": "/etc/passwd"}),
        ("/classify cat, dog;\nhorse,,", "classify", {"labels": ("cat", "dog", "horse")}),
        ("/reindex stamps --full", "reindex", {"collection": "stamps", "full": True}),
        (
            "/add a red boat --collection stamps",
            "add",
            {"caption": "a red boat", "collection": "stamps"},
        ),
        ("/remove p0000001", "remove", {"id": "p0000001"}),
        ("/settings --photos ON --weak hide", "settings", {"photos": "on", "weak": "hide"}),
        ("/settings photos off count 3", "settings", {"photos": "off", "count": 3}),
        ("/settings text_cooldown=0", "settings", {"text_cooldown": 0}),
        ("/settings", "settings", {}),
        ("/privacy Export", "privacy", {"action": "export"}),
        ("/privacy --action delete", "privacy", {"action": "delete"}),
        ("/settings photos: on", "settings", {"photos": "on"}),
        ("/settings photos:on, count: 3", "settings", {"photos": "on", "count": 3}),
        ("/settings count : 3 weak = hide", "settings", {"count": 3, "weak": "hide"}),
        ("／settings photos：on　count＝3", "settings", {"photos": "on", "count": 3}),
        ("/settings --photos: off", "settings", {"photos": "off"}),
        (
            "/find a cat count: 3 private: yes",
            "find",
            {"query": "a cat", "count": 3, "private": True},
        ),
        ("/find query: a cat exclude: a dog", "find", {"query": "a cat", "exclude": "a dog"}),
        ("/find a cat --private=no", "find", {"query": "a cat", "private": False}),
        ("/find label:shoe red", "find", {"query": "label:shoe red"}),
        ("/find a sign: no entry", "find", {"query": "a sign: no entry"}),
        ("a sign count: 3", "find", {"query": "a sign count: 3"}),
        ("/find count of monte cristo", "find", {"query": "count of monte cristo"}),
        ("/describe count: 3", "describe", {"count": 3}),
        (
            "/reindex collection: stamps full: no",
            "reindex",
            {"collection": "stamps", "full": False},
        ),
        ("/moderation action: add weapon", "moderation", {"action": "add", "criterion": "weapon"}),
        ("/privacy action: delete", "privacy", {"action": "delete"}),
        (
            "/classify labels: cat、dog，horse；fish",
            "classify",
            {"labels": ("cat", "dog", "horse", "fish")},
        ),
        ("/classify قطة، كلب؛ حصان", "classify", {"labels": ("قطة", "كلب", "حصان")}),
        ("/start", "help", {}),
        ("/start from_a_link", "help", {}),
        ("", "help", {}),
    ],
)
def test_text_becomes_a_command(text: str, name: str, options: dict[str, object]) -> None:
    """A message names a command, or is a question; options may stand anywhere in it."""
    assert parsed(text) == (name, options)


def test_a_photo_alone_is_a_similar() -> None:
    """A photo without a command finds similar ones, mixed with its text."""
    assert parsed("", pictures=PHOTO) == ("similar", {})
    assert parsed("but blue", pictures=PHOTO) == ("similar", {"text": "but blue"})
    assert parsed("", replied=PHOTO) == ("similar", {})
    assert parsed("/describe", pictures=PHOTO) == ("describe", {})


@pytest.mark.parametrize("text", ["/find x --count 0", "/find x --count 11", "/find x -k many"])
def test_counts_are_bounded(text: str) -> None:
    """A count is a number from 1 to 10, and the error says so."""
    with pytest.raises(BadCount, match="1 to 10"):
        parse(request(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/settings --photos maybe", "photos cannot be “maybe”. Choose one of: on, off."),
        ("/settings --weak", "weak cannot be “”. Choose one of: show, hide."),
        ("/settings --text_cooldown 3601", "text_cooldown cannot be “3601”. Give 0 to 3600."),
        ("/settings --picture_cooldown -1", "picture_cooldown cannot be “-1”. Give 0 to 3600."),
        ("/settings --picture_cooldown soon", "“soon” is not a number"),
        ("/privacy everything", "Choose one of: info, export, delete."),
        ("/settings photos: maybe", "photos cannot be “maybe”. Choose one of: on, off."),
        ("/settings photos", "photos cannot be “”. Choose one of: on, off."),
        ("/find a cat private: maybe", "private cannot be “maybe”. Choose one of: yes, no."),
        ("/moderation words", "action cannot be “words”"),
    ],
)
def test_values_that_do_not_exist_are_refused(text: str, reason: str) -> None:
    """A choice outside its values and a number outside its range name what there is."""
    with pytest.raises(BadSetting) as refused:
        parse(request(text))
    assert reason in str(refused.value)


def test_what_is_unknown_is_named_with_what_there_is() -> None:
    """An unknown command or option is answered with those that exist."""
    with pytest.raises(InvalidRequest, match=r"/finde.*/find, /similar"):
        parse(request("/finde x"))
    with pytest.raises(InvalidRequest, match=r"--limit.*--count, --exclude"):
        parse(request("/find x --limit 3"))
    with pytest.raises(InvalidRequest, match="takes none"):
        parse(request("/help --me"))
    with pytest.raises(InvalidRequest, match="no option --picture"):
        parse(request("/similar --picture x"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/settings photo: on", "“photo: on”. It has: --photos, --weak"),
        ("/settings photos on please", "“please”. It has: --photos"),
        ("/settings everything", "“everything”"),
        ("/status now", "“now”. It takes none."),
        ("/help me", "“me”. It takes none."),
        ("/describe what is this", "“what is this”. It has: --count"),
        ("/describe --count 3 cats", "“cats”"),
    ],
)
def test_what_is_not_understood_is_said(text: str, named: str) -> None:
    """Words that no option takes are an error that names them, not passed over."""
    with pytest.raises(InvalidRequest) as refused:
        parse(request(text))
    assert f"does not understand {named}" in str(refused.value)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.rest is None])
def test_no_command_passes_over_words(command: CommandDefinition) -> None:
    """Every command that takes no words says so."""
    with pytest.raises(InvalidRequest, match="does not understand “surplus words”"):
        parse(request(f"/{command.name} surplus words"))


def test_lists_are_parted_by_the_commas_of_any_keyboard() -> None:
    """Japanese, Chinese and Arabic commas and semicolons part what ours do."""
    for comma in ",;、，；،؛､\n":
        assert split_list(f" one {comma} two {comma}{comma}") == ("one", "two")


def test_a_platforms_own_options_are_checked_alike() -> None:
    """Typed options of a slash command obey the same bounds as written ones."""
    typed = request(command="find", options={"query": "a --cat", "count": 3, "private": True})
    assert parse(typed).options == {"query": "a --cat", "count": 3, "private": True}
    labels = request(command="classify", options={"labels": "cat, dog"})
    assert parse(labels).labels == ("cat", "dog")
    with pytest.raises(BadCount):
        parse(request(command="find", options={"query": "x", "count": 99}))
    chosen = request(command="settings", options={"photos": "on", "text_cooldown": 7})
    assert parse(chosen).options == {"photos": "on", "text_cooldown": 7}
    with pytest.raises(BadSetting):
        parse(request(command="settings", options={"text_cooldown": 9999}))


def test_option_names_fit_both_platforms() -> None:
    """Names are lower-case words of at most 32 characters, unique in their command."""
    for command in COMMANDS:
        names = [command.name, *(option.name for option in command.options)]
        assert all(re.fullmatch(r"[a-z_]{1,32}", name) for name in names)
        assert len(set(names)) == len(names)
        # Discord wants the required options first.
        required = [option.required for option in command.options]
        assert required == sorted(required, reverse=True)


@given(st.text(max_size=300))
def test_any_text_is_a_command_or_a_typed_error(text: str) -> None:
    """No text breaks the parser."""
    try:
        command = parse(request(text)).command
    except TangerineError:
        return
    assert command in COMMANDS
