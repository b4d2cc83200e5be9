"""The engine room: everything that answers questions, put together from concrete classes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.blas import one_core_for_each_product
from bot.encoding import open_encoder
from bot.health import folder_bytes, serving_troubles
from bot.metrics import Metrics
from bot.ports import ModelCard, Tracer
from bot.reloading import quotas, search_rules
from bot.telemetry import tracer_of
from bot.timed import Stages, TimedDecoder, TimedEmbedder, TimedLibrary
from config.settings import Settings
from core.embedding import BatchedEmbedder
from core.errors import NotFound, SourceError
from core.images import DecodePool
from core.limits import Limits
from core.ports import Clock
from core.search import Search
from index.catalogue import Catalogue
from index.communities import StoredSettings
from index.contributions import ChatContributions
from index.demo import demo_gallery
from index.differences import Difference
from index.library import CollectionSpec, FolderLibrary
from index.looks import StoredLooks
from index.moderation import ChatModeration
from index.moderation_judge import Judge
from index.overlays import Overlays
from index.reindex import Reindexer
from index.repair import Repaired, Repairer
from index.store import SnapshotStore
from index.tags import StoredLabels
from index.thumbnail_store import ThumbnailStore
from index.upload_files import UploadFiles
from index.verify import verify_collection

if TYPE_CHECKING:
    from core.encoder import TransformersEncoder

_MIB = 2**20

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
    overlays: Overlays
    library: FolderLibrary
    reindexer: Reindexer
    contributions: ChatContributions
    moderation: ChatModeration
    labels: StoredLabels
    looks: StoredLooks
    thumbnails: ThumbnailStore
    community_settings: StoredSettings
    search: Search
    limits: Limits
    metrics: Metrics
    tracer: Tracer
    clock: Clock

    def model_card(self) -> ModelCard:
        """What is told of the model."""
        identity = self.encoder.identity
        return ModelCard(
            self.settings.model, identity.dimension, self.encoder.device, self.encoder.choice
        )

    def collection_name(self, name: str | None) -> str:
        """The named collection, or the default one. Raises NotFound."""
        return collection_named(self.settings, name).name

    async def verify(self) -> list[Difference]:
        """Every difference between index, catalogue and files. Raises CatalogueError."""
        return [
            difference
            for spec in collection_specs(self.settings)
            for difference in await asyncio.to_thread(
                verify_collection, self.catalogue, self.store, self.overlays, spec
            )
        ]

    async def repair(self) -> Repaired:
        """Verify, and put right what can be made anew. Raises CatalogueError."""
        repairer = Repairer(
            catalogue=self.catalogue,
            store=self.store,
            overlays=self.overlays,
            reindexer=self.reindexer,
        )
        return Repaired.all([await repairer.repair(s) for s in collection_specs(self.settings)])

    def index_sizes(self) -> dict[str, int]:
        """Bytes of each collection's index files. Blocking."""
        return {
            spec.name: folder_bytes(self.settings.data_dir / "index" / spec.name)
            for spec in collection_specs(self.settings)
        }

    def reindexed(self) -> dict[str, float]:
        """When the last reindex of each collection ended, in seconds since the epoch. Blocking."""
        ended = {
            spec.name: self.catalogue.last_reindex(spec.name)
            for spec in collection_specs(self.settings)
        }
        return {name: at for name, at in ended.items() if at is not None}

    def unready(self) -> Sequence[str]:
        """The reasons why questions cannot be answered now."""
        return serving_troubles(self.embedder.health, decoding=self.decoder.healthy())


