"""What a check of the installation found, what to do about it, and what a platform answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import httpx

FAILED_CHECK_REMEDY = "Report this as a defect, with the line above."


class Severity(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``message`` is the state, ``remedy`` what to do, if anything.

    ``check`` names the subject in one word, as ``discord``.
    """

    check: str
    verdict: Severity
    message: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict.value}


Findings = Sequence[Finding]

Check = Callable[[], Awaitable[Findings]]
"""Looks at one subject. Changes nothing."""


def fine(check: str, message: str) -> Finding:
    return Finding(check, Severity.OK, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """A finding with which the bot runs, but not as somebody may expect."""
    return Finding(check, Severity.WARNING, message, remedy)


def failed(check: str, message: str, remedy: str) -> Finding:
    """A finding with which the bot, or a part of it, does not run."""
    return Finding(check, Severity.FAILED, message, remedy)


class RefusedError(Exception):
    """A platform does not take the token (``for_good``), or gives no answer; with the finding."""

    def __init__(self, check: str, message: str, remedy: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.finding = failed(check, message, remedy)
        self.for_good = for_good


async def findings_of(name: str, check: Check) -> Findings:
    """What a check finds; one that breaks is a finding itself, so that the others are told."""
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - a doctor that falls ill helps nobody
        # The text of an unexpected error may quote an address, and addresses hold tokens.
        message = f"This check broke ({type(error).__name__})."
        return [failed(name, message, FAILED_CHECK_REMEDY)]


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
