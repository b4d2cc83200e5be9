"""Pictures that people post: real updates in, a real catalogue behind, answers with links out."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from bot.engine.telegram_memory import StoredMemory
from core.domain.types import UPLOADED, Post, TakenIn
from tests.adapters.telegram_parts import ADA, BEN, EVE, Talk, adapter_of, colour_of
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.moving import animation
from tests.posting import GalleryParts
from tests.servers.telegram import TelegramServer
from tests.servers.telegram_checks import Fault
from tests.servers.telegram_world import BOT_ID, Json

CLUB, TEAM, NEWS = -1001234567890, -1009876543210, -1005555555555
CLUB_NAME = f"telegram:{CLUB}"
RED, BLUE, CYAN = (picture_bytes(c, seed=3, edge=64) for c in ("red", "blue", "cyan"))


@dataclass
class _Posted(Talk):
    """Two groups and a channel; Ada owns all of them, Ben is in the first group, Eve in both."""

    gallery: Gallery = None  # type: ignore[assignment]

    async def taken_in(self) -> None:
        """Wait until all that was posted is taken in."""
        await self.idle()
        posts = self.adapter._posts
        assert posts is not None
        await asyncio.wait_for(posts._queue.join(), 30)

    async def ids(self, community: str) -> list[str]:
        """The pictures of posts that a community sees."""
        view = await self.gallery.library.open(None, community)
        return [each.id for each in view.pictures if each.path.startswith(UPLOADED)]

    async def find(self, words: str, *, chat: int = CLUB, user: int = BEN) -> str:
        """All that is said in answer to a question."""
        before = len(self.sent)
        await self.server.say(chat, user, f"/find {words} --count 2")
        await self.idle()
        said = [m for m in self.sent[before:] if m["chat"]["id"] == chat]
        return "\n".join(m.get("caption") or m.get("text") or "" for m in said)


@asynccontextmanager
async def _posting(
    folder: Path, *, privacy: bool = False, **options: float
) -> AsyncIterator[_Posted]:
    gallery = Gallery(folder / "gallery", communities=f"web {CLUB_NAME} telegram:{TEAM}")
    gallery.add("of the folder.png", "grey", caption="grey stone")
    await gallery.reindex()
    for chat in (NEWS, EVE):
        await gallery.grants.grant("gallery", f"telegram:{chat}", "allow")
    memory = StoredMemory(folder / "telegram.sqlite")
    parts = GalleryParts(gallery, [memory])
    server = TelegramServer(privacy=privacy)
    for person in (ADA, BEN, EVE):
        server.world.user(person)
    server.world.group(CLUB, {ADA: "creator", BEN: "member", EVE: "member"})
    server.world.group(TEAM, {ADA: "creator", EVE: "member"})
    server.world.channel(NEWS, {ADA: "creator"}, username="thenews")
    async with server.running():
        adapter = adapter_of(parts, server, folder, **options)  # type: ignore[arg-type]
        await adapter.start()
        try:
            yield _Posted(server, parts, adapter, folder, gallery)  # type: ignore[arg-type]
        finally:
            await adapter.stop()


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[_Posted]:
    """A running bot that hears everything."""
    async with _posting(tmp_path) as running:
        yield running


async def _switch_on(talk: _Posted, chat: int = CLUB) -> Json:
    [said] = await talk.ask("/index on", chat=chat, user=ADA)
    return said


async def test_off_until_an_administrator_switches_it_on(talk: _Posted) -> None:
    """Members may not; the chat is told once what is kept and how to leave; then posts count."""
    await talk.server.say(CLUB, BEN, photo=RED)
    [refused] = await talk.ask("/index on", chat=CLUB, user=BEN)
    assert "Only administrators" in refused["text"]
    await talk.taken_in()
    assert await talk.ids(CLUB_NAME) == []
    told = await _switch_on(talk)
    assert told["chat"]["id"] == CLUB
    assert "/privacy out" in told["text"]
    assert "From now on" in told["text"]
    [again] = await talk.ask("/index on", chat=CLUB, user=ADA)
    assert again["chat"]["id"] == ADA
    await talk.server.say(CLUB, BEN, "a red kite", photo=RED)
    await talk.taken_in()
    assert len(await talk.ids(CLUB_NAME)) == 1


async def test_hits_lead_to_the_post(talk: _Posted) -> None:
    """With who, when and a link; the original is shown by its id, and nothing is uploaded."""
    await _switch_on(talk)
    post = await talk.server.say(CLUB, BEN, "a cyan kite", photo=CYAN)
    await talk.taken_in()
    uploads = len(talk.server.world.uploads)
    before = len(talk.sent)
    [found] = await talk.ask("/find cyan kite --count 1", chat=CLUB, user=EVE)
    assert f"https://t.me/c/1234567890/{post['message_id']}" in found["caption"]
    assert "User 12 · " in found["caption"]
    assert "a cyan kite" in found["caption"]
    assert colour_of(talk.server.world.picture(found)) == "cyan"
    assert found["photo"][-1]["file_unique_id"] == post["photo"][-1]["file_unique_id"]
    assert len(talk.server.world.uploads) == uploads
    assert len(talk.sent) == before + 1


async def test_a_picture_of_the_folder_leads_to_its_posts(talk: _Posted) -> None:
    """One hit for both, shown from the folder; only where it was posted does it say so."""
    await _switch_on(talk)
    drawn = BytesIO()
    Image.new("RGB", (64, 64), "grey").save(drawn, "PNG")  # equal however it is saved again
    stone = drawn.getvalue()
    talk.gallery.write("stone.png", stone)
    talk.gallery.write("stone.txt", "grey stone")
    (talk.gallery.pictures / "of the folder.png").unlink()
    await talk.gallery.reindex()
    posts = [
        await talk.server.say(CLUB, BEN, words, photo=stone) for words in ("look", "again this")
    ]
    await talk.taken_in()
    told = await talk.find("grey stone")
    assert "1. grey stone" in told
    assert f"https://t.me/c/1234567890/{posts[0]['message_id']}" in told
    assert "posted 1 more time" in told
    assert "2. " not in told
    elsewhere = await talk.find("grey stone", chat=TEAM, user=EVE)
    assert "1. grey stone" in elsewhere
    assert "t.me" not in elsewhere


@pytest.mark.parametrize("kind", ["animation", "video"])
async def test_what_moves_is_found_by_what_comes_later(talk: _Posted, kind: str) -> None:
    """A post whose second frame is cyan is found by it, and the answer says when."""
    await _switch_on(talk)
    cyan = Image.open(BytesIO(CYAN)).convert("RGB")
    data = animation([Image.new("RGB", cyan.size, "white"), cyan])
    size = talk.server.world.size_of(talk.server.world.store(data))
    await talk.server.say(CLUB, BEN, **{kind: {"duration": 2, **size}})
    await talk.taken_in()
    assert len(await talk.ids(CLUB_NAME)) == 1
    [found] = await talk.ask("/find cyan --count 1", chat=CLUB, user=EVE)
    assert "at 0:01" in found["caption"]
    assert colour_of(talk.server.world.picture(found)) == "cyan"


async def test_posts_are_found_in_their_chat_alone(talk: _Posted) -> None:
    """Not in another group that shares the collection, not in private, not by the web chat."""
    await _switch_on(talk)
    await _switch_on(talk, TEAM)
    await talk.server.say(CLUB, BEN, "secret cyan kite", photo=CYAN)
    await talk.taken_in()
    assert "secret" in await talk.find("cyan kite")
    assert "secret" not in await talk.find("cyan kite", chat=TEAM, user=EVE)
    assert "secret" not in await talk.find("cyan kite", chat=EVE, user=EVE)
    assert await talk.ids("web") == []
    [picture] = await talk.ids(CLUB_NAME)
    for community in (f"telegram:{TEAM}", f"telegram:{EVE}", "web", "local"):
        assert await talk.gallery.posts.of([picture], community) == {}
    [repost] = await _repost(talk, TEAM, EVE, CYAN)
    assert "no earlier post" in repost["text"]


async def _repost(talk: _Posted, chat: int, user: int, photo: bytes) -> list[Json]:
    message = await talk.server.say(chat, user, photo=photo)
    await talk.taken_in()
    before = len(talk.sent)
    await talk.server.say(chat, user, "/repost", reply_to=message)
    return await talk.answers(after=before)


async def test_repost_tells_where_a_picture_was_before(talk: _Posted) -> None:
    """Without the post that is asked about; equal pictures are one hit with their posts."""
    await _switch_on(talk)
    first = await talk.server.say(CLUB, BEN, "a cyan kite", photo=CYAN)
    [told] = await _repost(talk, CLUB, EVE, CYAN)
    assert f"https://t.me/c/1234567890/{first['message_id']}" in told["text"]
    assert told["text"].count("https://") == 1
    assert len(await talk.ids(CLUB_NAME)) == 1
    assert "posted 1 more time" in await talk.find("cyan kite")


async def test_albums_and_edits_are_followed(talk: _Posted) -> None:
    """The text of an album is that of each of its pictures; edits change it, or the picture."""
    await _switch_on(talk)
    one = await talk.server.say(CLUB, BEN, "summer cake", photo=RED, media_group_id="a")
    await talk.server.say(CLUB, BEN, photo=BLUE, media_group_id="a")
    await talk.server.until(talk.gallery.upload_files)
    await talk.taken_in()
    assert len(await talk.ids(CLUB_NAME)) == 2
    assert (await talk.find("blue")).count("summer cake") >= 1
    await talk.server.edit(one, caption="winter cake")
    await talk.taken_in()
    said = await talk.find("blue")
    assert "summer" not in said
    assert "winter cake" in said
    await talk.server.edit(one, photo=CYAN)
    await talk.taken_in()
    seen = await talk.ids(CLUB_NAME)
    assert len(seen) == 2
    assert "winter cake" in await talk.find("cyan")


async def test_what_is_no_post_is_left_out(talk: _Posted) -> None:
    """The bot's own answers, questions to it, other bots, forwarded answers, what is covered."""
    await _switch_on(talk)
    bot = talk.server.world.bot
    await talk.server.say(CLUB, BEN, "/similar", photo=RED)
    await talk.server.say(CLUB, BEN, photo=RED, via_bot=bot)
    origin = {"type": "user", "sender_user": bot, "date": 1}
    await talk.server.say(CLUB, BEN, photo=RED, forward_origin=origin)
    await talk.server.say(CLUB, BEN, photo=RED, has_media_spoiler=True)
    await talk.server.say(BEN, BEN, photo=RED)
    await talk.taken_in()
    assert await talk.ids(CLUB_NAME) == []


