"""One person's flood on Discord: everybody else is answered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.adapters.discord_parts import ANA, BEN, chatting
from tests.servers.discord_gateway import until
from tests.web.parts import Parts

pytestmark = pytest.mark.slow

FLOOD = 300
ALLOWED_S = 5.0


@pytest.mark.parametrize(("command", "options"), [("help", {}), ("find", {"query": "red"})])
async def test_a_flood_leaves_others_their_answers(
    tmp_path: Path, command: str, options: dict[str, str | int]
) -> None:
    """300 commands of one person keep another one waiting for less than five seconds."""
    async with chatting(Parts(tmp_path)) as chat:
        for _ in range(FLOOD):
            await chat.discord.slash(ANA, chat.server, command, options)
        began = time.monotonic()
        asked = await chat.discord.slash(BEN, chat.server, "find", {"query": "red", "count": 1})
        await until(lambda: bool(chat.discord.visible(asked)), seconds=ALLOWED_S)
        print(
            f"{FLOOD} /{command} of one person; another one after {time.monotonic() - began:.2f} s"
        )
