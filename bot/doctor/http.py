"""One question to a platform's HTTP API, with the answers that a check has to tell apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

# Mobile connections need a few seconds; somebody waits in front of a terminal.
_TIMEOUT_S = 10.0
# Discord refuses clients that do not name themselves (reference, "User Agent").
_AGENT = "DiscordBot (tangerine, 1)"


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the JSON object of an answer; an empty one where it was none."""

    status: int
    body: dict[str, Any]


class OutOfReachError(Exception):
    """Nobody answered; the text names the host and the kind of failure, never the path."""


async def ask(url: str, *, authorization: str = "", proxies: bool = False) -> Answer:
    """GET an address. Raises OutOfReachError.

    ``proxies``: go through those that the environment names, as the bot itself would.
    """
    headers = {"User-Agent": _AGENT}
    if authorization:
        headers["Authorization"] = authorization
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=proxies) as client:
            response = await client.get(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Telegram's addresses hold the token: only the host may be told.
        host = urlsplit(url).netloc
        raise OutOfReachError(f"{host} ({type(error).__name__})") from None
    try:
        body = response.json()
    except json.JSONDecodeError:
        body = {}
    return Answer(response.status_code, body if isinstance(body, dict) else {})
