"""The other way to get updates: the server calls the bot's webhook until it accepts them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.servers.telegram_checks import Params, bad, parsed
from tests.servers.telegram_world import Json, World

_LOCAL = re.compile(r"http://127\.0\.0\.1:\d+/")


@dataclass
class Hook:
    """Where updates go; ``statuses`` are the answers to each delivery, 0 for none."""

    url: str
    secret: str
    allowed: Sequence[str]
    statuses: list[int]
    error: str = ""
    error_at: int = 0

    def info(self, pending: int) -> Json:
        """What getWebhookInfo tells."""
        failed = {"last_error_date": self.error_at, "last_error_message": self.error}
        return {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": pending,
            **(failed if self.error_at else {}),
        }


def hook_of(params: Params) -> Hook:
    """The webhook that a bot sets. A server of one's own takes http from its machine."""
    url, secret = params["url"], params.get("secret_token", "")
    if not (url.startswith("https://") or _LOCAL.match(url)):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise bad("secret token contains unallowed characters")
    return Hook(url, secret, parsed(params, "allowed_updates") or [], [])


async def deliver(world: World, news: asyncio.Condition) -> None:
    """Call the webhook with one update after the other, again where it was not accepted."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with news:
                await news.wait_for(lambda: world.hook is not None and world.updates)
                hook, update = world.hook, world.updates[0]
            assert hook is not None
            accepted = not set(update) & set(hook.allowed) or await _called(session, hook, update)
            if accepted and world.updates and world.updates[0] is update:
                world.updates.popleft()
            if not accepted:
                await asyncio.sleep(0.05)


async def _called(session: aiohttp.ClientSession, hook: Hook, update: Json) -> bool:
    headers = {"X-Telegram-Bot-Api-Secret-Token": hook.secret} if hook.secret else {}
    body: Any = update
    try:
        async with session.post(hook.url, json=body, headers=headers) as response:
            status, words = response.status, f"Wrong response from the webhook: {response.status}"
    except aiohttp.ClientError:
        status, words = 0, "Connection refused"
    hook.statuses.append(status)
    if status != 200:
        hook.error, hook.error_at = words, int(time.time())
    return status == 200