async def test_channels_are_indexed_too(talk: _Posted) -> None:
    """Their posts are their own; links of public ones carry their names."""
    before = len(talk.sent)
    await talk.server.publish(NEWS, "/index on")
    [told] = await talk.answers(after=before)
    assert told["chat"]["id"] == NEWS
    post = await talk.server.publish(NEWS, "cyan news", photo=CYAN)
    await talk.taken_in()
    before = len(talk.sent)
    await talk.server.publish(NEWS, "/find cyan --count 1")
    [found] = await talk.answers(after=before)
    assert f"https://t.me/thenews/{post['message_id']}" in found["caption"]
    before = len(talk.sent)
    await talk.server.publish(NEWS, "just words")
    await talk.server.publish(NEWS, photo=RED)
    await talk.idle()
    assert [m for m in talk.sent[before:] if m["chat"]["id"] == NEWS] == []


async def test_privacy_out_takes_posts_out_and_keeps_them_out(talk: _Posted) -> None:
    """In every chat; an export has them before, with their pictures."""
    await _switch_on(talk)
    await talk.server.say(CLUB, BEN, "mine", photo=RED)
    await talk.taken_in()
    before = len(talk.sent)
    await talk.server.say(BEN, BEN, "/privacy export")
    await talk.server.until(lambda: any("document" in m for m in talk.sent[before:]))
    [file] = [m for m in talk.sent[before:] if "document" in m]
    with zipfile.ZipFile(BytesIO(talk.server.world.document(file))) as archive:
        names = archive.namelist()
        assert '"text": "mine"' in archive.read("data.json").decode()
    assert len(names) == 2
    [out] = await talk.ask("/privacy out", chat=BEN, user=BEN)
    assert "1 post" in out["text"]
    await talk.server.say(CLUB, BEN, "mine again", photo=RED)
    await talk.taken_in()
    assert await talk.ids(CLUB_NAME) == []
    assert talk.gallery.upload_files() == {}
    await talk.ask("/privacy in", chat=BEN, user=BEN)
    await talk.server.say(CLUB, BEN, "and again", photo=RED)
    await talk.taken_in()
    assert len(await talk.ids(CLUB_NAME)) == 1


