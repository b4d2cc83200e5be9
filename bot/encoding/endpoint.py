"""One encoder over HTTP, as those see it who ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal, Self

import aiohttp
import numpy as np
from aiohttp import hdrs
from pydantic import ValidationError
from yarl import URL

from bot.encoding.breaker import CircuitBreaker
from bot.encoding.wire import (
    ABOUT,
    BINARY,
    LANE,
    PIXELS,
    REQUEST_ID,
    TEXTS,
    TIMEOUT,
    BadShapeError,
    about_adapter,
    binary_headers,
    entity_tag,
    vectors_in,
)
from bot.observability.tracing import current_request
from config.addresses import without_credentials
from core.domain.errors import Busy, EncodingFailed
from core.domain.types import Lane, ModelIdentity, Pixels, Vectors
from core.encoder.known import KnownEncoder

Outcome = Literal["ok", "item", "busy", "failed", "timeout", "gone", "refused", "foreign"]
"""How a call ended: ``item`` is the model's own word on this text or picture, ``gone`` that nobody
listens there or it is stopping, ``refused`` that it does not take our token."""

_TROUBLES: Mapping[int, tuple[Outcome, str]] = {
    HTTPStatus.UNAUTHORIZED: ("refused", "does not take the token"),
    HTTPStatus.FORBIDDEN: ("refused", "does not take the token"),
    HTTPStatus.PRECONDITION_FAILED: ("foreign", "runs another model"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("gone", "is not ready, or stopping"),
    HTTPStatus.GATEWAY_TIMEOUT: ("timeout", "does not answer in time"),
}

_CONNECT_S = 1.0
# 32 vectors of 16,384 numbers, or an explanation.
_LONGEST_ANSWER = 2**21


class TryAnotherError(Exception):
    """This encoder gave no vector, another one may.

    ``once_more``: the connection ended, as one does that was kept too long; a new one may work.
    """

    def __init__(
        self, outcome: Outcome, reason: str, *, once_more: bool = False, retry_after: float = 1.0
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.once_more = once_more
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class EncoderCall:
    """Some texts or pictures, as they are sent."""

    path: str
    count: int
    body: bytes | memoryview = field(repr=False)
    headers: Mapping[str, str]

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Self:
        body = json.dumps({"input": list(texts)}).encode()
        return cls(TEXTS, len(texts), body, {hdrs.CONTENT_TYPE: "application/json"})

    @classmethod
    def of_pictures(cls, pictures: Sequence[Pixels]) -> Self:
        batch = np.stack(pictures)
        headers = {hdrs.CONTENT_TYPE: BINARY, **binary_headers(batch)}
        return cls(PIXELS, len(batch), batch.data.cast("B"), headers)


class EncoderEndpoint:
    """An encoder at ``url``, which may hold a name and a password; else ``token`` is sent.

    ``name`` is the address without them. ``in_flight`` counts calls under way; ``trouble`` is what
    was wrong last; ``refusal`` says why it is not asked although it answers, None where nothing is
    against it.
    """

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        *,
        token: str | None,
        breaker: CircuitBreaker,
    ) -> None:
        given = URL(url)
        self.name = without_credentials(url)
        self.breaker = breaker
        self.in_flight = 0
        self.asked_last = 0
        self.trouble = ""
        self.refusal: str | None = None
        self._session = session
        self._headers: dict[str, str] = {}
        if given.user is not None or given.password is not None:
            basic = aiohttp.encode_basic_auth(given.user or "", given.password or "")
            self._headers[hdrs.AUTHORIZATION] = basic
        elif token:
            self._headers[hdrs.AUTHORIZATION] = f"Bearer {token}"

    @property
    def answers(self) -> bool:
        return self.breaker.state == "closed"

    async def about(self, timeout_s: float) -> KnownEncoder:
        """What it says of its model. Raises TryAnotherError."""
        status, headers, body = await self._exchange(hdrs.METH_GET, ABOUT, timeout_s=timeout_s)
        if status != HTTPStatus.OK:
            raise _trouble(status, headers, body)
        try:
            return about_adapter().validate_json(body)
        except ValidationError:
            raise TryAnotherError("failed", "is no encoder of Tangerine") from None

    async def ask(
        self, call: EncoderCall, model: ModelIdentity, *, lane: Lane, timeout_s: float
    ) -> Vectors:
        """The vectors, float32 [n, d]. Raises TryAnotherError, and EncodingFailed for the items."""
        request = current_request()
        self.in_flight += 1
        try:
            status, headers, body = await self._exchange(
                hdrs.METH_POST,
                call.path,
                body=call.body,
                headers={
                    **call.headers,
                    hdrs.ACCEPT: BINARY,
                    hdrs.IF_MATCH: entity_tag(model.fingerprint),
                    LANE: lane.value,
                    TIMEOUT: f"{timeout_s:.3f}",
                    **({REQUEST_ID: request} if request else {}),
                },
                timeout_s=timeout_s,
            )
            vectors = _vectors(status, headers, body, model, call.count)
        except EncodingFailed:
            self.breaker.succeeded()
            raise
        finally:
            self.in_flight -= 1
        self.breaker.succeeded()
        return vectors

    def refuse(self, error: TryAnotherError) -> None:
        """Remember why it is not to be asked, where it is no failure of its."""
        self.trouble = str(error)
        refused = error.outcome in {"refused", "foreign"}
        self.refusal = str(error) if refused else None

    def judge(self, error: TryAnotherError, *, alone: bool) -> None:
        """Take note of a call that failed; ``alone``: no other encoder answers.

        A slow encoder is better than none: where all are overloaded, the last one is asked on.
        """
        self.refuse(error)
        if error.outcome in {"gone", "refused", "foreign"}:
            self.breaker.trip()
        elif error.outcome == "failed" or (error.outcome == "timeout" and not alone):
            self.breaker.failed()

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        body: bytes | memoryview | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        limits = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(_CONNECT_S, timeout_s))
        try:
            async with self._session.request(
                method,
                self.name + path,
                data=body,
                headers={**self._headers, **headers},
                timeout=limits,
                allow_redirects=False,
            ) as response:
                length = response.content_length
                if length is None or length > _LONGEST_ANSWER:
                    raise TryAnotherError("failed", "gives an answer of unexpected length")
                return response.status, response.headers, await response.read()
        except TimeoutError:
            raise TryAnotherError("timeout", "does not answer in time") from None
        except aiohttp.ClientConnectorError as error:
            raise TryAnotherError("gone", _reason(error)) from None
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError):
            raise TryAnotherError("failed", "ended the connection", once_more=True) from None
        except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
            raise TryAnotherError("failed", f"speaks no HTTP ({type(error).__name__})") from None


def _reason(error: aiohttp.ClientConnectorError) -> str:
    return (error.strerror or "nobody answers").rstrip(".")


def _vectors(
    status: int, headers: Mapping[str, str], body: bytes, model: ModelIdentity, count: int
) -> Vectors:
    if status != HTTPStatus.OK:
        raise _trouble(status, headers, body)
    if headers.get(hdrs.ETAG) != entity_tag(model.fingerprint):
        raise TryAnotherError("foreign", "runs another model")
    try:
        return vectors_in(headers, body, count=count, dimension=model.dimension)
    except BadShapeError as error:
        raise TryAnotherError("failed", f"gives an answer that does not fit: {error}") from None


def _trouble(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """What an answer means that is no vector."""
    code = _code(body)
    if code == EncodingFailed.code:
        return EncodingFailed()
    if code == Busy.code:
        after = headers.get(hdrs.RETRY_AFTER, "")
        return TryAnotherError(
            "busy", "is busy", retry_after=float(after) if after.isdecimal() else 1.0
        )
    outcome, reason = _TROUBLES.get(status, ("failed", f"answers {status}"))
    return TryAnotherError(outcome, reason)


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
