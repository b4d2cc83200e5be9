"""``tangerine doctor``: is everything there that the bot needs, and if not, what to do."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from PIL import Image

from bot.doctor.access import check_access
from bot.doctor.catalogue import check_catalogue
from bot.doctor.discord import check_discord
from bot.doctor.encoders import check_encoders
from bot.doctor.files import check_files
from bot.doctor.findings import Check, Finding, Findings, failed, findings_of, fine, warning
from bot.doctor.machine import (
    Address,
    check_address,
    check_data_folder,
    check_device,
    check_model,
    check_secrets,
)
from bot.doctor.telegram import check_telegram
from bot.doctor.vectors import check_vectors
from bot.engine.engine import picture_decoder
from bot.engine.reading import word_pool
from bot.engine.specs import collection_specs
from bot.terminal.numbers import counted
from config.settings import Settings
from core.domain.errors import SourceError, TangerineError
from core.images.formats import VIDEO_PACKAGE, reads_videos
from core.images.reader_version import missing_packages
from core.images.sandbox import Isolation
from index.catalogue.walk import walk
from index.library.library import CollectionSpec

_TRIAL_EDGE = 32


class Doctor:
    """Looks at an installation without changing it. Use :meth:`findings` once.

    ``config`` is the settings file that ``settings`` came from, where there is one.
    """

    def __init__(self, settings: Settings, config: Path | None = None) -> None:
        self._settings = settings
        self._config = config

    async def findings(self) -> AsyncIterator[Finding]:
        """What was found, subject by subject, as soon as it is known."""
        checks = [
            (name, asyncio.create_task(findings_of(name, check))) for name, check in self._checks()
        ]
        try:
            for _, task in checks:
                for finding in await task:
                    yield finding
        finally:
            for _, task in checks:
                task.cancel()

    def _checks(self) -> Sequence[tuple[str, Check]]:
        settings = self._settings
        return (
            ("settings", self._in_settings),
            ("data", partial(asyncio.to_thread, check_data_folder, settings.data_dir)),
            ("files", partial(asyncio.to_thread, check_files, settings)),
            *self._encoding(),
            ("pictures", self._decoding),
            ("words", self._reading),
            ("collections", self._collections),
            ("vectors", partial(asyncio.to_thread, check_vectors, settings)),
            ("index", partial(asyncio.to_thread, check_catalogue, settings)),
            ("web", self._addresses),
            ("discord", partial(check_discord, settings)),
            ("telegram", partial(check_telegram, settings)),
        )

    def _encoding(self) -> Sequence[tuple[str, Check]]:
        settings = self._settings
        if settings.encoder.urls:
            return (("encoders", partial(check_encoders, settings)),)
        return (
            ("model", partial(asyncio.to_thread, check_model, settings.model)),
            ("device", partial(asyncio.to_thread, check_device, settings.device)),
        )

    async def _in_settings(self) -> Findings:
        settings = self._settings
        source = self._config or "defaults and environment"
        findings = [fine("settings", f"The settings are valid ({source}).")]
        if not (settings.web.enabled or settings.discord.token or settings.telegram.token):
            findings.append(
                failed(
                    "settings",
                    "There is nothing to run: the web chat is off and no token is set.",
                    "Set DISCORD_TOKEN or TELEGRAM_TOKEN, or TANGERINE_WEB__ENABLED=true.",
                )
            )
        return [*findings, *await asyncio.to_thread(check_secrets, self._config)]

    async def _decoding(self) -> Findings:
        """Decode a picture as the bot would: in a process of its own, within its bounds."""
        picture = io.BytesIO()
        Image.new("RGB", (_TRIAL_EDGE, _TRIAL_EDGE), "orange").save(picture, "PNG")
        try:
            async with AsyncExitStack() as stack:
                try:
                    decoder = await stack.enter_async_context(picture_decoder(self._settings))
                except TangerineError as error:
                    return [failed("pictures", error.message, error.remedy)]
                await decoder.thumbnail(picture.getvalue(), _TRIAL_EDGE)
                isolation = decoder.isolation
        except (TangerineError, OSError) as error:
            return [
                failed(
                    "pictures",
                    f"A process that decodes pictures does not work: {error}",
                    "Give the machine more memory, or change the section [pictures] of the "
                    "settings to what it can do.",
                )
            ]
        return [_of_isolation(isolation), _videos()]

    async def _reading(self) -> Findings:
        """Read words as the bot would, in a process of its own."""
        if not self._settings.words.enabled:
            return [fine("words", "Words in pictures are not read (words.enabled = false).")]
        if missing := missing_packages():
            return [
                warning(
                    "words",
                    f"Words in pictures are not read: {' and '.join(missing)} is not installed.",
                    "Install the extra: .venv/bin/pip install -c constraints.txt -e '.[words]', "
                    "or set TANGERINE_WORDS__ENABLED=false.",
                )
            ]
        picture = io.BytesIO()
        Image.new("RGB", (_TRIAL_EDGE, _TRIAL_EDGE), "orange").save(picture, "PNG")
        try:
            async with word_pool(self._settings) as reader:
                await reader.read(picture.getvalue())
        except (TangerineError, OSError) as error:
            return [
                failed(
                    "words",
                    f"A process that reads words does not work: {error}",
                    "Give the machine more memory, or set TANGERINE_WORDS__ENABLED=false.",
                )
            ]
        return [fine("words", "Words in pictures are read in processes of their own.")]

    async def _collections(self) -> Findings:
        specs = collection_specs(self._settings)
        if not specs:
            return [
                failed(
                    "collections",
                    "There is no collection to search.",
                    "Set TANGERINE_GALLERY to a folder of pictures.",
                )
            ]
        return [
            finding
            for spec in specs
            for finding in (
                *await asyncio.to_thread(_in_folder, spec),
                *self._unreached(spec),
            )
        ] + list(await asyncio.to_thread(check_access, self._settings, specs))

    def _unreached(self, spec: CollectionSpec) -> Findings:
        """Communities of platforms that the bot does not connect to."""
        tokens = {
            "discord": self._settings.discord.token,
            "telegram": self._settings.telegram.token,
        }
        return [
            warning(
                "collections",
                f"The collection {spec.name} names {community}, but there is no token for it.",
                f"Set {platform.upper()}_TOKEN, or take the community out of the settings.",
            )
            for community in sorted(spec.communities)
            for platform in (community.partition(":")[0],)
            if platform in tokens and not tokens[platform]
        ]

    async def _addresses(self) -> Findings:
        web, telegram = self._settings.web, self._settings.telegram
        addresses = []
        if web.enabled:
            names = "TANGERINE_WEB_HOST and TANGERINE_WEB_PORT"
            addresses.append(Address("web", web.host, web.port, names))
        if telegram.token and telegram.webhook_url:
            names = "telegram.webhook_host and telegram.webhook_port"
            addresses.append(
                Address("webhook", telegram.webhook_host, telegram.webhook_port, names)
            )
        return [finding for address in addresses for finding in await check_address(address)]


def _of_isolation(isolation: Isolation | None) -> Finding:
    if isolation is not None and isolation.whole:
        return fine(
            "pictures", f"Pictures are decoded in processes of their own, isolated: {isolation}."
        )
    return warning(
        "pictures",
        "Pictures are decoded in processes of their own, but what a broken picture could do there "
        f"is not fully bounded: {isolation}.",
        "Run it on Linux 5.13 or newer, on x86-64 or ARM64; in a container, with a seccomp "
        "profile that allows prctl and landlock_restrict_self, as Docker's own does.",
    )


def _in_folder(spec: CollectionSpec) -> Findings:
    try:
        pictures = len(walk(spec.folder, rules=spec.rules).pictures)
    except SourceError as error:
        return [failed("collections", f"{spec.name}: {error.message}", error.remedy)]
    if not pictures:
        return [
            warning(
                "collections",
                f"{spec.name}: there are no pictures in {spec.folder}.",
                "Put pictures there, or name another folder; then: tangerine reindex",
            )
        ]
    return [fine("collections", f"{spec.name}: {counted(pictures, 'picture')} in {spec.folder}.")]


def _videos() -> Finding:
    if reads_videos():
        return fine("videos", "Videos are searched by their frames, as animations are.")
    return warning(
        "videos",
        f"Videos are not read: {VIDEO_PACKAGE} is not installed. "
        "Animated GIF, PNG, WebP and AVIF are.",
        "Install the extra: .venv/bin/pip install -c constraints.txt -e '.[video]'",
    )
