"""What an adapter needs, over a real library: for the pictures that people post."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.chat.actions import ActionCodec, TextMemory
from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.parts import CommandParts
from bot.engine.engine import SystemClock
from bot.observability.metrics import Metrics
from bot.protocol.ports import ModelCard
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from core.domain.ports import WordReader
from core.domain.rate_limits import RateLimiter
from core.domain.reindex_jobs import OwnReindexJobs
from core.search.service import Search
from index.library.words import StoredWords
from tests.galleries import Gallery
from tests.web.parts import KeptLog, languages


@dataclass
class GalleryParts:
    """What the adapter needs, over a real library; ``reader`` reads words in pictures."""

    gallery: Gallery
    memories: list[Any] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    reader: WordReader | None = None

    def __post_init__(self) -> None:
        """Put it together."""
        gallery, clock = self.gallery, SystemClock()
        self.library, self.decoder = gallery.library, gallery.decoder
        self.thumbnails = Thumbnails(self.decoder)
        self.log = KeptLog()
        self.failures = Failures(self.metrics, log=self.log)
        self.presenters = languages().presenter
        limits = RateLimiter(None, clock)
        version = self.reader.version if self.reader else ""
        words = StoredWords(gallery.overlays, [gallery.name] if self.reader else [], version)
        self.search = Search(
            gallery.library,
            gallery.embedder,
            gallery.decoder,
            words=words,
            reader=self.reader,
        )
        self.commands = Commands(
            CommandParts(
                search=self.search,
                library=gallery.library,
                contributions=gallery.contributions,
                moderation=gallery.moderation,
                settings=gallery.settings,
                grants=gallery.grants,
                jobs=OwnReindexJobs(gallery.reindexer),
                admission=Admission(limits, gallery.settings),
                counters=self.metrics,
                failures=self.failures,
                presenters=self.presenters,
                codec=ActionCodec(TextMemory(clock)),
                sheets=Sheets(gallery.library, self.thumbnails),
                model=lambda: ModelCard("fake", 32, "cpu"),
                memories=self.memories,
                posts=gallery.posts,
                channels=gallery.channels,
            )
        )

    async def close(self) -> None:
        """Close the library."""
        self.gallery.close()
