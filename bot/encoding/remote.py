"""Encoders over HTTP in place of a model in this process (``core.domain.ports.Embedder``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self, TypeVar

from bot.encoding.breaker import CircuitBreaker
from bot.encoding.endpoint import EncoderCall, EncoderEndpoint, TryAnotherError
from bot.encoding.fleet import (
    ABOUT_S,
    SAME_MODEL,
    EncoderFleet,
    RemoteCounters,
    Uncounted,
    session,
)
from bot.encoding.gathering import Gatherer
from core.domain.errors import Busy, EncodingFailed, ModelUnavailable
from core.domain.types import Lane, ModelIdentity, Pixels, PixelSpec, Vectors
from core.encoder.batch_records import BatcherHealth
from core.encoder.choice import EncoderChoice
from core.encoder.embedder import check_pixels
from core.encoder.known import KnownEncoder
from core.encoder.query_cache import QueryCache

T = TypeVar("T")

_LOOK_EVERY_S = 0.1
# To one encoder at a time: it works on one while the next arrives.
_CALLS_EACH = 2
_TEXTS_AT_ONCE = 32
_PICTURES_AT_ONCE = 8
# What aiohttp sends in one piece without holding others up.
_BYTES_AT_ONCE = 2**20
_UNREACHED_AGAIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for one text or picture: in ``total``, and for one encoder while there are others."""

    total: float
    each: float


PATIENCE: Mapping[Lane, Patience] = MappingProxyType(
    {Lane.CHAT: Patience(15.0, 3.0), Lane.BULK: Patience(60.0, 20.0)}
)


