"""Adapters whose library fails in a way that nobody foresaw: told, unready, started again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app.platform import Adapter, Platform
from bot.chat.supervision import Pauses
from tests.adapters.discord_parts import ANA, HOME
from tests.adapters.discord_parts import adapter_of as discord_adapter
from tests.adapters.telegram_parts import ADA, SMALL, Talk
from tests.adapters.telegram_parts import adapter_of as telegram_adapter
from tests.adapters.test_telegram_webhook import hooked
from tests.bot.engine.test_reloading import Said
from tests.servers.discord_gateway import until
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import Server
from tests.servers.telegram import Fault, TelegramServer
from tests.web.parts import Parts

_QUICK = Pauses(first_s=0.01, longest_s=0.02)
_SLOW = Pauses(first_s=600.0, longest_s=600.0)
# Far beyond what a loaded machine takes.
_PATIENCE_S = 60.0


@dataclass
class Kept:
    """A platform that is kept running, and all that it tells."""

    platform: Platform
    said: Said
    parts: Parts

    def connected(self, times: int = 1) -> bool:
        """Whether it has connected so often, and is ready."""
        notes = [line for line in self.said.lines if line.endswith(": connected")]
        return len(notes) >= times and self.platform.unready() is None

    def told(self) -> list[str]:
        """The lines about what nobody foresaw."""
        return [line for line in self.said.lines if "unexpectedly" in line]

    async def check_told(self, kind: str) -> None:
        """One line with an id, which readiness and the log have too; the log has the place."""
        await until(self.told, seconds=_PATIENCE_S)
        line = self.told()[0]
        found = re.search(r"\(error ([0-9a-f]{8})\): (\w+)", line)
        assert found
        assert found[2] == kind
        assert "\n" not in line
        logged = next(e for e in self.parts.log.events if e.get("incident") == found[1])
        assert logged["error"] == kind
        assert 'File "' in logged["traceback"]


@asynccontextmanager
async def kept(
    name: str, adapter: Adapter, parts: Parts, pauses: Pauses = _QUICK
) -> AsyncIterator[Kept]:
    """A platform that runs until the block is left; its stop raises nothing."""
    said = Said()
    platform = Platform(name, adapter, said, parts.failures, pauses=pauses)
    platform.start()
    try:
        yield Kept(platform, said, parts)
    finally:
        async with asyncio.timeout(_PATIENCE_S):
            await platform.stop()
        await parts.close()


@asynccontextmanager
async def kept_discord(
    folder: Path, pauses: Pauses = _QUICK, **gateway: Any
) -> AsyncIterator[tuple[Kept, Discord]]:
    """The real library at a Discord whose gateway is set up so."""
    async with discord_with(Server(HOME, owner=1)) as discord:
        for name, value in gateway.items():
            setattr(discord.gateway, name, value)
        parts = Parts(folder)
        adapter = discord_adapter(parts, discord, folder)
        async with kept("Discord", adapter, parts, pauses) as running:
            yield running, discord


@pytest.mark.parametrize("field", ["user", "shard", "session_id", "guilds"])
async def test_a_ready_without_a_field_is_told_and_tried_again(tmp_path: Path, field: str) -> None:
    """Discord answers as soon as it sends what its library expects."""
    async with kept_discord(tmp_path, lacking=frozenset({field})) as (running, discord):
        await running.check_told("KeyError")
        assert "ended unexpectedly" in (running.platform.unready() or "")
        await until(lambda: discord.gateway.identified >= 3, seconds=_PATIENCE_S)
        assert len(running.told()) == 1
        discord.gateway.lacking = frozenset()
        await until(running.connected, seconds=_PATIENCE_S)
        server = discord.gateway.servers[0]
        exchange = await discord.slash(ANA, server, "find", {"query": "red"})
        assert (await discord.answer(exchange)).pictures


async def test_an_event_that_ends_the_connection_at_work_is_told_and_tried_again(
    tmp_path: Path,
) -> None:
    """A server without its id: whatever was connected before connects anew."""
    async with kept_discord(tmp_path) as (running, discord):
        await until(running.connected, seconds=_PATIENCE_S)
        words = "what somebody wrote"
        await discord.gateway.dispatch("GUILD_CREATE", {"name": words})
        await running.check_told("KeyError")
        await until(lambda: running.connected(2), seconds=_PATIENCE_S)
        assert discord.gateway.identified == 2
        assert words not in str(parts_log(running)) + "".join(running.said.lines)


def parts_log(running: Kept) -> list[dict[str, Any]]:
    """All that was logged."""
    return running.parts.log.events


async def test_a_token_that_comes_back_is_taken_again(tmp_path: Path) -> None:
    """What Discord ends for good (4004) is told with its remedy, and tried from time to time."""
    async with kept_discord(tmp_path) as (running, discord):
        await until(running.connected, seconds=_PATIENCE_S)
        await discord.gateway.close(4004)
        await until(lambda: "Discord does not accept the token." in running.said.lines)
        await until(lambda: running.connected(2), seconds=_PATIENCE_S)


async def test_a_stop_between_two_attempts_is_clean(tmp_path: Path) -> None:
    """However long the pause would be: nothing is raised, and nothing waited for."""
    async with kept_discord(tmp_path, _SLOW, lacking=frozenset({"user"})) as (running, discord):
        await running.check_told("KeyError")
        await running.platform.stop()
        assert discord.gateway.identified == 1


@asynccontextmanager
async def kept_telegram(
    folder: Path, *, hook: bool = False, prepare: Callable[[TelegramServer], None] | None = None
) -> AsyncIterator[tuple[Kept, Talk]]:
    """The real library at a Telegram, polling or called."""
    server, parts = TelegramServer(), Parts(folder, SMALL)
    server.world.user(ADA)
    async with server.running():
        if prepare is not None:
            prepare(server)
        webhook = hooked(folder, check_s=0.05) if hook else None
        adapter = telegram_adapter(parts, server, folder, webhook=webhook)
        async with kept("Telegram", adapter, parts) as running:
            yield running, Talk(server, parts, adapter, folder)


_ODD = {
    "no result": ({"ok": True}, "KeyError"),
    "no list": ({"ok": True, "result": 5}, "TypeError"),
    "no number": ({"ok": True, "result": [{"update_id": "x"}]}, "TypeError"),
    "no id": ({"ok": True, "result": [{"message": {}}]}, "KeyError"),
}


@pytest.mark.parametrize("name", _ODD)
async def test_a_poll_that_cannot_be_read_is_told_and_tried_again(
    tmp_path: Path, name: str
) -> None:
    """Polling that its library would give up, or repeat without a pause, begins anew."""
    answer, kind = _ODD[name]

    def prepare(server: TelegramServer) -> None:
        server.fail("getUpdates", *[Fault(200, answer=answer)] * 3)

    async with kept_telegram(tmp_path, prepare=prepare) as (running, talk):
        await running.check_told(kind)
        await until(lambda: not talk.server.faults["getUpdates"], seconds=_PATIENCE_S)
        await until(running.connected, seconds=_PATIENCE_S)
        assert await talk.ask("/help")
        polls = len(talk.server.called("getUpdates"))
        assert polls < 20


@pytest.mark.parametrize("hook", [False, True])
async def test_an_update_of_no_time_does_not_stop_the_others(tmp_path: Path, hook: bool) -> None:
    """A date that no calendar has is dropped, polled or delivered, and the next is answered."""
    async with kept_telegram(tmp_path, hook=hook) as (running, talk):
        await until(running.connected, seconds=_PATIENCE_S)
        person = {"id": ADA, "is_bot": False, "first_name": "Ada"}
        chat = {"id": ADA, "type": "private", "first_name": "Ada"}
        message = {"message_id": 1, "chat": chat, "from": person, "text": "/help"}
        for date in (10**18, 10**30):
            await talk.server.push(message={**message, "date": date})
        assert len(await talk.ask("/help")) == 1
        assert running.platform.unready() is None
        assert not running.told()


async def test_a_token_revoked_at_work_is_told_and_tried_again(tmp_path: Path) -> None:
    """Polling ends with words that name the setting, and goes on once the token holds again."""
    async with kept_telegram(tmp_path) as (running, talk):
        await until(running.connected, seconds=_PATIENCE_S)
        await talk.ask("/help")
        talk.server.fail("getUpdates", Fault(401))
        await talk.server.say(ADA, ADA, "/help")
        await until(lambda: "TELEGRAM_TOKEN: Telegram refuses this token." in running.said.lines)
        await until(lambda: running.connected(2), seconds=_PATIENCE_S)
        assert await talk.ask("/help")


async def test_who_hands_updates_on_is_watched(tmp_path: Path) -> None:
    """The library's own task may end: it is told, and answers come again."""
    async with kept_telegram(tmp_path) as (running, talk):
        await until(running.connected, seconds=_PATIENCE_S)
        (handing_on,) = talk.adapter._handing_on
        handing_on.cancel()
        await until(running.told, seconds=_PATIENCE_S)
        await until(lambda: running.connected(2), seconds=_PATIENCE_S)
        assert await talk.ask("/help")


async def test_who_looks_after_the_webhook_is_watched(tmp_path: Path) -> None:
    """An answer that its library cannot read ends the look, not the webhook for good."""

    def prepare(server: TelegramServer) -> None:
        server.fail("getWebhookInfo", Fault(200, answer={"ok": True, "result": {"url": 5}}))

    async with kept_telegram(tmp_path, hook=True, prepare=prepare) as (running, talk):
        await running.check_told("TypeError")
        await until(lambda: running.connected(2), seconds=_PATIENCE_S)
        assert await talk.ask("/help")
