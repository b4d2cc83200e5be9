"""Adding, removing and settings on the real path: event in, pictures out."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.chat.access_list import Roster
from core.domain.types import CommunitySettings
from tests.adapters.discord_parts import (
    ADMIN,
    ANA,
    BEN,
    HOME,
    Chat,
    adapter_of,
    chatting,
    colour_of,
    dated_parts,
)
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_people import TOKEN
from tests.servers.discord_rest import Fault
from tests.servers.discord_shown import Shown
from tests.servers.discord_store import Exchange
from tests.servers.discord_world import APPLICATION, Person

ME = f"<@{APPLICATION}>"
NEW = ("new.png", picture_bytes("cyan", seed=501, edge=64))
UPDATED_IN_PLACE = 6


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot in one server where BEN may add pictures."""
    async with chatting(dated_parts(tmp_path), roster=Roster(adders={BEN.id})) as chat:
        yield chat


async def _slash(
    chat: Chat,
    name: str,
    *,
    person: Person = ADMIN,
    picture: tuple[str, bytes] | None = None,
    **options: object,
) -> Shown:
    exchange = await chat.discord.slash(person, chat.server, name, options, picture=picture)
    return await chat.discord.answer(exchange)


async def _press(chat: Chat, shown: Shown, label: str, person: Person = ADMIN) -> Exchange:
    exchange = await chat.discord.press(person, chat.server, shown, shown.buttons[label])
    await until(lambda: chat.discord.visible(exchange))
    return exchange


async def _in_place(chat: Chat, shown: Shown, label: str, person: Person = ADMIN) -> Shown:
    exchange = await _press(chat, shown, label, person)
    (drawn,) = chat.discord.visible(exchange)
    assert exchange.kind == UPDATED_IN_PLACE
    assert drawn.message["id"] == shown.message["id"]
    return drawn


async def _found(chat: Chat, query: str, community: str = f"discord:{HOME}") -> list[str]:
    result = await chat.parts.search.find(query, community=community, k=10)
    return [hit.picture.caption for hit in result.hits]


def _resaved(data: bytes) -> bytes:
    """Other bytes of the same pixels."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.save(out, "PNG", compress_level=1)
    assert out.getvalue() != data
    return out.getvalue()


async def test_add_shows_what_was_added(chat: Chat) -> None:
    """The picture itself, its caption and id; it is found by the next question."""
    shown = await _slash(chat, "add", person=BEN, picture=NEW, caption="a cyan *kite*")
    assert not shown.private
    assert "### Added to “gallery”" in shown.text
    assert "a cyan \\*kite\\*" in shown.text
    assert "“gallery” has 62 pictures now." in shown.text
    assert colour_of(shown.pictures[0]) == "cyan"
    (upload,) = chat.parts.contributions.uploads.values()
    assert upload.file.read_bytes() == NEW[1]
    assert (upload.uploader, upload.community) == (f"discord:{BEN.id}", f"discord:{HOME}")
    assert f"id {upload.picture.id}" in shown.text
    assert "a cyan *kite*" in await _found(chat, "cyan kite")
    found = await _slash(chat, "find", query="cyan kite", count=10)
    assert "a cyan \\*kite\\*" in found.text


async def test_who_added_may_take_it_back(chat: Chat) -> None:
    """Undo draws over the message that showed it, and nothing is found any more."""
    shown = await _slash(chat, "add", person=BEN, picture=NEW, caption="a kite")
    gone = await _in_place(chat, shown, "Undo", BEN)
    assert "Removed from “gallery”: a kite" in gone.text
    assert gone.pictures == []
    assert gone.buttons == {}
    assert "a kite" not in await _found(chat, "a cyan kite")


async def test_a_removal_can_be_undone_and_that_again(chat: Chat) -> None:
    """An administrator goes there and back in one message, its picture with it."""
    shown = await _slash(chat, "add", picture=NEW, caption="a kite")
    gone = await _in_place(chat, shown, "Undo")
    back = await _in_place(chat, gone, "Undo")
    assert "### Back in “gallery”" in back.text
    assert colour_of(back.pictures[0]) == "cyan"
    assert "a kite" in await _found(chat, "a cyan kite")


async def test_a_picture_that_is_there_is_shown(chat: Chat) -> None:
    """The equal one, without a way to add it again."""
    await _slash(chat, "add", picture=NEW, caption="a kite")
    shown = await _slash(chat, "add", person=BEN, picture=NEW, caption="another")
    assert "“gallery” has this picture already" in shown.text
    assert colour_of(shown.pictures[0]) == "cyan"
    assert shown.buttons == {}
    assert len(chat.parts.contributions.uploads) == 1


async def test_nearly_the_same_can_be_added_all_the_same(chat: Chat) -> None:
    """The button sends the posted picture again, from the message, and draws over it."""
    await _slash(chat, "add", picture=NEW, caption="a kite")
    similar = ("other.png", _resaved(NEW[1]))
    shown = await _slash(chat, "add", person=BEN, picture=similar, caption="my kite")
    assert "has a picture that is nearly the same" in shown.text
    assert shown.thumbnail == similar[1]
    added = await _in_place(chat, shown, "Add anyway", BEN)
    assert "### Added to “gallery”" in added.text
    assert "my kite" in added.text
    upload = list(chat.parts.contributions.uploads.values())[-1]
    assert upload.file.read_bytes() == similar[1]
    assert upload.picture.caption == "my kite"


async def test_pictures_are_added_by_message_too(chat: Chat) -> None:
    """As in other chats: the bot's name, the command, words."""
    await chat.discord.say(BEN, chat.server, f"{ME} /add a kite", NEW)
    shown = await chat.discord.replied(chat.server.channel)
    assert "### Added to “gallery”" in shown.text
    assert colour_of(shown.pictures[0]) == "cyan"


