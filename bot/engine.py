"""The engine room: everything that answers questions, put together from concrete classes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.metrics import Metrics
from bot.ports import ModelCard
from config.settings import Settings
from core.embedding import BatchedEmbedder
from core.errors import NotFound, SourceError
from core.images import DecodePool
from core.limits import Limits, Quota
from core.mini.assemble import mini_folder
from core.ports import Clock
from core.search import Search, SearchRules
from index.catalogue import Catalogue
from index.demo import demo_gallery
from index.library import CollectionSpec, FolderLibrary
from index.reindex import Reindexer
from index.store import SnapshotStore
from index.verify import verify_collection

if TYPE_CHECKING:
    from core.encoder import TransformersEncoder

_MIB = 2**20
# A worker that was replaced is told for this long, so that a probe once a minute sees it.
_RESTART_TOLD_S = 60.0
_STUCK_S = 60.0

NO_GALLERY = "Set TANGERINE_GALLERY to a folder of pictures."
"""The remedy where there is no collection."""


class SystemClock:
    """The real clock (``core.ports.Clock``)."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that answers questions, without any chat platform."""

    settings: Settings
    encoder: TransformersEncoder
    embedder: BatchedEmbedder
    decoder: DecodePool
    catalogue: Catalogue
    store: SnapshotStore
    library: FolderLibrary
    reindexer: Reindexer
    search: Search
    limits: Limits
    metrics: Metrics
    clock: Clock

    def model_card(self) -> ModelCard:
        """What is told of the model."""
        identity = self.encoder.identity
        return ModelCard(self.settings.model, identity.dimension, self.encoder.device)

    def collection_name(self, name: str | None) -> str:
        """The named collection, or the default one. Raises NotFound."""
        names = [collection.name for collection in self.settings.all_collections]
        if not names:
            raise NotFound("There is no collection.", remedy=NO_GALLERY)
        if name is None:
            return names[0]
        if name not in names:
            raise NotFound(
                f"There is no collection {name}.", remedy=f"Choose one of: {', '.join(names)}."
            )
        return name

    async def verify(self) -> list[str]:
        """One line for each difference between index, catalogue and files."""
        return [
            line
            for spec in _specs(self.settings)
            for line in await asyncio.to_thread(verify_collection, self.catalogue, self.store, spec)
        ]

    def unready(self) -> Sequence[str]:
        """The reasons why questions cannot be answered now."""
        reasons = []
        batcher = self.embedder.health
        if not batcher.alive:
            reasons.append("the encoder's queue is not running")
        if batcher.restarted_ago is not None and batcher.restarted_ago < _RESTART_TOLD_S:
            reasons.append(f"the encoder's queue died {batcher.restarted_ago:.0f} s ago")
        if batcher.running_for is not None and batcher.running_for > _STUCK_S:
            reasons.append(f"the encoder has been busy for {batcher.running_for:.0f} s")
        if not self.decoder.healthy():
            reasons.append("no process decodes pictures")
        return reasons


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """Load the model, open the catalogue and start the workers; stop all in reverse order.

    Raises ModelUnavailable, CatalogueError, SettingsError.
    """
    _make_data_dir(settings.data_dir)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        catalogue = await asyncio.to_thread(Catalogue.open, settings.data_dir / "catalogue.sqlite")
        stack.push_async_callback(asyncio.to_thread, catalogue.close)
        encoder = await asyncio.to_thread(load_encoder_of, settings, settings.model)
        decoder = await stack.enter_async_context(picture_decoder(settings))
        embedder = await stack.enter_async_context(
            BatchedEmbedder(
                encoder,
                max_batch=settings.encoder.max_batch,
                max_bulk_batch=settings.encoder.max_bulk_batch,
                max_queue=settings.encoder.max_queue,
                cached_texts=settings.encoder.cached_texts,
                observe=metrics.batch,
                observe_cache=metrics.cache_lookup,
            )
        )
        specs = _specs(settings)
        clock = SystemClock()
        store = SnapshotStore(settings.data_dir / "index", catalogue)
        library = FolderLibrary(specs, catalogue, store, identity=encoder.identity)
        reindexer = Reindexer(
            specs,
            catalogue=catalogue,
            store=store,
            embedder=embedder,
            decoder=decoder,
            clock=clock,
            decoding=2 * settings.pictures.workers,
        )
        search = Search(
            library,
            embedder,
            decoder,
            logit_scale=encoder.logit_scale,
            rules=SearchRules(
                max_query=settings.search.max_query,
                timeout_s=settings.search.timeout_s,
                duplicate_cosine=settings.search.duplicate_cosine,
                text_weight=settings.search.text_weight,
            ),
        )
        yield Engine(
            settings=settings,
            encoder=encoder,
            embedder=embedder,
            decoder=decoder,
            catalogue=catalogue,
            store=store,
            library=library,
            reindexer=reindexer,
            search=search,
            limits=Limits(_quota(settings), clock),
            metrics=metrics,
            clock=clock,
        )


async def fetch_demo(settings: Settings, on_step: Callable[[str], None]) -> Path:
    """The folder of the demo gallery, fetched where it is not there yet."""
    _make_data_dir(settings.data_dir)
    return await asyncio.to_thread(demo_gallery, settings.data_dir / "demo", on_step)


def _specs(settings: Settings) -> tuple[CollectionSpec, ...]:
    return tuple(
        CollectionSpec(c.name, c.folder.expanduser(), frozenset(c.communities))
        for c in settings.all_collections
    )


def picture_decoder(settings: Settings) -> DecodePool:
    """The workers that decode pictures, within the bounds of the settings."""
    pictures = settings.pictures
    return DecodePool(
        pictures.workers,
        timeout_s=pictures.timeout_s,
        memory_bytes=pictures.memory_mb * _MIB,
        max_bytes=pictures.max_bytes,
        max_file_bytes=int(pictures.max_file_mb * _MIB),
        max_pixels=int(pictures.max_megapixels * 1e6),
    )


def model_source(settings: Settings, model: str) -> str:
    """What the encoder loads for a model as users name it. Blocking. Raises ModelUnavailable."""
    return str(mini_folder(settings.data_dir / "models")) if model == "mini" else model


def load_encoder_of(settings: Settings, model: str) -> TransformersEncoder:
    """The encoder of a model as users name it. Blocking. Raises ModelUnavailable."""
    # Imported here: commands that need no model must not wait for torch.
    from core.encoder import load_encoder  # noqa: PLC0415

    return load_encoder(
        model_source(settings, model),
        name=model,
        device=settings.device,
        precision=settings.encoder.precision,
        threads=settings.encoder.threads or None,
    )


def _make_data_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"The data folder {folder} cannot be made: {error.strerror}.",
            remedy="Set TANGERINE_DATA_DIR to a folder that you may write to.",
        ) from error


def _quota(settings: Settings) -> Quota | None:
    limits = settings.limits
    if not limits.enabled:
        return None
    return Quota(
        cooldown_s={"text": limits.text_cooldown_s, "picture": limits.picture_cooldown_s},
        per_minute=limits.per_minute,
        per_day=limits.per_day,
    )
