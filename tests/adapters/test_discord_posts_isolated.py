"""Posts of a server with hidden channels: whoever asks, and however, sees what they may see."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.domain.types import UPLOADED
from core.domain.viewer import Viewer
from tests.adapters.discord_posts import BOT_ROLE, COMMUNITY, SEES, Posting, posting
from tests.adapters.posted_members import Members
from tests.adapters.posted_places import (
    CHANNELS,
    HOME,
    PEOPLE,
    THREADS,
    colour_for,
    server,
    text_of,
)
from tests.adapters.posted_web import stranger
from tests.servers.discord_people import until
from tests.servers.discord_world import Person, Room

EACH = 2
_ALL = 40
"""Posts of each channel and thread: 600 together."""


@asynccontextmanager
async def _running(folder: Path, each: int) -> AsyncIterator[Posting]:
    """A bot that follows all channels of the server, whose history was there before."""
    async with posting(folder, place=server()) as running:
        for channel in (*CHANNELS, *THREADS):
            if CHANNELS.get(channel, Room(0)).kind == 15:
                continue
            for number in range(each):
                text = text_of(channel, number)
                seed = channel * 100 + number
                await running.post(colour_for(channel), text, seed=seed, channel=channel)
        await running.index("on", everywhere=True)
        await until(lambda: all(running.adapter.posts.follows(each) for each in THREADS))
        await until(lambda: running.adapter.posts.idle, seconds=900)
        yield running


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Posting]:
    """With a few posts."""
    async with _running(tmp_path, EACH) as running:
        yield running


async def _questions(talk: Posting, count: int, each: int) -> None:
    whole = Viewer(COMMUNITY, adults=True, channels=frozenset(map(str, (*CHANNELS, 842))))
    view = await talk.gallery.library.open(None, whole)
    kept = [picture.id for picture in view.pictures if picture.path.startswith(UPLOADED)]
    chance = random.Random(7)
    members = Members(talk, chance, each=each)
    posts = await talk.gallery.posts.kept(whole)
    assert posts.posts == each * (len(CHANNELS) + len(THREADS) - 1)
    async with stranger(talk.parts, kept, chance) as web:
        while members.asked < count:
            await members.ask()
            if members.asked % 8 == 0:
                await web.ask()
    members.check_stolen()
    assert members.shown > count / 2  # they do see what they may
    assert await talk.gallery.posts.kept(whole) == posts


async def test_nobody_sees_more_than_they_may(talk: Posting) -> None:
    """By search, picture, filter, map, button, completion, count, message, repost and web."""
    await _questions(talk, 50, EACH)


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_nobody_sees_more_in_two_thousand_questions(tmp_path: Path) -> None:
    """The same over and over, where 600 pictures were posted."""
    async with _running(tmp_path, _ALL) as talk:
        await _questions(talk, 2000, _ALL)


async def test_a_role_that_was_taken_away_a_moment_ago_counts(talk: Posting) -> None:
    """The next question, and the next press of a button, go by what somebody may do then."""
    mod = PEOPLE[1]
    shown = await talk.find(text_of(810, 0), person=mod, private=True, **{"in": "810"})
    assert "mark810" in shown.text
    was = Person(mod.id, mod.name)
    again = await talk.find(text_of(810, 0), person=was, private=True, **{"in": "810"})
    assert "mark810" not in again.text
    button = next(iter(shown.buttons.values()))
    pressed = await talk.discord.press(was, talk.server, shown, button)
    assert "mark810" not in (await talk.discord.answer(pressed)).text
    assert "mark804" in (await talk.find(text_of(804, 0), private=True, **{"in": "804"})).text
    closed = talk.server.room_payload(
        Room(804, "open4", denies={HOME: SEES}, allows={BOT_ROLE: SEES})
    )
    await talk.discord.gateway.dispatch("CHANNEL_UPDATE", closed)
    last = await talk.find(text_of(804, 0), private=True, **{"in": "804"})
    assert "mark804" not in last.text