async def test_remove_by_id_tells_the_asker_alone(chat: Chat) -> None:
    """What was removed is gone at once; Undo brings it back in the same message."""
    picture = chat.parts.snapshot.pictures[0]
    shown = await _slash(chat, "remove", id=picture.id)
    assert shown.private
    assert f"Removed from “gallery”: {picture.caption} (id {picture.id})." in shown.text
    assert picture.caption not in await _found(chat, picture.caption)
    back = await _in_place(chat, shown, "Undo")
    assert back.private
    assert colour_of(back.pictures[0]) == picture.caption.split()[0]
    assert picture.caption in await _found(chat, picture.caption)


async def test_an_undo_that_comes_too_late_says_so(chat: Chat) -> None:
    """Beside the message, for the asker alone; the message stays as it is."""
    shown = await _slash(chat, "remove", id=chat.parts.snapshot.pictures[0].id)
    chat.parts.clock.advance(301)
    pressed = await _press(chat, shown, "Undo")
    (answer,) = chat.discord.visible(pressed)
    assert answer.private
    assert answer.message["id"] != shown.message["id"]
    assert "too long ago" in answer.text
    assert "Undo" in shown.buttons


async def test_remove_by_words_lets_choose(chat: Chat) -> None:
    """The nearest pictures, each with its button; the list stays to remove more of them."""
    shown = await _slash(chat, "remove", id="a blue cat")
    assert shown.private
    assert [colour_of(data) for data in shown.pictures] == ["blue"] * 5
    assert list(shown.buttons) == [f"Remove #{number}" for number in range(1, 6)]
    before = await _found(chat, "a blue cat")
    for number in (1, 2):
        pressed = await _press(chat, shown, f"Remove #{number}")
        (answer,) = chat.discord.visible(pressed)
        assert answer.private
        assert "Removed from “gallery”: blue" in answer.text
        assert answer.message["id"] != shown.message["id"]
    left = await _found(chat, "a blue cat")
    assert sum(caption.startswith("blue") for caption in left) == 3
    assert sum(caption.startswith("blue") for caption in before) == 5


