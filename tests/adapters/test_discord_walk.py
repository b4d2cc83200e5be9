"""How far a question travels: the files of ours that its text passes on its way there and back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import discord

from bot.chat.actions import ActionCodec, TextMemory
from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.parts import CommandParts
from bot.discord.adapter import DiscordAdapter, DiscordOptions, DiscordParts
from bot.engine.engine import SystemClock
from bot.observability.metrics import Metrics
from bot.observability.stages import Stages
from bot.observability.tracing import NoTracer
from bot.protocol.ports import ModelCard
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from core.domain.rate_limits import RateLimiter
from core.domain.reindex_jobs import OwnReindexJobs
from core.encoder.embedder import BatchedEmbedder
from core.search.service import Search
from tests.adapters.discord_parts import ANA, HOME
from tests.fakes import FakeEncoder
from tests.galleries import Gallery
from tests.servers.discord_people import TOKEN, discord_with
from tests.servers.discord_world import Server
from tests.web.parts import languages

TEXT = "red thing zorvex"
MOST = 30
_HOME = Path(__file__).parents[2]
_PRODUCT = tuple(f"{_HOME / package}/" for package in ("bot", "core", "index", "config"))
_DEPTH = 6


def holds(value: object, depth: int = _DEPTH) -> bool:
    """Whether a value is the text, or one of ours or of the library's that has it inside."""
    if isinstance(value, str) or not depth:
        return isinstance(value, str) and TEXT in value
    inside: list[object] = []
    if isinstance(value, discord.Interaction):
        inside = [value.data]
    elif isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, (list, tuple)):
        inside = list(value)
    elif is_dataclass(value):
        inside = [getattr(value, each.name, None) for each in fields(value)]
    return any(holds(each, depth - 1) for each in inside)


class Walk:
    """Notes which of our files have a function that is given the text, or gives it back."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.on = False

    def note(self, frame: FrameType, event: str, result: object) -> None:
        """See :func:`sys.setprofile`."""
        code = frame.f_code
        if not self.on or not code.co_filename.startswith(_PRODUCT):
            return
        sys.setprofile(None)  # looking at values is no part of the walk
        given = list(_arguments(code, frame)) if event == "call" else [result]
        if holds(given):
            self.files.add(str(Path(code.co_filename).relative_to(_HOME)))
        sys.setprofile(self.note)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at the threads that start inside, and at this one."""
        threading.setprofile(self.note)
        sys.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def _arguments(code: CodeType, frame: FrameType) -> Iterator[Any]:
    for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        if name != "self":
            yield frame.f_locals.get(name)


async def test_the_text_of_a_find_passes_few_files(tmp_path: Path) -> None:
    """From Discord's event to FAISS, and with the reply to Discord; nothing but the encoder fake.

    The walk is described in ARCHITECTURE.md.
    """
    gallery = Gallery(tmp_path, communities=f"discord:{HOME}")
    for seed in range(5):
        gallery.add(
            f"{seed}.png", seed=seed, caption=f"red thing number {seed}" if seed else TEXT.upper()
        )
    walk, clock, metrics = Walk(), SystemClock(), Metrics()
    stages = Stages(metrics.stage, NoTracer())
    thumbnails = Thumbnails(gallery.decoder)
    with walk.watching():
        await gallery.reindex()
        async with BatchedEmbedder(FakeEncoder()) as embedder:
            search = Search(
                stages.around(gallery.library, open="open"),
                stages.around(embedder, embed_text="embed", embed_pixels="embed"),
                stages.around(gallery.decoder, decode="decode"),
                thumbnails=thumbnails,
            )
            commands = Commands(
                CommandParts(
                    search=search,
                    library=gallery.library,
                    contributions=gallery.contributions,
                    moderation=gallery.moderation,
                    settings=gallery.settings,
                    grants=gallery.grants,
                    jobs=OwnReindexJobs(gallery.reindexer),
                    admission=Admission(RateLimiter(None, clock), gallery.settings),
                    counters=metrics,
                    failures=Failures(metrics),
                    presenters=languages().presenter,
                    codec=ActionCodec(TextMemory(clock)),
                    sheets=Sheets(gallery.library, thumbnails),
                    model=lambda: ModelCard("fake", 32, "cpu"),
                    now=lambda: gallery.now,
                )
            )
            parts = DiscordParts(
                commands,
                gallery.library,
                thumbnails,
                gallery.decoder,
                Failures(metrics),
                languages().presenter,
            )
            server = Server(HOME, owner=1)
            async with discord_with(server) as world:
                options = DiscordOptions(
                    TOKEN,
                    tmp_path / "discord-commands",
                    api_url=world.api_url,
                    gateway_url=world.gateway.url,
                )
                adapter = DiscordAdapter(parts, options)
                await adapter.start()
                try:
                    walk.on = True
                    exchange = await world.slash(ANA, server, "find", {"query": TEXT})
                    shown = await world.answer(exchange)
                    walk.on = False
                finally:
                    await adapter.stop()
    assert TEXT in shown.text
    assert {"bot/discord/menu.py", "core/search/captions.py", "bot/discord/layout.py"} < walk.files
    assert len(walk.files) <= MOST, sorted(walk.files)