@pytest.mark.parametrize("named", ["@user12", "12", "reply"])
async def test_administrators_forget_a_person(talk: _Posted, named: str) -> None:
    """By handle, id or an answer to one of their posts; nobody else may."""
    await _switch_on(talk)
    post = await talk.server.say(CLUB, BEN, photo=RED)
    await talk.server.say(CLUB, EVE, photo=BLUE)
    await talk.taken_in()
    text = "/index forget" if named == "reply" else f"/index forget {named}"
    answered = {"reply_to": post} if named == "reply" else {}
    await talk.server.say(CLUB, EVE, text, **answered)
    await talk.idle()
    assert len(await talk.ids(CLUB_NAME)) == 2
    await talk.server.say(CLUB, ADA, text, **answered)
    await talk.idle()
    [left] = await talk.ids(CLUB_NAME)
    [kept] = (await talk.gallery.posts.of([left], CLUB_NAME))[left]
    assert kept.author == f"telegram:{EVE}"


async def test_switched_off_it_takes_nothing_in(talk: _Posted) -> None:
    """What is there stays until it is to be forgotten; the state says so."""
    await _switch_on(talk)
    await talk.server.say(CLUB, BEN, photo=RED)
    await talk.taken_in()
    [state] = await talk.ask("/index status", chat=CLUB, user=ADA)
    assert "searched here" in state["text"]
    assert "1 of 1 post" in state["text"]
    [off] = await talk.ask("/index off", chat=CLUB, user=ADA)
    assert "1 picture stays" in off["text"]
    await talk.server.say(CLUB, BEN, photo=BLUE)
    await talk.taken_in()
    assert len(await talk.ids(CLUB_NAME)) == 1
    [gone] = await talk.ask("/index off forget", chat=CLUB, user=ADA)
    assert "1 post" in gone["text"]
    assert (await talk.ids(CLUB_NAME), talk.gallery.upload_files()) == ([], {})