class RemoteEmbedder:
    """Asks the encoder that is least busy, and another one where it gives no vector.

    Use as ``async with``; see :class:`bot.encoding.fleet.EncoderFleet` for what that raises, and
    for how encoders that fail are left out.

    Args:
        urls: addresses, with credentials or without.
        token: is sent to those without credentials of their own.
        cached_texts, observe_cache: see :class:`core.encoder.embedder.BatchedEmbedder`.
        counters: what is told of calls, retries and encoders that are left out.
        patience: how long is waited at most. Callers may have less: one that is cancelled ends
            its call, and the encoder drops it.
        breaker: makes the one of each encoder.
        look_every_s: seconds between looks at those that are left out.
        max_queue: texts, and pictures, of each lane that may wait here; see :class:`Gatherer`.
        now: seconds that never go backwards.

    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        token: str | None = None,
        cached_texts: int = 2048,
        observe_cache: Callable[[bool], None] = lambda _: None,
        counters: RemoteCounters | None = None,
        patience: Mapping[Lane, Patience] = PATIENCE,
        breaker: Callable[[], CircuitBreaker] = CircuitBreaker,
        look_every_s: float = _LOOK_EVERY_S,
        max_queue: int = 256,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counters: RemoteCounters = counters or Uncounted()
        self._texts = QueryCache(cached_texts, observe_cache)
        self._patience = patience
        self._now = now
        self.fleet = EncoderFleet(
            urls,
            token=token,
            counters=self._counters,
            breaker=breaker,
            look_every_s=look_every_s,
        )

        # People and bulk work apart: neither waits here for the calls of the other.
        def gathered(
            call: Callable[[Sequence[T]], EncoderCall], most: Callable[[], int]
        ) -> Mapping[Lane, Gatherer[T]]:
            return {
                lane: Gatherer(
                    lambda items, lane=lane: self._ask(call(items), lane),  # type: ignore[misc]
                    calls=lambda: _CALLS_EACH * len(self.fleet.able(())),
                    most=most,
                    longest=max_queue,
                )
                for lane in Lane
            }

        self._gathered_texts = gathered(EncoderCall.of_texts, lambda: _TEXTS_AT_ONCE)
        self._gathered_pictures = gathered(EncoderCall.of_pictures, self._pictures_at_once)
        self._gatherers: tuple[Gatherer[str] | Gatherer[Pixels], ...] = (
            *self._gathered_texts.values(),
            *self._gathered_pictures.values(),
        )

    async def __aenter__(self) -> Self:
        await self.fleet.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for gatherer in self._gatherers:
            await gatherer.close()
        await self.fleet.__aexit__()

    @property
    def identity(self) -> ModelIdentity:
        return self.fleet.known.identity

    @property
    def pixel_spec(self) -> PixelSpec:
        return self.fleet.known.pixel_spec

    @property
    def logit_scale(self) -> float:
        return self.fleet.known.logit_scale

    @property
    def device(self) -> str:
        """Where the first of them runs that answered."""
        return self.fleet.known.device

    @property
    def choice(self) -> EncoderChoice:
        """How the first of them runs that answered."""
        return self.fleet.known.choice

    @property
    def health(self) -> BatcherHealth:
        return BatcherHealth(
            alive=self.fleet.watched,
            restarts=0,
            restarted_ago=None,
            running_for=None,
            queued=sum(gatherer.waiting for gatherer in self._gatherers),
            trouble=None if self.fleet.anyone else "no encoder can be reached",
        )

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """Return one read-only unit vector, float32 [d].

        Raises Busy (also where no encoder can be reached), EncodingFailed, ShuttingDown, and
        ModelUnavailable where those that answer have another model now.
        """
        cached = self._texts.find(text, lane)
        if cached is not None:
            return cached
        vector = await self._gathered_texts[lane].submit(text)
        self._texts.keep(text, vector, lane)
        return vector

    async def embed_pixels(self, pixels: Pixels, *, lane: Lane = Lane.CHAT) -> Vectors:
        """Return one read-only unit vector, float32 [d].

        Raises ValueError for pixels of another size than the spec's, and what
        :meth:`embed_text` raises.
        """
        check_pixels(pixels, self.pixel_spec)
        return await self._gathered_pictures[lane].submit(pixels)

    def _pictures_at_once(self) -> int:
        spec = self.pixel_spec
        return max(1, min(_PICTURES_AT_ONCE, _BYTES_AT_ONCE // (spec.height * spec.width * 3)))

    async def _ask(self, call: EncoderCall, lane: Lane) -> Vectors:
        patience = self._patience[lane]
        until = self._now() + patience.total
        left_out: set[EncoderEndpoint] = set()
        asked: set[EncoderEndpoint] = set()
        last: TryAnotherError | None = None
        while (endpoint := self.fleet.least_busy(left_out, asked)) is not None:
            left = until - self._now()
            if left <= 0:
                break
            if last is not None:
                self._counters.encoder_retry()
            alone = len(self.fleet.able(left_out)) == 1
            try:
                vectors = await endpoint.ask(
                    call,
                    self.identity,
                    lane=lane,
                    timeout_s=left if alone else min(left, patience.each),
                )
            except TryAnotherError as error:
                last = error
                endpoint.judge(error, alone=len(self.fleet.able(())) == 1)
                self._counters.encoder_call(endpoint.name, error.outcome)
                # A connection that was kept for too long says nothing about a new one.
                if endpoint in asked or not error.once_more:
                    left_out.add(endpoint)
                asked.add(endpoint)
                self.fleet.note()
            except EncodingFailed:
                self._counters.encoder_call(endpoint.name, "item")
                raise
            else:
                self._counters.encoder_call(endpoint.name, "ok")
                return vectors
        raise self._nobody(last)

    def _nobody(self, last: TryAnotherError | None) -> Exception:
        """Why there is no vector."""
        if refusal := self.fleet.refusal:
            return ModelUnavailable(f"The encoder {refusal}.", remedy=SAME_MODEL)
        if last is not None and last.outcome == "busy":
            return Busy(
                "Too many searches are waiting.",
                remedy="Try again {when}.",
                retry_after=last.retry_after,
            )
        return Busy(
            "The model cannot be reached at the moment.",
            remedy="Try again {when}.",
            retry_after=_UNREACHED_AGAIN_S,
        )


async def asked_about(url: str, token: str | None) -> tuple[str, KnownEncoder | str]:
    """The address without credentials, and what an encoder says there, or why nothing comes."""
    async with session() as asking:
        endpoint = EncoderEndpoint(url, asking, token=token, breaker=CircuitBreaker())
        try:
            return endpoint.name, await endpoint.about(ABOUT_S)
        except TryAnotherError as error:
            return endpoint.name, str(error)
