"""A running web chat over our own fakes: real search, real server, coloured pictures."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.chat.actions import ActionCodec, TextMemory
from bot.chat.admission import Admission
from bot.chat.claims import Claims
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.languages import Languages
from bot.chat.parts import CommandParts
from bot.chat.presenters.settings import OperatorDefaults
from bot.observability.metrics import Metrics
from bot.observability.stages import Stages
from bot.observability.tracing import NoTracer
from bot.protocol.ports import ModelCard, PersonalMemory, Tracer
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.web.adapter import WebAdapter, WebOptions, WebParts
from core.domain.errors import ReindexRunning
from core.domain.rate_limits import ADMIN_QUOTA, COMMUNITY_QUOTA, Quota, RateLimiter
from core.domain.reindex_jobs import OwnReindexJobs
from core.domain.types import Failure, Progress, ReindexReport
from core.search.browse import Browser
from core.search.rules import SearchRules
from core.search.service import Search
from tests.fake_collections import FakeGrants, FakeLibrary, FakeLooks, FakeSnapshot
from tests.fake_contributions import FakeCommunitySettings, FakeContributions
from tests.fake_labels import FakeLabels
from tests.fake_moderation import FakeModeration
from tests.fakes import COLOURS, FakeClock, FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes

_THINGS = ("fruits", "bicycle", "balloon", "house on a hill", "cat")
GALLERY: Sequence[tuple[str, str]] = (
    *((colour, f"{colour} {thing}") for thing in _THINGS for colour in COLOURS),
    ("grey", ""),
)
"""Colour and caption of each picture: five of each colour, and one without a caption."""

SECRET = (("pink", "a secret flamingo"), ("pink", "a secret pig"))
"""Pictures of a collection that only a Discord server may search."""


@functools.cache
def languages() -> Languages:
    """Our own languages, read once."""
    return Languages()


@functools.cache
def _file_of(colour: str, seed: int) -> bytes:
    return picture_bytes(colour, seed=seed, edge=48)


class SteppedReindexing:
    """A reindex that goes on only when the test lets it."""

    def __init__(self, report: ReindexReport | Exception | None = None) -> None:
        self.report = report or ReindexReport(
            "gallery", 2, 1, 0, 15, (Failure("bad.png", "damaged_picture", "It is damaged."),), 1.5
        )
        self.calls: list[tuple[str, bool]] = []
        self.finish = asyncio.Event()
        self._progress: dict[str, Progress] = {}
        self._note: Callable[[Progress], None] | None = None

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """Wait for ``finish``, then report what was given."""
        del confirm_removals, paths
        if collection in self._progress:
            raise ReindexRunning("It is being indexed already.")
        self.calls.append((collection, full))
        self._note = on_progress
        self.step(Progress("scan", 0, 0), collection)
        try:
            await self.finish.wait()
        finally:
            del self._progress[collection]
        if isinstance(self.report, Exception):
            raise self.report
        return self.report

    def step(self, progress: Progress, collection: str = "gallery") -> None:
        """Come this far."""
        self._progress[collection] = progress
        if self._note is not None:
            self._note(progress)

    def running(self) -> Mapping[str, Progress]:
        """The progress of what runs."""
        return dict(self._progress)


class KeptLog:
    """A logger that keeps what it was told, as structlog's would be called."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def error(self, event: str, **values: Any) -> None:
        """Keep an event."""
        self.events.append({"event": event, **values})