async def test_privacy_mode_is_told_with_what_to_switch(tmp_path: Path) -> None:
    """Where the bot does not hear the group; an administrator does."""
    async with _posting(tmp_path, privacy=True) as talk:
        told = await _switch_on(talk)
        assert "t.me/BotFather" in told["text"]
        talk.server.world.chats[CLUB].members[BOT_ID] = "administrator"
        [state] = await talk.ask("/index status", chat=CLUB, user=ADA)
        assert "BotFather" not in state["text"]


async def test_private_chats_have_no_index(talk: _Posted) -> None:
    """Nobody administers one, and there is nobody whose posts could be found."""
    [said] = await talk.ask("/index on", chat=EVE, user=EVE)
    assert "Only administrators" in said["text"]
    assert not talk.gallery.settings.of(f"telegram:{EVE}").index_posts


async def test_a_deleted_post_is_noticed_when_it_would_be_shown(talk: _Posted) -> None:
    """Telegram tells nobody: the next one stands in its place, and no import brings it back."""
    await _switch_on(talk)
    made = (picture_bytes("cyan", seed=n, edge=64) for n in range(4))
    posts = [await talk.server.say(CLUB, BEN, f"kite {n}", photo=p) for n, p in enumerate(made)]
    await talk.taken_in()
    assert "kite 2" in await talk.find("kite 2")
    talk.server.world.delete(posts[2])
    assert "kite 2" not in (await talk.find("kite 2")).replace("“kite 2”", "")
    assert len(await talk.ids(CLUB_NAME)) == len(talk.gallery.upload_files()) == 3
    again = Post(CLUB_NAME, posts[2]["message_id"], CLUB_NAME, f"telegram:{BEN}", "Ben", 1.0)
    assert await talk.gallery.posts.wanted([again]) == ([], TakenIn(known=1))
    talk.server.world.delete(posts[1])
    [repost] = await _repost(talk, CLUB, EVE, picture_bytes("cyan", seed=1, edge=64))
    assert f"/{posts[1]['message_id']}" not in repost["text"]


