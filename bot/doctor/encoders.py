"""Whether the encoders over HTTP answer, and whether they are one model."""

from __future__ import annotations

import asyncio

from bot.doctor.findings import Finding, Findings, failed, fine
from config.settings import Settings
from core.encoder.known import KnownEncoder


async def check_encoders(settings: Settings) -> Findings:
    """A finding for each address: which model runs there, or why nobody can be asked."""
    # Imported here: aiohttp, for those who have encoders on other machines alone.
    from bot.encoding.remote import asked_about  # noqa: PLC0415
    from bot.encoding.wire import difference  # noqa: PLC0415

    token = settings.encoder.token
    given = token.get_secret_value() if token else None
    urls = [url.get_secret_value() for url in settings.encoder.urls]
    found = await asyncio.gather(*(asked_about(url, given) for url in urls))
    first = next((about for _, about in found if isinstance(about, KnownEncoder)), None)
    findings: list[Finding] = []
    for name, about in found:
        if isinstance(about, str):
            findings.append(
                failed(
                    "encoders",
                    f"{name} {about}.",
                    "Start it with: tangerine encoder; or correct TANGERINE_ENCODER_URLS and "
                    "TANGERINE_ENCODER_TOKEN.",
                )
            )
            continue
        assert first is not None
        other = difference(first.identity, about.identity)
        told = f"{name} runs {about.identity.name} ({about.identity.dimension} dimensions)"
        findings.append(
            fine("encoders", f"{told} on {about.device} ({about.choice.backend}).")
            if other is None
            else failed(
                "encoders",
                f"{name} {other}: vectors of the two are not comparable.",
                "Start all encoders with the same model (TANGERINE_MODEL), precision and release.",
            )
        )
    return findings
