"""An encoder over HTTP: texts and pixels in, vectors out, in batches that all callers share."""

from __future__ import annotations

from bot.encoding.routes import EncoderOptions, EncoderRoutes
from bot.http.listener import Listener
from bot.http.server import Runner
from bot.protocol.ports import Counters, Readiness
from config.addresses import is_loopback
from core.domain.errors import SettingsError
from core.domain.ports import Embedder
from core.encoder.known import KnownEncoder


def check_open(host: str, token: str | None, *, without_token: bool) -> None:
    """Raise SettingsError where others could reach an encoder that asks nobody for a token."""
    if not (token or without_token or is_loopback(host)):
        raise SettingsError(
            f"The encoder would listen on {host}, where others can reach it, without a token.",
            remedy="Set TANGERINE_ENCODER_TOKEN here and in the bots, or "
            "TANGERINE_ENCODER__HOST=127.0.0.1, or, in a network of your own, "
            "TANGERINE_ENCODER__WITHOUT_TOKEN=true.",
        )


class EncoderServer:
    """Serves an encoder at a listener between :meth:`start` and :meth:`stop`.

    ``known`` is what it says of its model. ``readiness``: why it would encode nothing now.
    """

    def __init__(
        self,
        embedder: Embedder,
        known: KnownEncoder,
        counters: Counters,
        readiness: Readiness,
        options: EncoderOptions | None = None,
    ) -> None:
        self._options = options or EncoderOptions()
        self._routes = EncoderRoutes(embedder, known, counters, readiness, self._options)
        self._listener: Listener | None = None
        self._runner: Runner | None = None

    async def start(self, listener: Listener) -> None:
        runner = Runner(
            self._routes.application(),
            self._options.connections,
            # Nobody waits for what a client that left has asked: it leaves the queue.
            handler_cancellation=True,
            shutdown_timeout=self._options.drain_s,
        )
        await runner.setup()
        self._runner, self._listener = runner, listener
        await listener.serve(runner)

    async def stop(self) -> None:
        """Take no more connections, answer what is asked over those there are, end them."""
        if self._runner is not None and self._listener is not None:
            await self._listener.leave(self._runner)
            await self._runner.cleanup()
            self._runner = None