async def test_what_the_bot_may_be_unable_to_see_is_kept(tmp_path: Path) -> None:
    """In privacy mode, and what an export brought, "not found" says nothing of a post."""
    async with _posting(tmp_path, privacy=True) as talk:
        talk.server.world.chats[CLUB].members[BOT_ID] = "administrator"
        await _switch_on(talk)
        heard = await talk.server.say(CLUB, BEN, "a cyan kite", photo=CYAN)
        await talk.taken_in()
        brought = Post(CLUB_NAME, 7, CLUB_NAME, f"telegram:{BEN}", "Ben", 1.0, caption="a red kite")
        await talk.gallery.posts.add([(brought, RED)])
        talk.server.world.chats[CLUB].members[BOT_ID] = "member"
        talk.server.world.delete(heard)
        said = await talk.find("kite")
        assert "a red kite" in said
        assert "a cyan kite" in said
        assert len(await talk.ids(CLUB_NAME)) == 2


@pytest.mark.filterwarnings("ignore:.*retry_after:telegram.warnings.PTBDeprecationWarning")
async def test_what_was_deleted_while_the_bot_was_away_is_noticed_by_itself(tmp_path: Path) -> None:
    """Nobody has to ask: its picture is gone, with the file; failures of Telegram are outlived."""
    async with _posting(tmp_path, sweep_every_s=0.05, sweep_pause_s=0.0) as talk:
        await _switch_on(talk)
        made = (picture_bytes("cyan", seed=n, edge=64) for n in range(4))
        posts = [await talk.server.say(CLUB, BEN, f"kite {n}", photo=p) for n, p in enumerate(made)]
        brought = Post(CLUB_NAME, 7, CLUB_NAME, f"telegram:{BEN}", "Ben", 1.0, caption="a red kite")
        await talk.taken_in()
        await talk.gallery.posts.add([(brought, RED)])
        await talk.adapter.stop()
        for each in posts[1:3]:
            talk.server.world.delete(each)
        talk.server.fail("setMessageReaction", Fault(429, retry_after=1), Fault(500))
        await talk.adapter.start()
        async with asyncio.timeout(60):
            while len(await talk.ids(CLUB_NAME)) > 3:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.02)
        asked = [each for each in talk.server.calls if each.method == "setMessageReaction"]
        [refused] = [n for n, each in enumerate(asked) if each.status == 429]
        assert asked[refused + 1].at - asked[refused].at >= 1.0
        left = await talk.gallery.posts.of(await talk.ids(CLUB_NAME), CLUB_NAME)
        said = sorted(post.caption for each in left.values() for post in each)
        assert said == ["a red kite", "kite 0", "kite 3"]
        assert set(talk.gallery.upload_files()) == set(left)
        again = Post(CLUB_NAME, posts[1]["message_id"], CLUB_NAME, f"telegram:{BEN}", "Ben", 1.0)
        assert await talk.gallery.posts.wanted([again]) == ([], TakenIn(known=1))


async def test_the_sweep_takes_nothing_out_where_not_found_proves_nothing(tmp_path: Path) -> None:
    """A bot that was demoted in between may have lost sight of what is there."""
    async with _posting(tmp_path, privacy=True, sweep_pause_s=0.0) as talk:
        talk.server.world.chats[CLUB].members[BOT_ID] = "administrator"
        await _switch_on(talk)
        heard = await talk.server.say(CLUB, BEN, "a cyan kite", photo=CYAN)
        await talk.taken_in()
        sweep = talk.adapter._sweep
        assert sweep is not None
        await sweep.once()  # from now on it is known that the bot hears all
        talk.server.world.chats[CLUB].members[BOT_ID] = "member"
        talk.server.world.delete(heard)
        await sweep.once()
        assert len(await talk.ids(CLUB_NAME)) == 1
        talk.server.world.chats[CLUB].members[BOT_ID] = "administrator"
        await talk.adapter.stop()
        await talk.adapter.start()  # what it heard before is known for some minutes
        await talk.adapter._sweep.once()  # type: ignore[union-attr]
        assert await talk.ids(CLUB_NAME) == []
        assert talk.gallery.upload_files() == {}
