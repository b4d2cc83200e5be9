"""All encoders over HTTP that this program asks: which of them answer, and who is asked next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, Self

import aiohttp
import structlog

from bot.encoding.breaker import CircuitBreaker
from bot.encoding.endpoint import EncoderEndpoint, TryAnotherError
from bot.encoding.wire import difference
from core.domain.errors import ModelUnavailable
from core.encoder.known import KnownEncoder

ABOUT_S = 3.0
# With the longest pause of a breaker: who is back is asked again within five seconds.
_LOOK_S = 1.5
# Connections to one encoder: as many as people wait for an answer, in most cases.
_CONNECTIONS = 128
# Shorter than an encoder keeps a connection on which nothing is asked (75 s).
_KEPT_S = 30.0

SAME_MODEL = (
    "Start all encoders with the same model (TANGERINE_MODEL), precision and release. Where the "
    "change is wanted, start this program again, too."
)

_log = structlog.get_logger("bot.encoding")


def session() -> aiohttp.ClientSession:
    """Connections to encoders, which are kept between calls."""
    # No limit in all: each encoder has its own.
    connector = aiohttp.TCPConnector(
        limit=0, limit_per_host=_CONNECTIONS, keepalive_timeout=_KEPT_S
    )
    return aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    )


class RemoteCounters(Protocol):
    """What is counted of encoders over HTTP, by their addresses without credentials."""

    def encoder_call(self, encoder: str, outcome: str) -> None:
        """One call ended, see :data:`bot.encoding.endpoint.Outcome`."""

    def encoder_retry(self) -> None:
        """What one encoder did not answer is asked of another one, or once more."""

    def encoder_circuit(self, encoder: str, *, is_open: bool) -> None:
        """Whether an encoder is left out because it fails."""


class Uncounted:
    def encoder_call(self, encoder: str, outcome: str) -> None:
        """See RemoteCounters."""

    def encoder_retry(self) -> None:
        """See RemoteCounters."""

    def encoder_circuit(self, encoder: str, *, is_open: bool) -> None:
        """See RemoteCounters."""


class EncoderFleet:
    """Encoders at ``urls`` that all run one model: the one that they run when it is opened.

    One that fails is left out until a look at it succeeds (:class:`CircuitBreaker`), and so is one
    that has another model by then. Nobody who asks waits for a look.

    Use as ``async with``, which raises ModelUnavailable where no encoder answers, or where they
    run different models. Arguments as of :class:`bot.encoding.remote.RemoteEmbedder`.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        token: str | None,
        counters: RemoteCounters,
        breaker: Callable[[], CircuitBreaker],
        look_every_s: float,
    ) -> None:
        self._urls = tuple(urls)
        self._token = token
        self._counters = counters
        self._breaker = breaker
        self._look_every_s = look_every_s
        self._session: aiohttp.ClientSession | None = None
        self._known: KnownEncoder | None = None
        self._out: set[EncoderEndpoint] = set()
        self._someone_out = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._turns = 0
        self.endpoints: tuple[EncoderEndpoint, ...] = ()

    async def __aenter__(self) -> Self:
        self._session = session()
        self.endpoints = tuple(
            EncoderEndpoint(url, self._session, token=self._token, breaker=self._breaker())
            for url in self._urls
        )
        try:
            self._known = await self._meet()
        except BaseException:
            await self._session.close()
            raise
        self._watching = asyncio.create_task(self._watch(), name="encoders")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        if self._session is not None:
            await self._session.close()

    @property
    def known(self) -> KnownEncoder:
        """What the encoders say of their model."""
        assert self._known is not None
        return self._known

    @property
    def watched(self) -> bool:
        """Whether one that is left out comes back when it answers."""
        return self._watching is not None and not self._watching.done()

    @property
    def anyone(self) -> bool:
        """Whether any encoder answers."""
        return any(each.answers for each in self.endpoints)

    @property
    def refusal(self) -> str | None:
        """Why none may be asked, where one answers that is refused."""
        if self.anyone:
            return None
        return next((f"{e.name} {e.refusal}" for e in self.endpoints if e.refusal), None)

    @property
    def states(self) -> Mapping[str, str]:
        """Each encoder by its address: ``answers``, or why it is left out."""
        return {
            each.name: "answers"
            if each.answers
            else each.refusal or each.trouble or "does not answer"
            for each in self.endpoints
        }

    def able(self, left_out: Collection[EncoderEndpoint]) -> Sequence[EncoderEndpoint]:
        """Those that answer, but for some."""
        return [each for each in self.endpoints if each.answers and each not in left_out]

    def least_busy(
        self, left_out: Collection[EncoderEndpoint], asked: Collection[EncoderEndpoint]
    ) -> EncoderEndpoint | None:
        """Who is asked next: one that was not ``asked`` first; in turn where all are as busy."""
        able = self.able(left_out)
        if not able:
            return None
        chosen = min(able, key=lambda each: (each in asked, each.in_flight, each.asked_last))
        self._turns += 1
        chosen.asked_last = self._turns
        return chosen

    def note(self) -> None:
        """Tell of those that came or went since the last time."""
        for each in self.endpoints:
            if each.answers == (each not in self._out):
                continue
            self._counters.encoder_circuit(each.name, is_open=not each.answers)
            if each.answers:
                self._out.discard(each)
                _log.info("encoder answers again", encoder=each.name)
            else:
                self._out.add(each)
                _log.warning("encoder left out", encoder=each.name, reason=each.trouble)
        if self._out:
            self._someone_out.set()

    async def look(self) -> None:
        """Look at each encoder that is left out and whose turn has come."""
        due = [each for each in self.endpoints if each.breaker.try_again()]
        await asyncio.gather(*map(self._look_at, due))
        self.note()

    async def _meet(self) -> KnownEncoder:
        found = await asyncio.gather(*(self._about(each, ABOUT_S) for each in self.endpoints))
        met = [
            (each, about)
            for each, about in zip(self.endpoints, found, strict=True)
            if isinstance(about, KnownEncoder)
        ]
        if not met:
            reasons = "; ".join(
                f"{e.name}: {why}" for e, why in zip(self.endpoints, found, strict=True)
            )
            raise ModelUnavailable(
                f"No encoder can be reached ({reasons}).",
                remedy="Start one with: tangerine encoder; or correct TANGERINE_ENCODER_URLS and "
                "TANGERINE_ENCODER_TOKEN.",
            )
        first, ours = met[0]
        for each, about in met[1:]:
            if other := difference(ours.identity, about.identity):
                raise ModelUnavailable(
                    f"The encoders {first.name} and {each.name} do not run the same model: the "
                    f"latter {other}.",
                    remedy=SAME_MODEL,
                )
        for each in self.endpoints:
            self._counters.encoder_circuit(each.name, is_open=not each.answers)
        self.note()
        return ours

    async def _about(self, endpoint: EncoderEndpoint, timeout_s: float) -> KnownEncoder | str:
        try:
            return await endpoint.about(timeout_s)
        except TryAnotherError as error:
            endpoint.breaker.trip()
            endpoint.refuse(error)
            return str(error)

    async def _look_at(self, endpoint: EncoderEndpoint) -> None:
        about = await self._about(endpoint, _LOOK_S)
        if isinstance(about, str):
            return
        other = difference(self.known.identity, about.identity)
        if other is None:
            endpoint.refusal = None
            endpoint.breaker.succeeded()
            return
        if endpoint.refusal != other:
            _log.error(
                "encoder refused", encoder=endpoint.name, cause=f"It {other}.", remedy=SAME_MODEL
            )
        endpoint.refusal = other
        endpoint.breaker.failed()

    async def _watch(self) -> None:
        while True:
            await self._someone_out.wait()
            self._someone_out.clear()
            while self._out:
                await self.look()
                await asyncio.sleep(self._look_every_s)
