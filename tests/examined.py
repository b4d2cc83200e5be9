"""What ``tangerine doctor`` finds over an installation that is well but for what a test planted."""

from __future__ import annotations

from typing import Any

from bot.doctor.doctor import Doctor
from bot.doctor.findings import Finding, Severity
from config.settings import load
from tests.galleries import Gallery


async def examine(gallery: Gallery, **settings: Any) -> list[Finding]:
    """What the doctor finds with these settings over an installation that is well."""
    defaults: dict[str, Any] = {
        "data_dir": gallery.data,
        "gallery": gallery.pictures,
        "model": "mini",
        "web": {"port": 0},
        "pictures": {"workers": 1},
        # The process that reads words loads models for seconds.
        "words": {"enabled": False},
    }
    chosen = {name: value for name, value in {**defaults, **settings}.items() if value is not None}
    return [finding async for finding in Doctor(load(**chosen)).findings()]


def ill(findings: list[Finding]) -> list[Finding]:
    """The findings that are not in order."""
    return [finding for finding in findings if finding.verdict is not Severity.OK]


async def the_one(gallery: Gallery, **settings: Any) -> Finding:
    """The only thing that is not in order with these settings."""
    found = ill(await examine(gallery, **settings))
    assert len(found) == 1, found
    return found[0]
