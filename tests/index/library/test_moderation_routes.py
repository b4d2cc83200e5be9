"""No route shows a held picture to a member, or to an administrator outside the review."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.chat.actions import Action
from core.domain.choices import Strictness
from core.search.moderation import Criterion
from index.library.moderation_filter import Judge, Judgement
from index.snapshots.overlay import Overlay
from tests.fakes import picture_bytes
from tests.moderated import (
    HUES,
    ME,
    PLACES,
    SERVER,
    WEB,
    Moderated,
    Seen,
    fully_hidden,
    moderated,
    some,
)

pytestmark = pytest.mark.usefixtures("either_database")

FEW = range(2)
MANY = range(2, 40)


async def stir(chat: Moderated, chance: random.Random) -> None:
    """Criteria, uploads and decisions of all three places, by chance."""
    held = chat.gallery.moderation
    for community in PLACES:
        for hue in chance.sample(HUES, chance.randint(1, 2)):
            strictness = chance.choice(list(Strictness))
            criterion = Criterion(hue, strictness, age=chance.random() < 0.3)
            await held.add(criterion, community=community)
        if chance.random() < 0.7:
            hue = chance.choice(HUES)
            await chat.gallery.contributions.add(
                picture_bytes(hue, chance.randrange(100, 999)),
                f"{hue} thing zorvex-upload{chance.randrange(999)}",
                community=community,
                uploader=ME,
                anyway=True,
            )
        page = await held.held(community=community, count=100)
        for each in some(chance, (held.picture for held in page.pictures), 0.3):
            await held.decide(each.id, community=community, approve=chance.random() < 0.5)


async def leaks_of(chat: Moderated, chance: random.Random) -> dict[str, set[str]]:
    """The routes of each place that showed what they must not, and how much was hidden."""
    everything = await chat.everything()
    found = {}
    for community in PLACES:
        hidden = await chat.hidden(community)
        assert hidden
        hue, seen = chance.choice(HUES), Seen()
        await chat.ask(seen, community, hue, everything)
        if community == "web":
            await chat.browse(seen, hue, everything)
        assert len(seen.words) > 20
        shown = any(p.id in said for p in everything for _, said in seen.words)
        assert shown is (len(hidden) < len(everything)), "others are shown"
        found[community] = seen.leaks(hidden, fully_hidden(hidden, everything, hue))
        # What somebody added elsewhere is held, or not, by those who were there.
        for upload in (await chat.gallery.contributions.personal(ME)).uploads:
            hides = await chat.gallery.moderation.hides(
                upload.picture.id, community=upload.community
            )
            assert (upload.picture.id in seen.exported) is not hides
    return found


async def check(seed: int, home: Path) -> None:
    """Nothing leaks, whatever is held, approved and removed."""
    chance = random.Random(seed)
    async with moderated(home) as chat:
        await stir(chat, chance)
        assert await leaks_of(chat, chance) == {community: set() for community in PLACES}


@pytest.mark.parametrize("seed", FEW)
@pytest.mark.slow
async def test_no_route_shows_what_is_held(seed: int, tmp_path: Path) -> None:
    """Find, similar, describe, photos, buttons, removal, export, choices, API and addresses."""
    await check(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", MANY)
async def test_no_route_shows_what_is_held_in_many_tries(seed: int, tmp_path: Path) -> None:
    """The same with many more seeds."""
    await check(seed, tmp_path)


async def test_the_map_shows_nothing_that_is_held(tmp_path: Path) -> None:
    """Neither as a thumbnail nor as a point; what is not held is there."""
    async with moderated(tmp_path) as chat:
        await chat.gallery.moderation.add(Criterion("red"), community=SERVER)
        seen = Seen()
        await chat.map(seen, SERVER)
        assert seen.leaks((), {"green"}) == {"map"}
        assert seen.leaks((), {"red"}) == set()


class Unheeded(Judgement):
    """A judgement that nobody applies."""

    def applied(self, overlay: Overlay) -> Overlay:
        """As it was."""
        return overlay


class Toothless(Judge):
    """Judges as ever, in vain."""

    def judge(self, *of: Any, **how: Any) -> Judgement:
        """The same, unheeded."""
        found = super().judge(*of, **how)
        return Unheeded(found.hidden, found.waiting)


@pytest.mark.slow
async def test_the_check_finds_leaks(tmp_path: Path) -> None:
    """Where judgements are not applied, every route that shows pictures is caught."""
    async with moderated(tmp_path, Toothless()) as chat:
        for community in PLACES:
            await chat.gallery.moderation.add(Criterion("red"), community=community)
        everything = await chat.everything()
        red = [picture for picture in everything if picture.caption.startswith("red")]
        for community in (SERVER, WEB):
            seen = Seen()
            await chat.ask(seen, community, "red", everything)
            if community == "web":
                await chat.browse(seen, "red", everything)
            await chat.map(seen, community)
            caught = seen.leaks(red, {"red"})
            assert caught >= {"find", "similar", "describe", "photo", "more like", "map"}
            assert caught >= {"candidates", "choices", "again", "find more_like"}
            if community == "web":
                assert caught >= {"/api/find", "/api/similar", "/api/describe", "/api/chat"}
                assert caught >= {"/pictures", "/pictures/thumbnail"}
                assert caught >= {"/api/map", "/api/map of one"}


async def test_buttons_of_the_review_obey_administrators_alone(tmp_path: Path) -> None:
    """The right is that of the press: members are refused, whatever button they were shown."""
    async with moderated(tmp_path) as chat:
        await chat.gallery.moderation.add(Criterion("red"), community=SERVER)
        [first, *_] = (await chat.gallery.moderation.held(community=SERVER)).pictures
        member = chat.request("", SERVER)
        for kind in ("review", "approve", "hide", "reconsider"):
            action = chat.codec.encode(Action(kind, text=first.picture.id), SERVER)
            assert await chat.commands.who(action, member) == "admin"
            reply = await chat.commands.act(action, member)
            assert reply.error is not None
            assert reply.error.code == "forbidden"
            assert first.picture.caption not in repr(reply)
        asked = replace(member, text="/moderation review")
        reply = await chat.commands.handle(asked)
        assert reply.error is not None
        assert len((await chat.gallery.moderation.held(community=SERVER)).pictures) == 2
