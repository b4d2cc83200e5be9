"""The connection itself: start, loss and return, tokens, registered commands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.domain.errors import SettingsError, Unavailable
from tests.adapters.discord_parts import ANA, HOME, Chat, adapter_of, chatting, colour_of
from tests.servers.discord_gateway import until
from tests.servers.discord_people import TOKEN, Discord, discord_with
from tests.servers.discord_rest import Fault
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import Server
from tests.web.parts import Parts

_PAUSE_S = 1.5
"""Between two shards, in place of Discord's five."""


async def _find(chat: Chat) -> Shown:
    exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": "red"})
    return await chat.discord.answer(exchange)


async def test_a_lost_connection_is_resumed(tmp_path: Path) -> None:
    """The bot answers what came in between, once; no new session is begun."""
    async with chatting(Parts(tmp_path)) as chat:
        assert chat.adapter.unready() is None
        await chat.discord.gateway.close(4000)
        exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": "blue"})
        shown = await chat.discord.answer(exchange)
        assert colour_of(shown.pictures[0]) == "blue"
        await until(lambda: chat.adapter.unready() is None)
        assert chat.discord.gateway.resumed == chat.discord.gateway.identified == 1


@pytest.mark.parametrize("way", ["asked", "invalidated", "outage"])
async def test_the_connection_comes_back_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """However it went: the bot is unready meanwhile, and answers afterwards."""
    # The library waits 5 s before it identifies anew, as Discord's rules say.
    monkeypatch.setattr("discord.Client.before_identify_hook", _no_pause)
    async with chatting(Parts(tmp_path)) as chat:
        gateway = chat.discord.gateway
        if way == "asked":
            await gateway.ask_to_reconnect()
            await until(lambda: gateway.resumed == 1)
        elif way == "invalidated":
            await gateway.invalidate()
            await until(lambda: gateway.identified == 2)
        else:
            gateway.accepts = False
            await gateway.close(4000)
            await until(lambda: gateway.turned_away)
            assert chat.adapter.unready() == "1 of 1 Discord shards are down"
            gateway.accepts = True
            await until(lambda: gateway.identified == 2)
        await until(lambda: chat.adapter.unready() is None)
        assert len((await _find(chat)).pictures) == 5


async def test_shards_that_discord_advises_have_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connects behind the one before: what is allowed to one is too short for all."""
    monkeypatch.setattr("discord.Client.before_identify_hook", _short_pause)
    far = Server(2 << 22, owner=1)
    async with discord_with(Server(HOME, owner=1), far) as discord:
        discord.gateway.advised = 3
        parts = Parts(tmp_path)
        adapter = adapter_of(parts, discord, tmp_path, connect_timeout_s=1.8 * _PAUSE_S)
        await adapter.start()
        try:
            assert adapter.unready() is None
            assert discord.gateway.shard == [2, 3]
            exchange = await discord.slash(ANA, far, "find", {"query": "red"})
            assert len((await discord.answer(exchange)).pictures) == 5
        finally:
            await adapter.stop()
            await parts.close()


async def test_a_token_that_is_revoked_at_work_makes_it_unready(tmp_path: Path) -> None:
    """The connection ends for good; readiness says why and what to do."""
    async with chatting(Parts(tmp_path)) as chat:
        await chat.discord.gateway.close(4004)
        await until(lambda: "DISCORD_TOKEN" in (chat.adapter.unready() or ""))


async def test_a_wrong_token_stops_the_start(tmp_path: Path) -> None:
    """In one line that names the setting, and not the token."""
    async with discord_with(Server(HOME)) as discord:
        adapter = adapter_of(Parts(tmp_path), discord, tmp_path, token="wrong.token")
        with pytest.raises(SettingsError, match="DISCORD_TOKEN") as error:
            await adapter.start()
        assert "wrong.token" not in str(error.value)
        assert adapter.unready() == "Discord is not connected"


async def test_refused_intents_stop_the_start(tmp_path: Path) -> None:
    """Discord's close code 4014 becomes words that name the switch and the setting."""
    async with discord_with(Server(HOME)) as discord:
        discord.gateway.allowed = 0
        adapter = adapter_of(Parts(tmp_path), discord, tmp_path, message_content=True)
        with pytest.raises(
            SettingsError, match=r"Message Content Intent.*discord\.message_content"
        ):
            await adapter.start()


async def test_an_unreachable_discord_is_unavailable(tmp_path: Path) -> None:
    """No server, or one that never answers: the start says so within its time."""
    async with discord_with(Server(HOME)) as discord:
        discord.gateway.accepts = False
        adapter = adapter_of(Parts(tmp_path), discord, tmp_path, connect_timeout_s=0.5)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await adapter.start()
    adapter = adapter_of(Parts(tmp_path), discord, tmp_path)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await adapter.start()


async def test_the_address_of_discord_is_given_back(tmp_path: Path) -> None:
    """Another server's address does not outlive the adapter that was given it."""
    from discord.http import Route  # noqa: PLC0415 - importing it warns before discord_parts

    before = Route.BASE
    async with chatting(Parts(tmp_path)) as chat:
        assert chat.discord.api_url == Route.BASE
    assert before == Route.BASE


async def test_the_gateway_may_be_left_to_the_api(tmp_path: Path) -> None:
    """Where only the API's address is set, a reconnect goes where the API says, too."""
    from discord.gateway import DiscordWebSocket  # noqa: PLC0415 - as above

    before = DiscordWebSocket.DEFAULT_GATEWAY
    async with chatting(Parts(tmp_path), gateway_url=None) as chat:
        assert str(DiscordWebSocket.DEFAULT_GATEWAY) == chat.discord.gateway.url
        assert len((await _find(chat)).pictures) == 5
    assert before == DiscordWebSocket.DEFAULT_GATEWAY


async def test_commands_are_registered_only_when_they_changed(tmp_path: Path) -> None:
    """A second start with the same commands tells Discord nothing; a changed memory does."""
    counts = []
    for memory in ("", "", "another version"):
        if memory:
            (tmp_path / "discord-commands").write_text(memory)
        async with chatting(Parts(tmp_path)) as chat:
            calls = chat.discord.rest.calls
            counts.append(sum("PUT" in call and "commands" in call for call in calls))
    assert counts == [1, 0, 1]


async def test_a_failed_registration_does_not_stop_the_start(tmp_path: Path) -> None:
    """What Discord knew before goes on working, and the next start tries again."""
    async with discord_with(Server(HOME)) as discord:
        discord.rest.faults.append(Fault(r"PUT .*/commands", 403, {"code": 50001}))
        adapter = adapter_of(Parts(tmp_path), discord, tmp_path)
        await adapter.start()
        assert adapter.unready() is None
        await adapter.stop()
        assert not (tmp_path / "discord-commands").exists()


def test_the_token_is_no_part_of_any_description(tmp_path: Path) -> None:
    """Options that end up in a log show no token."""
    adapter = adapter_of(Parts(tmp_path), Discord(Server(HOME)), tmp_path)
    assert TOKEN not in repr(adapter._options)


async def _short_pause(*_: object, initial: bool = False, **__: object) -> None:
    if not initial:
        await asyncio.sleep(_PAUSE_S)


async def _no_pause(*_: object, **__: object) -> None:
    pass
