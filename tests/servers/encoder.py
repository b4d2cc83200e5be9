"""Encoders over HTTP on loopback, in the process of the tests: the program's own server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bot.encoding.routes import EncoderOptions
from bot.encoding.server import EncoderServer
from bot.http.listener import Listener
from bot.observability.metrics import Metrics
from core.domain.ports import Encoder
from core.encoder.choice import EncoderChoice
from core.encoder.embedder import BatchedEmbedder
from core.encoder.known import KnownEncoder


class Named(Protocol):
    """Whatever tells its address."""

    @property
    def url(self) -> str:
        """As ``http://127.0.0.1:8090``."""


@dataclass
class ServedEncoder:
    """An encoder that listens at ``url``; ``reasons`` are why it is not ready."""

    url: str
    metrics: Metrics
    embedder: BatchedEmbedder
    server: EncoderServer
    reasons: list[str] = field(default_factory=list)

    def metric(self, name: str, **labels: str) -> float:
        """A value that it counted."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def told_of(encoder: Encoder) -> KnownEncoder:
    """What an encoder says of its model."""
    return KnownEncoder(
        encoder.identity,
        encoder.pixel_spec,
        encoder.device,
        encoder.logit_scale,
        packs_texts=False,
        choice=EncoderChoice("fake", "float32"),
    )


@asynccontextmanager
async def served(
    encoder: Encoder,
    *,
    port: int = 0,
    options: EncoderOptions | None = None,
    max_queue: int = 256,
) -> AsyncIterator[ServedEncoder]:
    """Serve an encoder; it is stopped at the end as the program stops it."""
    metrics = Metrics()
    reasons: list[str] = []
    listener = await Listener.open("127.0.0.1", port)
    async with BatchedEmbedder(
        encoder, cached_texts=0, max_queue=max_queue, observe=metrics.batch
    ) as embedder:
        server = EncoderServer(
            embedder,
            told_of(encoder),
            metrics,
            lambda: reasons,
            options or EncoderOptions(drain_s=2.0),
        )
        await server.start(listener)
        try:
            yield ServedEncoder(listener.url, metrics, embedder, server, reasons)
        finally:
            await server.stop()
            listener.close()


class Relay:
    """Stands before an encoder, and can be cut, as by ``kill -9``, and come back at its address.

    ``deaf``: it takes connections and answers nothing, as a process that is stopped.
    """

    def __init__(self, target: str) -> None:
        self._host, _, port = target.removeprefix("http://").partition(":")
        self._port = int(port)
        self._server: asyncio.Server | None = None
        self._own_port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.deaf = False
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._own_port}"

    async def start(self) -> None:
        """Listen; again at the same address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._own_port)
        self._own_port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End every connection with a reset, and refuse others from now on."""
        assert self._server is not None
        self._server.close()
        while self._tasks:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.wait(self._tasks, timeout=0.05)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        self._writers -= {writer, back}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if not self.deaf:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def relayed(encoders: Sequence[Named]) -> AsyncIterator[list[Relay]]:
    """A relay before each of these."""
    relays = [Relay(encoder.url) for encoder in encoders]
    for relay in relays:
        await relay.start()
    try:
        yield relays
    finally:
        for relay in relays:
            await relay.cut()
