"""What a check of the installation found, and what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FAILED_CHECK_REMEDY = "Report this as a defect, with the line above."


class Severity(StrEnum):
    """How bad it is: a warning lets the bot run, a failure does not."""

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
    """A finding that needs nothing done."""
    return Finding(check, Severity.OK, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """A finding with which the bot runs, but not as somebody may expect."""
    return Finding(check, Severity.WARNING, message, remedy)


def failed(check: str, message: str, remedy: str) -> Finding:
    """A finding with which the bot, or a part of it, does not run."""
    return Finding(check, Severity.FAILED, message, remedy)


async def findings_of(name: str, check: Check) -> Findings:
    """What a check finds; one that breaks is a finding itself, so that the others are told."""
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - a doctor that falls ill helps nobody
        # The text of an unexpected error may quote an address, and addresses hold tokens.
        message = f"This check broke ({type(error).__name__})."
        return [failed(name, message, FAILED_CHECK_REMEDY)]
