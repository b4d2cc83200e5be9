"""Inline mode, and that no route shows one community another's pictures."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.actions import Action
from bot.engine.engine import SystemClock
from bot.protocol.replies import ACTION_BYTES
from core.domain.rate_limits import Quota
from tests.adapters.telegram_parts import (
    ADA,
    BEN,
    EVE,
    SMALL,
    Talk,
    colour_of,
    talking,
)
from tests.fake_collections import FakeSnapshot
from tests.fakes import COLOURS, picture_bytes
from tests.web.parts import Parts


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot."""
    async with talking(tmp_path) as running:
        yield running


async def test_inline_results_are_pictures_that_were_sent_before(talk: Talk) -> None:
    """Cached file ids, the very pictures, with caption and score, for this person alone."""
    await talk.ask("/find red --count 5", 6)
    uploads = len(talk.server.world.uploads)
    answer = await talk.inline(ADA, "something red")
    assert len(answer["results"]) == 5
    for result in answer["results"]:
        file = talk.server.world.files[result["photo_file_id"]]
        assert file.width == 48
        message = next(m for m in talk.sent if m["photo"][-1]["file_id"] == result["photo_file_id"])
        assert colour_of(talk.server.world.picture(message)) == "red"
        assert result["caption"].startswith("red ")
        assert re.match(r"[01]\.\d\d · ", result["description"])
    assert answer["is_personal"] == "true"
    assert len(talk.server.world.uploads) == uploads


async def test_nothing_sent_before_hints_at_the_private_chat(talk: Talk) -> None:
    """Instead of an empty list there is a button that opens the chat with the bot."""
    answer = await talk.inline(ADA, "red")
    assert answer["results"] == []
    assert answer["button"]["text"] == "Nothing to show yet: search in a chat with me first"
    nothing_close = await talk.inline(ADA, "zebra crossing")
    assert nothing_close["button"]["text"].startswith("No close match.")
    empty = await talk.inline(ADA, "  ")
    assert (empty["results"], empty["button"]) == ([], None)


async def test_scrolling_goes_on_to_the_next_page(talk: Talk) -> None:
    """The offset is the action of the next page."""
    *_, keyboard = await talk.ask("/find red --count 10", 11)
    await talk.press(keyboard, "Next")
    await talk.answers(11, after=11)
    first = await talk.inline(ADA, "red")
    assert len(first["results"]) == 10
    assert 0 < len(first["next_offset"].encode()) <= ACTION_BYTES
    second = await talk.inline(ADA, "red", first["next_offset"])
    assert {r["id"] for r in first["results"]} & {r["id"] for r in second["results"]} == set()
    assert second["results"]


async def test_typing_on_searches_for_the_latest_words_only(tmp_path: Path) -> None:
    """Every query is answered, the replaced ones with nothing and without a search."""
    async with talking(tmp_path, inline_settle_s=0.15) as talk:
        await talk.ask("/find red --count 2", 3)
        ids = [await talk.server.type_inline(ADA, text) for text in ("r", "re", "red")]
        answers = [talk.server.methods.inline[query] for query in ids]
        await talk.server.until(lambda: all(answers))
        assert [len(answer[0]["results"]) for answer in answers] == [0, 0, 2]
        assert talk.parts.embedder.encoder.texts.count("re") == 0


async def test_the_pause_between_questions_is_waited_for(tmp_path: Path) -> None:
    """Who types has not asked too fast; a long refusal is told at once."""
    parts = Parts(
        tmp_path, SMALL, quota=Quota(cooldown_s={"text": 0.3}, per_day=2), clock=SystemClock()
    )
    async with talking(tmp_path, parts=parts) as talk:
        await talk.ask("/find red --count 2", 3)
        answer = await talk.inline(ADA, "red")
        assert len(answer["results"]) == 2
        refused = await talk.inline(ADA, "red")
        assert refused["button"]["text"].startswith("You are asking faster")


async def test_queries_that_are_too_old_are_dropped(talk: Talk) -> None:
    """Telegram refuses late answers, which ends nothing."""
    query = await talk.server.type_inline(ADA, "red")
    del talk.server.methods.inline[query]
    await talk.server.until(lambda: talk.server.called("answerInlineQuery"))
    await talk.idle()
    assert [call.status for call in talk.server.called("answerInlineQuery")] == [400]
    assert talk.parts.log.events == []