@asynccontextmanager
async def open_engine(settings: Settings, *, take_torn_log: bool = False) -> AsyncIterator[Engine]:
    """Load the model, open the catalogue and start the workers; stop all in reverse order.

    ``take_torn_log`` goes on without the latest changes where their log is damaged.

    Raises ModelUnavailable, CatalogueError, SettingsError.
    """
    _make_data_dir(settings.data_dir)
    one_core_for_each_product()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(tracer_of(settings.logs.traces_url))
        stages = Stages(metrics.stage, tracer)
        catalogue = await asyncio.to_thread(
            Catalogue.open, settings.data_dir / "catalogue.sqlite", take_torn_log=take_torn_log
        )
        stack.push_async_callback(asyncio.to_thread, catalogue.close)
        decoder = await stack.enter_async_context(picture_decoder(settings))
        encoder = await open_encoder(settings, catalogue, decoder)
        metrics.encoder(encoder.choice)
        embedder = await stack.enter_async_context(
            BatchedEmbedder(
                encoder,
                max_batch=settings.encoder.max_batch,
                max_bulk_batch=settings.encoder.max_bulk_batch,
                max_queue=settings.encoder.max_queue,
                packs_texts=encoder.packs_texts,
                cached_texts=settings.encoder.cached_texts,
                observe=metrics.batch,
                observe_cache=metrics.cache_lookup,
            )
        )
        specs = collection_specs(settings)
        clock = SystemClock()
        store = SnapshotStore(settings.data_dir / "index", catalogue)
        overlays = Overlays(catalogue.database, UploadFiles(settings.data_dir / "uploads"))
        library = FolderLibrary(
            specs,
            catalogue,
            store,
            overlays,
            identity=encoder.identity,
            judge=Judge(duplicate_cosine=settings.search.duplicate_cosine),
        )
        reindexer = Reindexer(
            specs,
            catalogue=catalogue,
            store=store,
            overlays=overlays,
            embedder=embedder,
            decoder=decoder,
            clock=clock,
            decoding=2 * settings.pictures.workers,
            max_removed_share=settings.index.max_removed_share,
        )
        community_settings = await asyncio.to_thread(StoredSettings.open, overlays)
        contributions = ChatContributions(
            library,
            overlays,
            embedder=embedder,
            decoder=decoder,
            settings=community_settings,
            duplicate_cosine=settings.search.duplicate_cosine,
            max_uploads=settings.uploads.max_pictures,
        )
        moderation = ChatModeration(library, overlays, embedder)
        await moderation.prepare()
        labels = StoredLabels(overlays, embedder)
        await labels.prepare()
        search = Search(
            TimedLibrary(library, stages),
            TimedEmbedder(embedder, stages),
            TimedDecoder(decoder, stages),
            logit_scale=encoder.logit_scale,
            rules=search_rules(settings),
            labels=labels,
        )
        # Opened by whoever serves pictures.
        thumbnails = ThumbnailStore(
            settings.data_dir / "thumbnails.sqlite", int(settings.pictures.thumbnails_mb * _MIB)
        )
        stack.push_async_callback(asyncio.to_thread, thumbnails.close)
        yield Engine(
            settings=settings,
            encoder=encoder,
            embedder=embedder,
            decoder=decoder,
            catalogue=catalogue,
            store=store,
            overlays=overlays,
            library=library,
            reindexer=reindexer,
            contributions=contributions,
            moderation=moderation,
            labels=labels,
            looks=StoredLooks(overlays, library, decoder),
            thumbnails=thumbnails,
            community_settings=community_settings,
            search=search,
            limits=Limits(clock=clock, **quotas(settings)),
            metrics=metrics,
            tracer=tracer,
            clock=clock,
        )


async def fetch_demo(settings: Settings, on_step: Callable[[str], None]) -> Path:
    """The folder of the demo gallery, fetched where it is not there yet."""
    _make_data_dir(settings.data_dir)
    return await asyncio.to_thread(demo_gallery, settings.data_dir / "demo", on_step)


def collection_specs(settings: Settings) -> tuple[CollectionSpec, ...]:
    """The collections of the settings, the default one first."""
    return tuple(
        CollectionSpec(c.name, c.folder.expanduser(), frozenset(c.communities))
        for c in settings.all_collections
    )


def collection_named(settings: Settings, name: str | None) -> CollectionSpec:
    """The collection of this name, or the default one. Raises NotFound."""
    specs = {spec.name: spec for spec in collection_specs(settings)}
    if not specs:
        raise NotFound("There is no collection.", remedy=NO_GALLERY)
    if name is None:
        return next(iter(specs.values()))
    if name not in specs:
        raise NotFound(
            f"There is no collection {name}.", remedy=f"Choose one of: {', '.join(specs)}."
        )
    return specs[name]


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


def _make_data_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Made by an earlier version, or by hand: what lies inside is nobody else's either.
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
    except OSError as error:
        raise SourceError(
            f"The data folder {folder} cannot be made: {error.strerror}.",
            remedy="Set TANGERINE_DATA_DIR to a folder that you may write to.",
        ) from error
