"""Start, stop and reconnection; tokens stay secret all the while."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from bot.telegram.adapter import TelegramAdapter
from core.domain.errors import SettingsError, Unavailable
from tests.adapters.telegram_parts import ADA, SMALL, Talk, adapter_of, talking
from tests.fakes import picture_bytes
from tests.servers.telegram import TOKEN, Fault, TelegramServer
from tests.web.parts import Parts

RED = picture_bytes("red", seed=77, edge=64)


async def test_a_wrong_token_stops_the_start_without_being_shown(tmp_path: Path) -> None:
    """The message names the setting and where to get a right one."""
    parts, server = Parts(tmp_path, SMALL), TelegramServer()
    async with server.running():
        wrong = "4242:AAH-wrong_wrong_wrong_wrong_wrong_wro"
        adapter = adapter_of(parts, server, tmp_path, token=wrong)
        with pytest.raises(SettingsError) as caught:
            await adapter.start()
        assert "TELEGRAM_TOKEN" in str(caught.value)
        assert wrong not in str(caught.value)
        assert caught.value.__suppress_context__
        assert adapter.unready() == "telegram: not connected"
        await adapter.stop()
    await parts.close()


async def test_an_unreachable_server_can_be_tried_again(tmp_path: Path) -> None:
    """The start says so with the address, and succeeds once the server is there."""
    parts, server = Parts(tmp_path, SMALL), TelegramServer()
    async with server.running():
        port = int(server.url.rpartition(":")[2])
    adapter = adapter_of(parts, server, tmp_path)
    with pytest.raises(Unavailable, match=f"cannot be reached at 127.0.0.1:{port}"):
        await adapter.start()
    async with server.running(port):
        await adapter.start()
        assert adapter.unready() is None
        await adapter.stop()
        await adapter.stop()
        assert adapter.unready() == "telegram: not connected"
    await parts.close()


async def test_stopping_finishes_the_answers_under_way(tmp_path: Path) -> None:
    """What was asked before the stop is answered; what takes too long is given up."""
    async with talking(tmp_path, drain_s=60.0) as talk:
        talk.parts.embedder.gate.clear()
        await talk.server.say(ADA, ADA, "/find red --count 1")
        await talk.server.until(lambda: talk.parts.embedder.lanes["chat"])
        stopping = asyncio.create_task(talk.adapter.stop())
        await talk.server.until(lambda: talk.adapter.unready() is not None)
        talk.parts.embedder.gate.set()
        await stopping
        assert len(talk.sent) == 1
    async with talking(tmp_path, drain_s=0.1) as talk:
        talk.parts.embedder.gate.clear()
        await talk.server.say(ADA, ADA, "/find red --count 1")
        await talk.server.until(lambda: talk.parts.embedder.lanes["chat"])
        async with asyncio.timeout(60):
            await talk.adapter.stop()
        assert talk.sent == []


async def test_nothing_but_the_bot_api_is_called_and_no_token_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Addresses in texts and captions are never opened, whoever writes them."""
    # As bot.observability.logs sets them: further down they log every address with the token in it.
    for name in ("httpx", "httpcore", "telegram"):
        caplog.set_level(logging.WARNING, name)
    caplog.set_level(logging.DEBUG)
    async with talking(tmp_path) as talk:
        await talk.ask(f"/find {talk.server.url}/secret.png red --count 1")
        await talk.server.say(ADA, ADA, f"{talk.server.url}/x.png", photo=RED)
        await talk.answers(2)
        talk.server.fail("getUpdates", Fault(502))
        await talk.idle()
        assert talk.server.foreign == []
    assert isinstance(talk.adapter, TelegramAdapter)
    assert TOKEN not in caplog.text
    assert TOKEN not in str(talk.parts.log.events)


async def test_a_server_that_restarts_is_found_again(tmp_path: Path) -> None:
    """A lost connection is rebuilt without a restart of the bot."""
    parts, server = Parts(tmp_path, SMALL), TelegramServer()
    server.world.user(ADA)
    async with server.running():
        port = int(server.url.rpartition(":")[2])
        adapter = adapter_of(parts, server, tmp_path)
        talk = Talk(server, parts, adapter, tmp_path)
        await adapter.start()
        await talk.ask("/help")
    try:
        await server.until(lambda: adapter.unready() == "telegram: Telegram cannot be reached")
        async with server.running(port):
            await talk.ask("/help")
            assert adapter.unready() is None
            await adapter.stop()
    finally:
        await adapter.stop()
        await parts.close()