def _three_communities(folder: Path) -> Parts:
    """Groups of two kinds and Eve's own chat: each kind has three colours of its own."""
    parts = Parts(folder, SMALL[:1])
    owners = ("telegram:-1", "telegram:-2", f"telegram:{EVE}")
    names, snapshots = list(COLOURS)[:9], {}
    for number, owner in enumerate(owners):
        mine = [(c, f"{c} of {number}") for c in names[3 * number : 3 * number + 3]] * 2
        snapshot = FakeSnapshot.of(mine, collection=f"c{number}", encoder=parts.embedder.encoder)
        pictures = tuple(
            dataclasses.replace(p, id=f"c{number}-{p.id}", sha256=f"{number}{p.sha256[1:]}")
            for p in snapshot.pictures
        )
        snapshots[f"c{number}"] = dataclasses.replace(snapshot, pictures=pictures)
        parts.library.communities[f"c{number}"] = frozenset({owner})
        for picture, (colour, _) in zip(pictures, mine, strict=True):
            path = folder / f"{picture.id}.png"
            path.write_bytes(picture_bytes(colour, seed=hash(picture.id) % 1000, edge=32))
            parts.library.files[picture.id] = path
    parts.library.snapshots.clear()
    parts.library.snapshots.update(snapshots)
    return parts


@pytest.mark.slow
async def test_no_route_shows_another_communitys_pictures(tmp_path: Path) -> None:
    """Find, similar, describe, forged buttons, collections by name and inline: 0 foreign."""
    parts = _three_communities(tmp_path)
    foreign = inline_shown = 0
    async with talking(tmp_path, parts=parts) as talk:
        world, codec = talk.server.world, parts.codec
        owner_of, chance = {EVE: 2}, random.Random(5)
        for round_ in range(12):
            own = round_ % 3
            user = (ADA, BEN, EVE)[own]
            # A fresh group each time: twenty messages a minute are all that one takes.
            chat = EVE if own == 2 else world.group(-2000 - round_, {user: "creator"})
            owner_of[chat] = own
            parts.library.communities[f"c{own}"] |= {f"telegram:{chat}"}
            other = (own + 1 + chance.randrange(2)) % 3
            theirs = list(COLOURS)[3 * other + chance.randrange(3)]
            before = len(talk.sent)
            photo = picture_bytes(theirs, seed=round_, edge=64)
            asked = [
                {"text": f"/find {theirs} --count 2"},
                {"text": f"/find {theirs} --collection c{other}"},
                {"text": "/similar --count 2", "photo": photo},
                {"text": "/describe --count 5", "photo": photo},
                {"text": f"/similar --collection c{other}", "photo": photo},
                {"text": "/help"},
            ]
            for question in asked:
                await talk.server.say(chat, user, **question)
            await talk.answers(len(asked), after=before)
            keyboard = talk.sent[before]
            forged = [
                Action("more_like", text=f"c{other}-p0000001"),
                Action("find", text=theirs, collection=f"c{other}", weak=True),
                Action("find", text=theirs, weak=True, count=2),
            ]
            for action in forged:
                data = codec.encode(action, "telegram:-1")
                await talk.pressed(await talk.server.press(keyboard, data, user))
            for person in (ADA, BEN, EVE):
                for offset in ("", codec.encode(forged[1], "")):
                    answer = await talk.inline(person, theirs, offset)
                    inline_shown += len(answer["results"])
                    foreign += sum(
                        person != EVE or not result["id"].startswith("c2-")
                        for result in answer["results"]
                    )
            await talk.idle()
        for message in talk.sent:
            words = message.get("text", "") + message.get("caption", "")
            mine = owner_of[message["chat"]["id"]]
            foreign += sum(f" of {n}" in words for n in range(3) if n != mine)
            if message.get("media_group_id"):
                colours = list(COLOURS)[3 * mine : 3 * mine + 3]
                foreign += colour_of(world.picture(message)) not in colours
        print(f"{len(talk.server.calls)} calls, {len(talk.sent)} messages, {foreign} foreign")
        assert len(talk.sent) > 100
        assert inline_shown > 0
        assert foreign == 0
