"""Attacks on the ports of the running program, in full counts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import time

import aiohttp
import psutil
import pytest

from bot.telegram.webhook import SECRET_HEADER
from tests.attacks import BODIES, Target, compressed_body
from tests.program import Program
from tests.running import Running, running
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.process

ADA = 11
SECRET = "a-secret-of-the-webhook"
HALF_OPEN = 2000
BODIES_S = 0.3
ALLOWED_S = 1.0
ANSWERED_S = 5.0
_PATH = "/telegram/" + hashlib.sha256(b"path:" + SECRET.encode()).hexdigest()[:40]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _update(number: int) -> bytes:
    person = {"id": ADA, "is_bot": False, "first_name": "Ada"}
    chat = {"id": ADA, "type": "private", "first_name": "Ada"}
    message = {"message_id": number, "date": 1, "chat": chat, "from": person, "text": "/help"}
    return json.dumps({"update_id": number, "message": message}).encode()


async def _chats_answer(
    started: Running, telegram: TelegramServer, hook: str, number: int
) -> float:
    """Seconds until the web chat and Telegram have answered."""
    began = time.monotonic()
    form = aiohttp.FormData({"text": "/help"}, default_to_multipart=True)
    async with aiohttp.ClientSession() as client:
        async with client.post(f"{started.url}/api/chat", data=form) as response:
            assert response.status == 200
        headers = {SECRET_HEADER: SECRET}
        async with client.post(hook + _PATH, data=_update(number), headers=headers) as response:
            assert response.status == 200
    await telegram.until(lambda: len(telegram.world.sent) >= number)
    return time.monotonic() - began


def _spent_s(started: Running) -> float:
    times = psutil.Process(started.process.pid).cpu_times()
    return float(times.user + times.system)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_the_running_program_withstands_its_strangers(indexed: Program) -> None:
    """Compressed bodies cost nothing, half-open connections lock nobody out: on both ports."""
    telegram, port = TelegramServer(), _free_port()
    telegram.world.user(ADA)
    telegram.world.chats[ADA].messages.update({1: {}, 2: {}})
    async with (
        telegram.running(),
        running(
            indexed,
            **telegram.environment,
            TANGERINE_TELEGRAM__WEBHOOK_URL="https://127.0.0.1",
            TANGERINE_TELEGRAM__WEBHOOK_PORT=str(port),
            TELEGRAM_WEBHOOK_SECRET=SECRET,
        ) as started,
    ):
        await started.wait_until_said("Ready:", "Telegram: connected")
        hook = f"http://127.0.0.1:{port}"
        await _chats_answer(started, telegram, hook, 1)
        body = compressed_body()
        for url, path in ((started.url, "/api/chat"), (hook, _PATH)):
            before = _spent_s(started)
            target = Target.of(url)
            for _ in range(BODIES):
                answer = await asyncio.to_thread(target.send_compressed, path, body)
                assert answer.startswith(b"HTTP/1.1 415 ")
            seconds = _spent_s(started) - before
            print(f"{url}: {BODIES} compressed bodies cost {seconds:.2f} s of processor")
            assert seconds < BODIES_S
        async with (
            Target.of(started.url).half_open(HALF_OPEN) as web,
            Target.of(hook).half_open(HALF_OPEN) as hooked,
        ):
            seconds, answer = await asyncio.to_thread(Target.of(started.url).get, "/healthz")
            assert answer.startswith(b"HTTP/1.1 200 ")
            answered = await _chats_answer(started, telegram, hook, 2)
            print(
                f"{HALF_OPEN} half-open connections on each port, {web.held} and {hooked.held} "
                f"held: /healthz in {seconds:.3f} s, both chats in {answered:.2f} s"
            )
            assert seconds < ALLOWED_S
            assert answered < ANSWERED_S
