"""The engine room: everything that answers questions, put together from concrete classes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bot.engine.blas import one_core_for_each_product
from bot.engine.database import followed, open_catalogue, shared_counts
from bot.engine.embedding import model_card, opened_embedder
from bot.engine.encoder import Need
from bot.engine.files import upload_files
from bot.engine.instance import is_running
from bot.engine.jobs import AnyJobs, opened_jobs
from bot.engine.reading import bounded, opened_reading
from bot.engine.reload import quotas, search_rules
from bot.engine.servers import wait_for_servers
from bot.engine.specs import collection_named, collection_specs, make_data_dir, operators
from bot.engine.vectors import copies_of
from bot.engine.words import stored_words, word_meanings
from bot.observability.health import folder_bytes, serving_troubles
from bot.observability.metrics import Metrics
from bot.observability.stages import Stages
from bot.observability.tracing import tracer_of
from bot.protocol.ports import ModelCard, Tracer
from bot.rendering.thumbnails import Thumbnails
from config.settings import Settings
from core.domain.ports import Clock, Reindexing
from core.domain.rate_limits import RateLimiter
from core.images import decode as image_decoding
from core.images.formats import VIDEO_PACKAGE, reads_videos
from core.images.pool import DecodePool
from core.search.look_alikes import LookAlikes
from core.search.ports import CandidateSource
from core.search.service import Search
from index.catalogue.catalogue import Catalogue
from index.demo.gallery import demo_gallery
from index.indexing.channel_posts import ChatChannels
from index.indexing.contributions import ChatContributions
from index.indexing.patience import Circumstances
from index.indexing.posts import ChatPosts
from index.indexing.reindexer import Reindexer
from index.indexing.shared_jobs import SharedReindexJobs
from index.library.community_settings import StoredSettings
from index.library.grants import StoredGrants
from index.library.labels import StoredLabels
from index.library.library import FolderLibrary
from index.library.looks import StoredLooks
from index.library.moderation import ChatModeration
from index.library.moderation_filter import Judge
from index.library.overlay import Overlays
from index.library.post_channels import PostChannels
from index.library.posts import PostQuota, PostRepository
from index.library.thumbnail_store import ThumbnailStore
from index.library.uploads import UploadQuota
from index.library.word_reading import WordReading
from index.library.words import StoredWords
from index.maintenance.differences import Difference
from index.maintenance.repair import Repaired, Repairer
from index.maintenance.verify import verify_collection
from index.snapshots.store import SnapshotStore

if TYPE_CHECKING:
    from bot.engine.embedding import AnyEmbedder, AnyEncoder
    from index.snapshots.engine_copies import EngineCopies

_MIB = 2**20


class SystemClock:
    """The real clock (``core.domain.ports.Clock``)."""

    def monotonic(self) -> float:
        return time.monotonic()


class Awaited:
    """Which collections somebody is about to index, though nobody is at it yet."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.mine: set[str] | None = None
        """Those whose turn is to come in this process; None where it is not the one that runs."""
        self.jobs: AnyJobs | None = None
        """What is queued, where others may do it."""

    def __call__(self, name: str) -> bool:
        """Whether this one is. Blocking."""
        if isinstance(self.jobs, SharedReindexJobs) and name in self.jobs.running():
            return True
        return is_running(self._data_dir) if self.mine is None else name in self.mine


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that answers questions, without any chat platform."""

    settings: Settings
    encoder: AnyEncoder
    embedder: AnyEmbedder
    decoder: DecodePool
    catalogue: Catalogue
    store: SnapshotStore
    overlays: Overlays
    library: FolderLibrary
    awaited: Awaited
    reindexer: Reindexer
    jobs: AnyJobs
    reindexing: Reindexing
    contributions: ChatContributions
    posts: ChatPosts
    post_channels: ChatChannels
    moderation: ChatModeration
    labels: StoredLabels
    looks: StoredLooks
    thumbnails: Thumbnails
    thumbnail_store: ThumbnailStore
    community_settings: StoredSettings
    grants: StoredGrants
    words: StoredWords
    word_reading: WordReading | None
    search: Search
    candidates: CandidateSource | None
    limits: RateLimiter
    metrics: Metrics
    tracer: Tracer
    clock: Clock

    def model_card(self) -> ModelCard:
        return model_card(self.settings, self.encoder)

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
        """Verify, and repair what can be rebuilt. Raises CatalogueError."""
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
        return serving_troubles(self.embedder.health, decoding=self.decoder.healthy())


@asynccontextmanager
async def open_engine(settings: Settings, *, need: Need = "all") -> AsyncIterator[Engine]:
    """Load the model, open the catalogue and start the workers; stop all in reverse order.

    ``need`` says what is encoded for sure; the rest is loaded and started when it is needed.

    Raises ModelUnavailable, CatalogueError, SettingsError.
    """
    make_data_dir(settings.data_dir)
    one_core_for_each_product()
    wait_for_servers(settings)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(tracer_of(settings.logs.traces_url))
        stages = Stages(metrics.stage, tracer)
        catalogue = await asyncio.to_thread(open_catalogue, settings)
        stack.push_async_callback(asyncio.to_thread, catalogue.close)
        decoder = await stack.enter_async_context(
            picture_decoder(settings, waits_for_pictures=need != "all")
        )
        encoder, embedder = await stack.enter_async_context(
            opened_embedder(settings, catalogue, decoder, metrics, need)
        )
        metrics.encoder(encoder.choice)
        specs = collection_specs(settings)
        clock = SystemClock()
        uploads = upload_files(settings)
        revisions = await stack.enter_async_context(followed(settings, catalogue, uploads))
        copies = await asyncio.to_thread(copies_of, settings, catalogue)
        store = SnapshotStore(
            settings.data_dir / "index", catalogue, newest=revisions.generation, copies=copies
        )
        overlays = Overlays(catalogue.database, uploads, revisions=revisions)
        grants = await asyncio.to_thread(
            StoredGrants.open, overlays, named=[spec.name for spec in specs if spec.is_named]
        )
        grants.change_operators(operators(settings))
        awaited = Awaited(settings.data_dir)
        library = FolderLibrary(
            specs,
            catalogue,
            store,
            overlays,
            identity=encoder.identity,
            judge=Judge(duplicate_cosine=settings.search.duplicate_cosine),
            grants=grants,
            awaited=awaited,
        )
        overlays.make_ready(library.views.prepare)
        candidates = candidates_of(library, copies)
        reindexer = Reindexer(
            specs,
            catalogue=catalogue,
            store=store,
            overlays=overlays,
            embedder=embedder,
            decoder=decoder,
            clock=clock,
            decoding=2 * decoding_processes(settings),
            max_removed_share=settings.index.max_removed_share,
            circumstances=await asyncio.to_thread(circumstances_of, settings),
        )
        jobs, reindexing = await opened_jobs(settings, catalogue, reindexer, stack)
        awaited.jobs = jobs
        community_settings = await asyncio.to_thread(StoredSettings.open, overlays)
        post_repository = PostRepository(overlays, post_room(settings))
        look_alikes = LookAlikes(library.picture_file, decoder.decode)
        contributions = ChatContributions(
            library,
            overlays,
            embedder=embedder,
            decoder=decoder,
            settings=community_settings,
            duplicate_cosine=settings.search.duplicate_cosine,
            grants=grants,
            room=upload_room(settings),
            posts=post_repository,
            look_alikes=look_alikes,
            candidates=candidates,
        )
        posts = ChatPosts(
            library,
            post_repository,
            embedder=embedder,
            decoder=decoder,
            settings=community_settings,
            duplicate_cosine=settings.search.duplicate_cosine,
            look_alikes=look_alikes,
        )
        moderation = ChatModeration(library, overlays, embedder)
        await moderation.prepare()
        labels = StoredLabels(overlays, embedder)
        await labels.prepare()
        # Opened by the program that serves pictures.
        thumbnail_store = ThumbnailStore(
            settings.data_dir / "thumbnails.sqlite", int(settings.pictures.thumbnails_mb * _MIB)
        )
        stack.push_async_callback(asyncio.to_thread, thumbnail_store.close)
        thumbnails = Thumbnails(
            decoder, capacity=settings.buffers.thumbnails, store=thumbnail_store
        )
        stack.push_async_callback(thumbnails.close)
        meanings = word_meanings(settings, overlays, embedder)
        words = stored_words(settings, overlays, meanings)
        reading = await opened_reading(settings, overlays, library, meanings, stack)
        rules = search_rules(settings)
        if need == "texts":
            # The one question of a command: what looks at pictures starts behind it.
            rules = replace(rules, look_s=rules.timeout_s / 4)
        search = Search(
            stages.around(library, open="open"),
            stages.around(embedder, embed_text="embed", embed_pixels="embed"),
            stages.around(decoder, decode="decode"),
            logit_scale=encoder.logit_scale,
            rules=rules,
            labels=labels,
            thumbnails=thumbnails,
            words=words,
            reader=None if reading is None else reading.reader,
            candidates=candidates,
        )
        yield Engine(
            settings=settings,
            encoder=encoder,
            embedder=embedder,
            decoder=decoder,
            catalogue=catalogue,
            store=store,
            overlays=overlays,
            library=library,
            awaited=awaited,
            reindexer=reindexer,
            jobs=jobs,
            reindexing=reindexing,
            contributions=contributions,
            posts=posts,
            post_channels=ChatChannels(posts, post_repository, PostChannels(overlays)),
            moderation=moderation,
            labels=labels,
            looks=StoredLooks(overlays, library, decoder),
            thumbnails=thumbnails,
            thumbnail_store=thumbnail_store,
            community_settings=community_settings,
            grants=grants,
            words=words,
            word_reading=reading,
            search=search,
            candidates=candidates,
            limits=RateLimiter(
                clock=clock,
                counts=await shared_counts(settings, catalogue),
                **quotas(settings),
            ),
            metrics=metrics,
            tracer=tracer,
            clock=clock,
        )


def candidates_of(library: FolderLibrary, copies: EngineCopies | None) -> CandidateSource | None:
    """Where candidates come from in collections that no node can hold; None without any."""
    if copies is None:
        return None
    # Imported here: it is for those who have such collections alone.
    from index.library.candidates import EngineCandidates  # noqa: PLC0415

    return EngineCandidates(library, copies)


async def fetch_demo(settings: Settings, on_step: Callable[[str], None]) -> Path:
    """The folder of the demo gallery, fetched where it is not there yet."""
    make_data_dir(settings.data_dir)
    return await asyncio.to_thread(demo_gallery, settings.demo_dir, on_step)


def upload_room(settings: Settings) -> UploadQuota:
    uploads = settings.uploads
    return UploadQuota(
        pictures=uploads.max_pictures,
        pictures_total=uploads.max_pictures_total,
        bytes_total=uploads.max_total_mb * _MIB,
        free_bytes=uploads.min_free_mb * _MIB,
    )


def post_room(settings: Settings) -> PostQuota:
    """How much of what people post in chats is kept, and for how long."""
    posts = settings.posts
    days = posts.keep_days
    return PostQuota(
        pictures=posts.max_pictures,
        free_bytes=settings.uploads.min_free_mb * _MIB,
        keep_s=days * 86_400.0 if days else None,
        original_bytes=posts.max_originals_mb * _MIB if posts.keep_originals else None,
    )


def picture_decoder(settings: Settings, *, waits_for_pictures: bool = False) -> DecodePool:
    """The workers that decode pictures, within the bounds of the settings."""
    return bounded(
        settings,
        DecodePool,
        decoding_processes(settings),
        timeout_s=settings.pictures.timeout_s,
        waits_for_pictures=waits_for_pictures,
    )


def decoding_processes(settings: Settings) -> int:
    """How many processes decode pictures side by side."""
    return min(settings.pictures.workers, settings.buffers.decoders or settings.pictures.workers)


def circumstances_of(settings: Settings) -> Circumstances:
    """What a refusal of :func:`picture_decoder` depends on beside the picture. Blocking."""
    pictures = settings.pictures
    bounds = (
        *(pictures.timeout_s, pictures.memory_mb),
        *(pictures.max_file_mb, pictures.max_megapixels),
        *(version(package) for package in ("pillow", "pillow-heif")),
        version(VIDEO_PACKAGE) if reads_videos() else "",
    )
    key = hashlib.sha256(repr(bounds).encode())
    # No number of ours, which somebody would forget to count up with a better decoder.
    for source in sorted(Path(image_decoding.__file__).parent.glob("*.py")):
        key.update(source.read_bytes())
    return Circumstances(key.hexdigest())