async def test_settings_are_changed_in_place(chat: Chat) -> None:
    """One private message shows them and follows each press."""
    shown = await _slash(chat, "settings")
    assert shown.private
    assert "**Results** 5" in shown.text
    shown = await _in_place(chat, shown, "Show weak matches")
    assert shown.private
    assert "**Weak matches** shown at once" in shown.text
    shown = await _in_place(chat, shown, "Hide weak matches")
    assert chat.parts.settings.of(f"discord:{HOME}") == CommunitySettings()
    shown = await _slash(chat, "settings", count=2, weak="show")
    assert "**Results** 2" in shown.text
    found = await _slash(chat, "find", person=ANA, query="red")
    assert [colour_of(data) for data in found.pictures] == ["red"] * 2
    weak = await _slash(chat, "find", person=ANA, query="quarterly tax declaration")
    assert len(weak.pictures) == 2
    assert "**Results** 5" in (await _in_place(chat, shown, "Back to the operator's numbers")).text


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("pattern", [r"POST .*/callback", r"PATCH .*/messages/@original"])
async def test_a_press_survives_a_broken_connection(
    chat: Chat, pattern: str, *, after: bool
) -> None:
    """Drawn in place all the same, and done once."""
    shown = await _slash(chat, "settings")
    chat.discord.rest.faults.append(Fault(pattern, reset=True, after=after))
    drawn = await _in_place(chat, shown, "Show weak matches")
    assert "**Weak matches** shown at once" in drawn.text


async def test_a_message_that_is_gone_is_answered_anew(chat: Chat) -> None:
    """Somebody deletes the message while its button is at work."""
    shown = await _slash(chat, "add", picture=NEW, caption="a kite")
    chat.discord.rest.faults.append(Fault(r"PATCH .*/@original", 404, {"code": 10008}))
    pressed = await _press(chat, shown, "Undo")
    (answer,) = chat.discord.visible(pressed)
    assert answer.message["id"] != shown.message["id"]
    assert not answer.private
    assert "Removed from “gallery”: a kite" in answer.text


async def test_what_is_private_stays_so_beside_a_public_message(chat: Chat) -> None:
    """A refused press changes nothing that all can see."""
    shown = await _slash(chat, "add", picture=NEW, caption="a kite")
    chat.parts.contributions.removed.clear()
    await chat.parts.contributions.forget(f"discord:{ADMIN.id}")
    pressed = await _press(chat, shown, "Undo")
    (answer,) = chat.discord.visible(pressed)
    assert answer.private
    assert "There is no such picture here." in answer.text
    assert colour_of(shown.pictures[0]) == "cyan"


async def test_buttons_that_change_something_survive_a_restart(chat: Chat) -> None:
    """Undo, Add anyway and the settings' buttons work in a process that drew none of them."""
    added = await _slash(chat, "add", picture=NEW, caption="a kite")
    similar = ("other.png", _resaved(NEW[1]))
    refused = await _slash(chat, "add", picture=similar, caption="my kite")
    settings = await _slash(chat, "settings")
    await chat.adapter.stop()
    adapter = adapter_of(chat.parts, chat.discord, chat.parts.folder)
    await adapter.start()
    try:
        assert "my kite" in (await _in_place(chat, refused, "Add anyway")).text
        gone = await _in_place(chat, added, "Undo")
        assert colour_of((await _in_place(chat, gone, "Undo")).pictures[0]) == "cyan"
        shown = await _in_place(chat, settings, "Show weak matches")
        assert "**Weak matches** shown at once" in shown.text
    finally:
        await adapter.stop()


async def test_captions_reach_no_log(
    chat: Chat, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor names, nor the token."""
    caplog.set_level("DEBUG", logger="bot")
    await _slash(chat, "add", person=BEN, picture=NEW, caption="a very secret kite")
    out, err = capsys.readouterr()
    for secret in ("very secret", "new.png", TOKEN):
        assert secret not in caplog.text + out + err