@dataclass
class Parts:
    """Everything behind a chat, with handles for the tests."""

    folder: Path
    captions: Sequence[tuple[str, str]] = GALLERY
    quota: Quota | None = None
    community_quota: Quota = COMMUNITY_QUOTA
    admin_quota: Quota = ADMIN_QUOTA
    clock: FakeClock = field(default_factory=FakeClock)
    embedder: FakeEmbedder = field(default_factory=lambda: FakeEmbedder(FakeEncoder()))
    reindexing: SteppedReindexing = field(default_factory=SteppedReindexing)
    reasons: list[str] = field(default_factory=list)
    memories: Sequence[PersonalMemory] = ()
    tracer: Tracer = field(default_factory=NoTracer)
    labels: FakeLabels = field(default_factory=FakeLabels)
    reindex_cooldown_s: float = 0.0
    rules: SearchRules | None = None
    library_of: Callable[..., FakeLibrary] = FakeLibrary

    def __post_init__(self) -> None:
        """Put it together, and write the pictures to the folder."""
        self.snapshot = FakeSnapshot.of(self.captions, encoder=self.embedder.encoder)
        secret = FakeSnapshot.of(SECRET, collection="secret", encoder=self.embedder.encoder)
        self.library = self.library_of(
            {"gallery": self.snapshot, "secret": secret},
            communities={"secret": frozenset({"discord:7"})},
        )
        for number, (colour, _) in enumerate(self.captions):
            picture_id = self.snapshot.pictures[number].id
            path = self.folder / f"{picture_id}.png"
            path.write_bytes(_file_of(colour, number))
            self.library.files[picture_id] = path
        self.looks = FakeLooks(self.library)
        self.decoder = FakeDecoder()
        self.thumbnails = Thumbnails(self.decoder)
        self.metrics = Metrics()
        stages = Stages(self.metrics.stage, self.tracer)
        self.search = Search(
            stages.around(self.library, open="open"),
            stages.around(self.embedder, embed_text="embed", embed_pixels="embed"),
            stages.around(self.decoder, decode="decode"),
            rules=self.rules,
            labels=self.labels,
            thumbnails=self.thumbnails,
        )
        self.log = KeptLog()
        self.failures = Failures(self.metrics, log=self.log)
        self.presenters = languages().presenter
        self.presenter = self.presenters("en")
        self.limits = RateLimiter(
            self.quota, self.clock, community=self.community_quota, admin=self.admin_quota
        )
        self.contributions = FakeContributions(
            self.library, self.embedder.encoder, self.folder, now=self.clock.monotonic
        )
        self.moderation = FakeModeration(self.library)
        self.grants = FakeGrants(self.library)
        self.claims = Claims(self.clock.monotonic)
        self.settings = FakeCommunitySettings()
        self.admission = Admission(self.limits, self.settings)
        self.codec = ActionCodec(TextMemory(self.clock))
        self.jobs = OwnReindexJobs(self.reindexing, poll_s=0.01)
        self.defaults = OperatorDefaults(
            cooldown_s=None if self.quota is None else self.quota.cooldown_s
        )
        self.commands = Commands(
            CommandParts(
                search=self.search,
                library=self.library,
                contributions=self.contributions,
                moderation=self.moderation,
                settings=self.settings,
                grants=self.grants,
                claims=self.claims,
                reindex_cooldown_s=self.reindex_cooldown_s,
                jobs=self.jobs,
                admission=self.admission,
                counters=self.metrics,
                failures=self.failures,
                presenters=self.presenters,
                codec=self.codec,
                sheets=Sheets(self.library, self.thumbnails),
                model=lambda: ModelCard("fake", 32, "cpu"),
                memories=self.memories,
                defaults=self.defaults,
                now=self.clock.monotonic,
                tracer=self.tracer,
                labels=self.labels,
            )
        )

    @property
    def web(self) -> WebParts:
        """What the web adapter takes of it."""
        return WebParts(
            commands=self.commands,
            search=self.search,
            library=self.library,
            browser=Browser(self.library, self.looks, self.labels),
            thumbnails=self.thumbnails,
            admission=self.admission,
            counters=self.metrics,
            failures=self.failures,
            presenters=self.presenters,
            readiness=lambda: self.reasons,
            clock=self.clock,
            defaults=self.defaults,
            tracer=self.tracer,
        )

    async def close(self) -> None:
        """End what runs in the background."""
        await self.jobs.close()
        await self.thumbnails.close()


@asynccontextmanager
async def serving(parts: Parts, options: WebOptions | None = None) -> AsyncIterator[WebAdapter]:
    """The web adapter of these parts on a free port."""
    adapter = WebAdapter(parts.web, options or WebOptions(port=0), drain_s=0.2)
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.stop()
        await parts.close()
