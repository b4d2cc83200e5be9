"""Buttons: paging, more like this, whose they are, and how long they live."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.discord_parts import ANA, BEN, Chat, chatting, colour_of, colours_of
from tests.fakes import picture_bytes
from tests.servers.discord_people import Discord
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import Person
from tests.web.parts import Parts

GREEN = ("green.png", picture_bytes("green", seed=77, edge=64))


async def _press(chat: Chat, shown: Shown, label: str, person: Person = ANA) -> Shown:
    exchange = await chat.discord.press(person, chat.server, shown, shown.buttons[label])
    return await chat.discord.answer(exchange)


async def _find(chat: Chat, query: str = "red", **options: object) -> Shown:
    exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": query, **options})
    return await chat.discord.answer(exchange)


async def test_next_shows_the_following_page(tmp_path: Path) -> None:
    """Numbers go on where the first page ended, and no picture comes twice."""
    async with chatting(Parts(tmp_path)) as chat:
        first = await _find(chat, count=2)
        second = await _press(chat, first, "Next 2")
        third = await _press(chat, second, "Next 2")
        assert "Matches 3–4 for “red”" in second.text  # noqa: RUF001 - a range
        assert "**5** red" in third.text
        assert [colour_of(data) for data in second.pictures] == ["red"] * 2
        assert len({*first.pictures, *second.pictures, *third.pictures}) >= 5


async def test_more_like_starts_from_the_numbered_picture(tmp_path: Path) -> None:
    """The sheet is of that picture's colour, whatever the first question was."""
    async with chatting(Parts(tmp_path)) as chat:
        shown = await _press(chat, await _find(chat, "a blue cat"), "More like #1")
        assert "### More like “blue house on a hill”, 1–5" in shown.text  # noqa: RUF001 - a range
        assert colours_of(shown.pictures[0])["blue"] > 0.2


async def test_weak_matches_are_shown_on_demand(tmp_path: Path) -> None:
    """Nothing close: it says so, and shows them when asked."""
    async with chatting(Parts(tmp_path)) as chat:
        nothing = await _find(chat, "quarterly tax declaration")
        assert "No close match" in nothing.text
        assert nothing.pictures == []
        anyway = await _press(chat, nothing, "Show anyway")
        assert len(anyway.pictures) == 5


async def test_similar_pages_by_the_picture_in_the_message(tmp_path: Path) -> None:
    """The asked picture is read from the reply itself, and goes along again."""
    async with chatting(Parts(tmp_path)) as chat:
        asked = await chat.discord.slash(ANA, chat.server, "similar", {"count": 2}, picture=GREEN)
        first = await chat.discord.answer(asked)
        second = await _press(chat, first, "Next 2")
        assert "### Similar pictures 3–4" in second.text  # noqa: RUF001 - a range
        assert "**3** green" in second.text
        assert second.thumbnail == GREEN[1]
        assert "**5** green" in (await _press(chat, second, "Next 2")).text


async def test_buttons_survive_a_restart(tmp_path: Path) -> None:
    """A new process knows nothing of the old one and answers its buttons all the same."""
    (tmp_path / "new").mkdir()
    async with chatting(Parts(tmp_path)) as old:
        found = await _find(old, count=2)
        similar = await old.discord.answer(
            await old.discord.slash(ANA, old.server, "similar", {"count": 2}, picture=GREEN)
        )
        files = dict(old.discord.rest.store.files)
        async with chatting(Parts(tmp_path / "new")) as chat:
            _move(similar, old.discord, chat.discord)
            chat.discord.rest.store.files |= files
            assert "**3** red" in (await _press(chat, found, "Next 2")).text
            assert "**3** green" in (await _press(chat, similar, "Next 2")).text
            assert "More like “red" in (await _press(chat, found, "More like #2")).text


async def test_a_forgotten_text_says_that_the_button_expired(tmp_path: Path) -> None:
    """A text too long for a button is kept in memory; a new process says so, privately."""
    (tmp_path / "new").mkdir()
    async with chatting(Parts(tmp_path)) as old:
        found = await _find(old, "red " * 45)
        assert "**6** " in (await _press(old, found, "Next 5")).text
        async with chatting(Parts(tmp_path / "new")) as chat:
            answer = await _press(chat, found, "Next 5")
            assert answer.private
            assert answer.text == "This button has expired. Ask again to get a new one."


async def test_buttons_obey_their_caller_only(tmp_path: Path) -> None:
    """Somebody else is told so privately, and nothing is searched for them."""
    async with chatting(Parts(tmp_path)) as chat:
        shown = await _find(chat)
        searched = len(chat.parts.embedder.encoder.batches)
        refused = await _press(chat, shown, "More like #1", BEN)
        assert refused.private
        assert "These buttons belong to the person who asked." in refused.text
        assert len(chat.parts.embedder.encoder.batches) == searched


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "b:",
        "b:zzz",
        "b:f5",
        "b:q5|red",
        "b:fzz|red",
        "b:f5.zzzz|red",
        "!!:f5|red",
        "b:f5*|no",
    ],
)
async def test_forged_buttons_are_answered_with_an_error(tmp_path: Path, forged: str) -> None:
    """Whatever a button carries, it is answered once, privately, and does no harm."""
    async with chatting(Parts(tmp_path)) as chat:
        shown = await _find(chat)
        exchange = await chat.discord.press(ANA, chat.server, shown, forged)
        answer = await chat.discord.answer(exchange)
        assert answer.private
        assert answer.pictures == []
        assert chat.parts.log.events == []


async def test_private_answers_lead_to_private_answers(tmp_path: Path) -> None:
    """What was asked in private is paged in private."""
    async with chatting(Parts(tmp_path)) as chat:
        shown = await _find(chat, private=True)
        assert (await _press(chat, shown, "Next 5")).private
        assert (await _press(chat, shown, "More like #1")).private


def _move(shown: Shown, old: Discord, new: Discord) -> None:
    # The same message, on the CDN of another loopback server.
    for component in shown._components:
        items = [component, *component.get("items", [])]
        for item in items:
            if "media" in item:
                media = item["media"]
                media["url"] = media["url"].replace(old.rest.store.url, new.rest.store.url)
