"""Attacks on the port of Telegram's webhook, over real connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.telegram.webhook import SECRET_HEADER
from tests.adapters.telegram_parts import talking
from tests.adapters.test_telegram_webhook import SECRET, hooked
from tests.attacks import BODIES, Target, cost_of_bodies

pytestmark = pytest.mark.slow

ALLOWED_S = 0.3
HALF_OPEN = 600


@pytest.mark.parametrize("headers", ["", f"{SECRET_HEADER}: {SECRET}\r\n"])
async def test_compressed_bodies_are_not_unpacked(tmp_path: Path, headers: str) -> None:
    """12 bodies of 2 MiB, 2 GiB each unpacked, cost next to nothing, with the secret or not."""
    async with talking(tmp_path, webhook=hooked(tmp_path, secret=SECRET)) as talk:
        hook = talk.server.world.hook
        assert hook is not None
        path = hook.url.partition("/behind")[2]
        seconds, answers = await cost_of_bodies(Target.of(hook.url), f"/behind{path}", headers)
        print(f"webhook: {BODIES} compressed bodies cost {seconds:.2f} s of processor")
        assert seconds < ALLOWED_S
        assert all(answer.startswith(b"HTTP/1.1 415 ") for answer in answers)
        assert await talk.ask("/help")


async def test_half_open_connections_lock_telegram_not_out(tmp_path: Path) -> None:
    """Headers that never end take no connection that Telegram needs."""
    async with talking(tmp_path, webhook=hooked(tmp_path)) as talk:
        hook = talk.server.world.hook
        assert hook is not None
        async with Target.of(hook.url).half_open(HALF_OPEN) as attack:
            assert await talk.ask("/help")
            assert attack.held < HALF_OPEN
            print(f"webhook: {HALF_OPEN} half-open, {attack.held} held")
