"""What can be asked of an encoder over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import numpy as np
from aiohttp import hdrs, web

from bot.encoding.bodies import (
    BodyLimits,
    BodyReader,
    embeddings_body,
    embeddings_json,
    pixel_batch,
)
from bot.encoding.refusals import PLATFORM, RefusedCallError, admitting, explaining
from bot.encoding.wire import (
    ABOUT,
    BINARY,
    LANE,
    PIXELS,
    TEXTS,
    TIMEOUT,
    about_adapter,
    binary_headers,
    entity_tag,
)
from bot.http.connections import ConnectionLimits
from bot.http.health import HealthRoutes
from bot.http.server import refuse_encoded
from bot.protocol.ports import Counters, Readiness
from core.domain.ports import Embedder
from core.domain.types import Lane, Vectors
from core.encoder.known import KnownEncoder

_LONGEST_S = 120.0
_MODELS = "/v1/models"


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Where an encoder listens, and what it takes.

    ``token`` None lets in whoever reaches it. ``longest_s``: seconds for one call, where the client
    names fewer, those. ``connections`` None are as many as this process's descriptors allow.
    """

    token: str | None = None
    limits: BodyLimits = field(default_factory=BodyLimits)
    longest_s: float = _LONGEST_S
    drain_s: float = 10.0
    connections: ConnectionLimits | None = None


class EncoderRoutes:
    """What can be asked of an encoder; see :class:`EncoderServer`."""

    def __init__(
        self,
        embedder: Embedder,
        known: KnownEncoder,
        counters: Counters,
        readiness: Readiness,
        options: EncoderOptions,
    ) -> None:
        self._embedder = embedder
        self._known = known
        self._tag = entity_tag(known.identity.fingerprint)
        self._counters = counters
        self._readiness = readiness
        self._options = options
        self._limits = options.limits
        self._most = options.limits.pixel_bytes(known.pixel_spec)
        self._bodies = BodyReader(options.limits)

    def application(self) -> web.Application:
        app = web.Application(
            middlewares=[
                explaining(self._counters),
                refuse_encoded,
                admitting(self._options.token),
            ],
            client_max_size=max(self._most, self._limits.json_bytes) + 1,
        )
        app.router.add_post(TEXTS, self.texts)
        app.router.add_post(PIXELS, self.pixels)
        app.router.add_get(ABOUT, self.about)
        app.router.add_get(_MODELS, self.models)
        HealthRoutes(self._readiness, self._counters).add_to(app)
        return app

    async def about(self, request: web.Request) -> web.Response:
        """``GET /v1/encoder``: which model, and how it runs."""
        del request
        if reasons := self._readiness():
            raise RefusedCallError(503, "not_ready", "; ".join(reasons), retry_after=5)
        body = about_adapter().dump_json(self._known)
        return web.Response(body=body, content_type="application/json", headers=self._of_model)

    async def models(self, request: web.Request) -> web.Response:
        """``GET /v1/models``, as OpenAI's clients ask."""
        del request
        model = {"id": self._known.identity.name, "object": "model", "owned_by": "tangerine"}
        return web.json_response({"object": "list", "data": [model]})

    async def texts(self, request: web.Request) -> web.Response:
        """``POST /v1/embeddings``."""
        lane = self._checked(request, "texts", "application/json")
        async with self._bodies.read(request, self._limits.json_bytes) as body, self._time(request):
            asked = embeddings_body(body, self._limits)
            identity = self._known.identity
            if asked.model not in {None, identity.name, identity.fingerprint}:
                raise RefusedCallError(
                    404, "model_not_found", f"This encoder runs “{identity.name}”."
                )
            if asked.dimensions not in {None, identity.dimension}:
                raise RefusedCallError(
                    400, "invalid_request", f"Its vectors have {identity.dimension} dimensions."
                )
            vectors = await _together(
                [self._embedder.embed_text(text, lane=lane) for text in asked.texts]
            )
        if request.headers.get(hdrs.ACCEPT) == BINARY:
            return self._binary(vectors)
        return web.json_response(
            embeddings_json(vectors, asked, identity.name), headers=self._of_model
        )

    async def pixels(self, request: web.Request) -> web.Response:
        """``POST /v1/pixels``."""
        lane = self._checked(request, "pixels", BINARY)
        async with self._bodies.read(request, self._most) as body, self._time(request):
            pictures = pixel_batch(request.headers, body, self._known.pixel_spec, self._limits)
            vectors = await _together(
                [self._embedder.embed_pixels(pixels, lane=lane) for pixels in pictures]
            )
        return self._binary(vectors)

    @property
    def _of_model(self) -> dict[str, str]:
        return {hdrs.ETAG: self._tag}

    def _binary(self, vectors: Vectors) -> web.Response:
        return web.Response(
            body=vectors.astype("<f4", copy=False).tobytes(),
            content_type=BINARY,
            headers={**self._of_model, **binary_headers(vectors)},
        )

    def _checked(self, request: web.Request, command: str, content_type: str) -> Lane:
        """Whose lane it is; before the body is read, what its head says is looked at."""
        self._counters.request(PLATFORM, command)
        wanted = request.headers.get(hdrs.IF_MATCH)
        if wanted is not None and wanted not in {self._tag, "*"}:
            raise RefusedCallError(
                412, "other_model", f"This encoder runs “{self._known.identity.name}”, {self._tag}."
            )
        # Browsers send no other type to a stranger's address without asking, and name the page.
        if request.content_type != content_type or hdrs.ORIGIN in request.headers:
            raise RefusedCallError(415, "unsupported_type", f"Send {content_type}, from no page.")
        try:
            return Lane(request.headers.get(LANE, Lane.CHAT))
        except ValueError:
            raise RefusedCallError(400, "bad_lane", f"{LANE} is chat or bulk.") from None

    def _time(self, request: web.Request) -> asyncio.Timeout:
        written = request.headers.get(TIMEOUT, "")
        try:
            seconds = float(written) if written else self._options.longest_s
        except ValueError:
            seconds = -1.0
        if not seconds >= 0:  # what is no number is neither
            raise RefusedCallError(400, "bad_timeout", f"{TIMEOUT} is a number of seconds.")
        return asyncio.timeout(min(seconds, self._options.longest_s))


async def _together(calls: Sequence[Awaitable[Vectors]]) -> Vectors:
    """All vectors, float32 [n, d]; where one fails, none, and the others leave the queue."""
    if len(calls) == 1:
        return (await calls[0])[np.newaxis]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_awaited(call)) for call in calls]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return np.stack([task.result() for task in tasks])


async def _awaited(call: Awaitable[Vectors]) -> Vectors:
    return await call
