"""What makes the vectors: a model in this process, or encoders over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.engine.encoder import READS, Need, open_encoder
from bot.protocol.ports import ModelCard
from config.settings import Settings
from core.domain.ports import PictureDecoder
from core.domain.types import Lane
from core.encoder.embedder import BatchedEmbedder
from index.catalogue.catalogue import Catalogue

if TYPE_CHECKING:
    from bot.encoding.remote import RemoteEmbedder
    from bot.observability.metrics import Metrics
    from core.encoder.lazy import LateEncoder
    from core.encoder.load import TransformersEncoder

    AnyEncoder = TransformersEncoder | LateEncoder | RemoteEmbedder
    AnyEmbedder = BatchedEmbedder | RemoteEmbedder


@asynccontextmanager
async def opened_embedder(
    settings: Settings,
    catalogue: Catalogue,
    decoder: PictureDecoder,
    metrics: Metrics,
    need: Need,
) -> AsyncIterator[tuple[AnyEncoder, AnyEmbedder]]:
    """The encoder of the settings, and what batches for it. Raises ModelUnavailable."""
    if settings.encoder.urls:
        async with remote_embedder(settings, metrics) as remote:
            yield remote, remote
        return
    encoder = await open_encoder(settings, catalogue, decoder, need)
    async with batched(settings, encoder, metrics) as embedder:
        yield encoder, embedder


def batched(
    settings: Settings, encoder: TransformersEncoder | LateEncoder, metrics: Metrics
) -> BatchedEmbedder:
    """The batcher of a model in this process."""
    return BatchedEmbedder(
        encoder,
        max_batch=settings.encoder.max_batch,
        max_bulk_batch=settings.encoder.max_bulk_batch,
        max_queue=settings.encoder.max_queue,
        packs_texts=encoder.packs_texts,
        cached_texts=settings.encoder.cached_texts,
        observe=metrics.batch,
        observe_cache=metrics.cache_lookup,
    )


def model_card(settings: Settings, encoder: AnyEncoder) -> ModelCard:
    """What is told of the encoder: of encoders over HTTP also which of them answer."""
    remote = encoder_states(encoder) if settings.encoder.urls else {}
    name = encoder.identity.name if remote else settings.model
    return ModelCard(
        name,
        encoder.identity.dimension,
        encoder.device,
        encoder.choice,
        READS.get(name, ()),
        remote,
    )


def encoder_states(encoder: AnyEncoder) -> Mapping[str, str]:
    """Each encoder over HTTP by its address, and how it is; none for a model in this process."""
    from bot.encoding.remote import RemoteEmbedder  # noqa: PLC0415 - as below

    return encoder.fleet.states if isinstance(encoder, RemoteEmbedder) else {}


def remote_embedder(settings: Settings, metrics: Metrics | None = None) -> RemoteEmbedder:
    """The encoders of the settings over HTTP; nothing that computes a model is imported."""
    # Imported here: aiohttp, for those who ask other machines alone.
    from bot.encoding.remote import PATIENCE, Patience, RemoteEmbedder  # noqa: PLC0415

    token = settings.encoder.token
    total = settings.search.timeout_s
    chat = Patience(total, min(PATIENCE[Lane.CHAT].each, total))
    return RemoteEmbedder(
        [url.get_secret_value() for url in settings.encoder.urls],
        token=token.get_secret_value() if token else None,
        cached_texts=settings.encoder.cached_texts,
        observe_cache=metrics.cache_lookup if metrics else lambda _: None,
        counters=metrics,
        max_queue=settings.encoder.max_queue,
        patience={**PATIENCE, Lane.CHAT: chat},
    )
