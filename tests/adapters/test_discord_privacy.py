"""What is kept of people, on the real path: told, handed out as files, deleted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.access_list import Roster
from bot.chat.handlers.exports import MAX_BYTES
from core.domain.errors import NotFound
from tests.adapters.discord_parts import BEN, HOME, Chat, chatting, dated_parts
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import APPLICATION, Server, dm_channel

ME = f"<@{APPLICATION}>"
NEW = ("new.png", picture_bytes("cyan", seed=501, edge=64))


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot in one server where BEN may add pictures."""
    async with chatting(dated_parts(tmp_path), roster=Roster(adders={BEN.id})) as chat:
        yield chat


async def _slash(
    chat: Chat,
    name: str,
    *,
    server: Server | None,
    picture: tuple[str, bytes] | None = None,
    **options: str,
) -> Shown:
    exchange = await chat.discord.slash(BEN, server, name, options, picture=picture)
    return await chat.discord.answer(exchange)


@pytest.mark.parametrize("private_chat", [False, True])
async def test_privacy_tells_exports_and_deletes(chat: Chat, *, private_chat: bool) -> None:
    """For the asker alone, in a server or not: numbers, then the files, then nothing left."""
    await _slash(chat, "add", server=chat.server, picture=NEW, caption="a kite")
    server = None if private_chat else chat.server

    async def privacy(action: str) -> Shown:
        return await _slash(chat, "privacy", server=server, action=action)

    info = await _slash(chat, "privacy", server=server)
    assert info.private
    assert info.text == (await privacy("info")).text
    assert "…" not in info.text
    exported = await privacy("export")
    assert exported.private
    ((name, data),) = exported.documents.items()
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        told = json.loads(archive.read("data.json"))
        (picture,) = (archive.read(entry) for entry in names if entry != "data.json")
    assert picture == NEW[1]
    assert "a kite" in json.dumps(told)
    (upload,) = chat.parts.contributions.uploads.values()
    deleted = await privacy("delete")
    assert deleted.private
    assert chat.parts.contributions.uploads == {}
    with pytest.raises(NotFound):
        await chat.parts.library.picture_file(upload.picture.id, f"discord:{HOME}")
    ((_, data),) = (await privacy("export")).documents.items()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["data.json"]


async def test_privacy_by_message_comes_as_a_direct_message(chat: Chat) -> None:
    """With its files; the channel only learns that there is an answer."""
    await _slash(chat, "add", server=chat.server, picture=NEW, caption="a kite")
    await chat.discord.say(BEN, chat.server, f"{ME} /privacy export")
    private = await chat.discord.replied(int(dm_channel(BEN)["id"]))
    assert len(private.documents) == 1
    public = await chat.discord.replied(chat.server.channel)
    assert public.text.startswith("I sent you")
    assert public.documents == {}


async def test_large_exports_come_in_several_messages(chat: Chat) -> None:
    """As many as Discord's requests need; all for the asker alone, and all bytes there."""
    await _add_large(chat, 5)
    exchange = await chat.discord.slash(BEN, chat.server, "privacy", {"action": "export"})
    await until(lambda: len(chat.discord.visible(exchange)) == 2)
    shown = chat.discord.visible(exchange)
    assert all(message.private for message in shown)
    documents = [data for message in shown for data in message.documents.values()]
    assert len(documents) == 5
    entries = [zipfile.ZipFile(io.BytesIO(data)).namelist() for data in documents]
    assert sum(len(names) for names in entries) == 5 + 1


async def test_large_exports_are_written_below_a_direct_message(chat: Chat) -> None:
    """All of their messages, in order."""
    await _add_large(chat, 4)
    await chat.discord.say(BEN, None, "/privacy export")
    channel = int(dm_channel(BEN)["id"])
    await chat.discord.replied(channel, 2)
    first, second = chat.discord.written(channel)
    assert (len(first.documents), len(second.documents)) == (3, 1)
    assert first.text
    assert not second.text


async def test_files_above_the_limit_are_told_of(tmp_path: Path) -> None:
    """Where Discord takes less than a file has, words stand in its place."""
    server = Server(HOME, file_limit=MAX_BYTES // 2)
    async with chatting(dated_parts(tmp_path), server, roster=Roster(adders={BEN.id})) as chat:
        await _add_large(chat, 1)
        shown = await _slash(chat, "privacy", server=chat.server, action="export")
        assert shown.documents == {}
        assert "is larger than Discord takes here" in shown.text


async def _add_large(chat: Chat, count: int) -> None:
    # As if kept with so many bytes: what the pictures show is not the question here.
    contributions = chat.parts.contributions
    for number in range(count):
        picture = await contributions.add(
            picture_bytes("cyan", seed=600 + number, edge=64),
            f"large {number}",
            community=f"discord:{HOME}",
            uploader=f"discord:{BEN.id}",
        )
        contributions.uploads[picture.id].file.write_bytes(bytes(MAX_BYTES - 2**20))
