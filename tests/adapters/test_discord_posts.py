"""Pictures that people post on Discord: taken in, and shown to those who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.adapters.discord_parts import ANA, BEN, colour_of
from tests.adapters.discord_posts import (
    FORUM,
    INNER,
    LEA,
    NIGHT,
    OPEN,
    OWNER,
    POST,
    STAFF,
    Posting,
    posting,
    running,
)
from tests.fakes import picture_bytes
from tests.moving import animation
from tests.servers.discord_people import until
from tests.servers.discord_store import Fault


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Posting]:
    """A running bot that hears everything."""
    async with posting(tmp_path) as running:
        yield running


async def test_history_and_new_posts_are_found_with_their_links(talk: Posting) -> None:
    """Off until switched on; then what was posted before counts too; the channel is told once."""
    old = await talk.post("cyan", "a cyan kite")
    assert await talk.kept(OPEN) == []
    await talk.on()
    await talk.post("red", "a red kite", seed=1)
    await talk.until_kept(["a cyan kite", "a red kite"], OPEN)
    shown = await talk.find("cyan kite")
    assert f"https://discord.com/channels/5/{OPEN}/{old['id']}" in shown.text
    assert "ana · " in shown.text
    await talk.on()
    told = [each for each in talk.discord.written(OPEN) if "/privacy out" in each.text]
    assert len(told) == 1


async def test_discord_shows_the_picture_by_a_link_of_this_moment(talk: Posting) -> None:
    """Nothing is uploaded, also when the first link has long ended."""
    await talk.post("cyan", "a cyan kite")
    await talk.on()
    talk.discord.rest.history.ahead_s = 2 * 86_400.0
    shown = await talk.find("cyan kite", **{"from": str(ANA.id)})
    assert colour_of(shown.pictures[0]) == "cyan"
    [gallery] = [c for c in shown.message["components"] if c["type"] == 12]
    url = gallery["items"][0]["media"]["url"]
    assert talk.discord.rest.history.alive(url.partition("?")[2])
    assert "ex=0" not in url


async def test_several_pictures_of_a_message_and_what_is_left_out(talk: Posting) -> None:
    """Attachments each, with the alt text; no spoilers, no bots, no questions to the bot."""
    discord, server = talk.discord, talk.server
    red, blue = (picture_bytes(c, seed=5, edge=64) for c in ("red", "blue"))
    await discord.say(ANA, server, "album", ("red.png", red), ("blue.png", blue))
    await discord.say(ANA, server, "hidden", ("SPOILER_red.png", picture_bytes("red", seed=8)))
    await discord.say(ANA, server, "<@900> what is this", ("a.png", picture_bytes("red", seed=9)))
    await talk.on()
    assert await talk.kept(OPEN) == ["album", "album"]


async def test_what_moves_is_found_by_what_comes_later(talk: Posting) -> None:
    """A GIF and a video whose second frame is cyan; the answer says when, and plays the post."""
    await talk.on()
    cyan = Image.open(BytesIO(picture_bytes("cyan", seed=3, edge=64))).convert("RGB")
    for name, ground in (("clip.gif", "white"), ("clip.mp4", "black")):
        clip = animation([Image.new("RGB", cyan.size, ground), cyan])
        await talk.discord.say(ANA, talk.server, name, (name, clip))
    await talk.until_kept(["clip.gif", "clip.mp4"], OPEN)
    shown = await talk.find("cyan")
    assert "at 0:01" in shown.text


async def test_embeds_come_from_discords_proxy(talk: Posting) -> None:
    """When Discord has looked at a link, its picture is taken in; the original is never opened."""
    await talk.on()
    message = await talk.discord.say(ANA, talk.server, "look: https://example.org/cake.png")
    media = talk.discord.attachment("cake.png", picture_bytes("yellow", seed=4, edge=64))
    shown = {"url": "https://example.org/cake.png", "proxy_url": media["url"]}
    message["embeds"] = [{"type": "image", "thumbnail": {**shown, "width": 64, "height": 64}}]
    await talk.discord.gateway.dispatch("MESSAGE_UPDATE", message)
    await talk.until_kept(["look: https://example.org/cake.png"], OPEN)


async def test_threads_and_forum_posts_are_followed(talk: Posting) -> None:
    """Archived ones too; a new thread from its first post on."""
    await talk.post("cyan", "in the forum", channel=POST)
    await talk.post("red", "in private", channel=INNER)
    await talk.on(FORUM)
    assert await talk.kept(FORUM) == ["in the forum"]
    assert await talk.kept(INNER, OPEN) == []
    await talk.on(OPEN)
    assert await talk.kept(OPEN) == []
    assert await talk.kept(INNER) == ["in private"]


async def test_edits_change_text_and_pictures(talk: Posting) -> None:
    """Another text counts, and a picture that was taken out of its message is gone."""
    await talk.on()
    red, blue = (picture_bytes(c, seed=5, edge=64) for c in ("red", "blue"))
    said = await talk.discord.say(ANA, talk.server, "one", ("red.png", red), ("blue.png", blue))
    await talk.until_kept(["one", "one"], OPEN)
    said |= {"content": "two", "attachments": said["attachments"][:1]}
    await talk.discord.gateway.dispatch("MESSAGE_UPDATE", said)
    await talk.until_kept(["two"], OPEN)
    await until(lambda: len(talk.gallery.upload_files()) == 1)


async def test_deletions_are_followed(talk: Posting) -> None:
    """One message, many, a thread, a channel: not shown any more, and the files are gone."""
    await talk.on()
    await talk.on(FORUM)
    posts = [await talk.post("red", f"kite {n}", seed=n) for n in range(5)]
    await talk.post("cyan", "in the forum", channel=POST)
    await talk.until_kept(["in the forum", *(f"kite {n}" for n in range(5))], OPEN, FORUM)
    send, where = talk.discord.gateway.dispatch, {"channel_id": str(OPEN), "guild_id": "5"}
    await send("MESSAGE_DELETE", {"id": posts[0]["id"], **where})
    await send("MESSAGE_DELETE_BULK", {"ids": [p["id"] for p in posts[1:3]], **where})
    thread = {"id": str(POST), "parent_id": str(FORUM), "guild_id": "5", "type": 11}
    await send("THREAD_DELETE", thread)
    await talk.until_kept(["kite 3", "kite 4"], OPEN, FORUM)
    await send("CHANNEL_DELETE", talk.server.channel_payload)
    await talk.until_kept([], OPEN, FORUM)
    await until(lambda: not talk.gallery.upload_files())


async def test_what_was_deleted_unnoticed_is_noticed_when_it_would_be_shown(talk: Posting) -> None:
    """Its place is filled with the next; the sweep finds the others."""
    await talk.on()
    posts = [await talk.post("cyan", f"cyan kite {n}", seed=n) for n in range(4)]
    await talk.until_kept([f"cyan kite {n}" for n in range(4)], OPEN)
    talk.discord.rest.history.forget(OPEN, int(posts[0]["id"]), int(posts[1]["id"]))
    shown = await talk.find("cyan kite", **{"from": str(ANA.id), "count": 2})
    assert posts[0]["id"] not in shown.text
    assert shown.text.count("https://discord.com") == 2
    talk.discord.rest.history.forget(OPEN, int(posts[2]["id"]))
    await talk.adapter.posts.sweep(talk.adapter._client, pause_s=0.0)
    assert await talk.kept(OPEN) == ["cyan kite 3"]


async def test_a_channel_is_shown_to_its_readers_alone(talk: Posting) -> None:
    """In public to those whom all readers of that channel are; private to whoever may read it."""
    await talk.post("cyan", "staff kite", channel=STAFF)
    await talk.post("cyan", "night kite", channel=NIGHT, seed=2)
    await talk.on(STAFF)
    await talk.on(NIGHT)

    async def seen(**where: Any) -> set[str]:
        text = (await talk.find("cyan kite", **where)).text
        return {name for name in ("staff", "night") if f"{name} kite" in text}

    assert await seen(person=ANA) == set()
    assert await seen(person=ANA, private=True) == set()
    assert await seen(person=LEA) == set()
    assert await seen(person=LEA, private=True) == {"staff"}
    assert await seen(person=LEA, channel=STAFF) == {"staff"}
    assert await seen(person=LEA, channel=NIGHT) == {"night"}
    assert await seen(person=LEA, channel=NIGHT, private=True) == {"night", "staff"}


async def test_without_the_intent_it_says_what_to_switch_on(tmp_path: Path) -> None:
    """And everything else works."""
    async with posting(tmp_path, message_content=False) as talk:
        said = (await talk.index("on")).replace("\\", "")
        assert "Message Content Intent" in said
        assert "discord.message_content = true" in said
        assert "Message Content Intent" in await talk.index("status")
        assert "grey stone" in (await talk.find("grey stone")).text


async def test_rate_limits_and_outages_lose_nothing(talk: Posting) -> None:
    """429 on the history, errors of Discord and of its CDN: each post is there once."""
    for n in range(6):
        await talk.post("red", f"kite {n}", seed=n)
    limited = {"message": "You are being rate limited.", "retry_after": 0.01, "global": False}
    talk.discord.rest.faults += [
        Fault(r"GET .*/messages$", status=429, body=limited, times=2),
        Fault(r"GET /cdn/", status=503, times=3),
        Fault(r"GET .*/messages$", reset=True, times=1),
    ]
    await talk.on()
    await talk.until_kept([f"kite {n}" for n in range(6)], OPEN)
    ids = [
        post.message
        for post in await talk.gallery.channels.known(
            f"discord:{OPEN}", [int(m) for m in talk.discord.rest.history.posted[OPEN]]
        )
    ]
    assert len(ids) == len(set(ids)) == 6


async def test_a_person_takes_theirs_out(talk: Posting) -> None:
    """For good, in every channel; an administrator can forget somebody as well."""
    await talk.on()
    await talk.post("red", "of ana")
    await talk.post("blue", "of ben", person=BEN)
    await talk.until_kept(["of ana", "of ben"], OPEN)
    await talk.discord.slash(ANA, talk.server, "privacy", {"action": "out"})
    await talk.until_kept(["of ben"], OPEN)
    assert "1 post" in await talk.index("forget", person=str(BEN.id))
    assert await talk.kept(OPEN) == []


async def test_repost_tells_the_asker_where_it_was(talk: Posting) -> None:
    """In the channels that they may read, and in no other."""
    await talk.post("cyan", "staff kite", channel=STAFF)
    await talk.on(STAFF)
    picture = ("a.png", picture_bytes("cyan", edge=64))
    for person, private, told in ((ANA, True, False), (LEA, True, True), (LEA, False, False)):
        asked = await talk.discord.slash(
            person, talk.server, "repost", {"private": private}, picture=picture
        )
        shown = await talk.discord.answer(asked)
        assert ("https://discord.com" in shown.text) is told


async def test_filters_say_which_posts_are_meant(talk: Posting) -> None:
    """By channel, person and day; they lead to nothing that the asker may not see."""
    await talk.on(OPEN)
    await talk.on(NIGHT)
    await talk.post("cyan", "cyan of ana")
    await talk.post("cyan", "cyan of ben", person=BEN, seed=3)
    await talk.post("cyan", "cyan at night", channel=NIGHT, seed=4)
    await talk.until_kept(["cyan at night", "cyan of ana", "cyan of ben"], OPEN, NIGHT)
    of = {"in": str(OPEN), "from": str(BEN.id)}
    shown = await talk.find("cyan", **of)
    assert "of ben" in shown.text
    assert "of ana" not in shown.text
    assert "grey stone" not in shown.text
    assert "at night" not in (await talk.find("cyan", **{"in": str(NIGHT)})).text
    assert "of ana" in (await talk.find("cyan of ana", after="2020-01-31")).text
    assert "of ana" not in (await talk.find("cyan of ana", before="2020-01-31")).text


async def test_what_was_deleted_during_an_outage_is_shown_to_nobody(tmp_path: Path) -> None:
    """Posts, a thread and a channel that went while the bot was away; their files go, too."""
    async with posting(tmp_path) as talk:
        await talk.on(OPEN)
        await talk.on(NIGHT)
        await talk.on(FORUM)
        posts = [await talk.post("red", f"kite {n}", seed=n) for n in range(6)]
        await talk.post("red", "night kite", seed=7, channel=NIGHT)
        await talk.post("red", "forum kite", seed=8, channel=POST)
        names = ["forum kite", *(f"kite {n}" for n in range(6)), "night kite"]
        await talk.until_kept(names, OPEN, NIGHT, FORUM)
        await talk.adapter.stop()
        talk.discord.rest.history.forget(OPEN, *(int(each["id"]) for each in posts[:5]))
        talk.discord.rest.history.forget(POST)
        talk.server.rooms[:] = [r for r in talk.server.rooms if r.id not in {NIGHT, POST}]
        async with running(talk.discord, talk.server, talk.gallery, tmp_path) as after:
            await until(lambda: after.adapter.posts.follows(OPEN))
            for where in (OPEN, FORUM):
                told = (await after.find("red kite", channel=where, private=True)).text
                assert "night" not in told
                assert "forum" not in told
                assert not [n for n in range(5) if f"kite {n}" in told]
            await after.adapter.posts.sweep(after.adapter._client, pause_s=0.0)
            await after.until_kept(["kite 5"], OPEN, NIGHT, FORUM)
            await until(lambda: len(talk.gallery.upload_files()) == 1)


async def test_off_stops_and_forget_deletes(talk: Posting) -> None:
    """What is there stays until it is forgotten; on again goes on where it was left."""
    await talk.on()
    await talk.post("red", "one")
    await talk.until_kept(["one"], OPEN)
    await talk.index("off", channel=str(OPEN))
    await until(lambda: not talk.adapter.posts.follows(OPEN))
    await talk.post("red", "two", seed=2)
    assert await talk.kept(OPEN) == ["one"]
    assert "one" in (await talk.find("one")).text
    await talk.on()
    await talk.until_kept(["one", "two"], OPEN)
    assert "2 posts" in await talk.index("off", channel=str(OPEN), forget=True)
    assert await talk.kept(OPEN) == []
    assert talk.gallery.upload_files() == {}


async def test_since_leaves_out_what_was_before(talk: Posting) -> None:
    """An earlier day later on brings the rest."""
    await talk.post("red", "one")
    await talk.on(since="2090-01-31")
    assert await talk.kept(OPEN) == []
    await talk.on(since="2020-01-31")
    await talk.until_kept(["one"], OPEN)


async def test_an_administrator_removes_a_post(talk: Posting) -> None:
    """By its id, wherever they may read it, and nobody is shown it any more."""
    await talk.post("red", "red kite", channel=STAFF)
    await talk.on(STAFF)
    [offered] = [
        choice["value"]
        for choice in (
            await talk.discord.completion(OWNER, talk.server, "remove", "id", "red kite")
        ).choices
        or []
        if "red kite" in choice["name"]
    ]
    asked = await talk.discord.slash(OWNER, talk.server, "remove", {"id": offered})
    await talk.discord.answer(asked)
    assert await talk.kept(STAFF) == []


async def test_a_question_in_words_shows_posts_too(talk: Posting) -> None:
    """For all who read the channel, and by Discord's own link; /index is for Discord's menu."""
    await talk.post("cyan", "staff kite", channel=STAFF)
    await talk.post("cyan", "a cyan kite", seed=1)
    await talk.on(STAFF)
    await talk.on(OPEN)
    before = len(talk.discord.written(OPEN))
    await talk.discord.say(LEA, talk.server, "<@900> a cyan kite")
    shown = await talk.discord.replied(OPEN, before + 1)
    assert "a cyan kite" in shown.text
    assert "staff kite" not in shown.text
    await talk.discord.say(OWNER, talk.server, "<@900> /index on")
    assert "slash" in (await talk.discord.replied(OPEN, before + 2)).text
