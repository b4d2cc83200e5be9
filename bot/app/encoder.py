"""``tangerine encoder``: the model alone, for bots on other machines or beside this process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from bot.app.serving import Serving
from bot.encoding.routes import EncoderOptions
from bot.encoding.server import EncoderServer, check_open
from bot.engine.embedding import batched
from bot.engine.encoder import load_encoder_of
from bot.engine.specs import make_data_dir
from bot.http.listener import Listener
from bot.observability.gauges import watch_batcher
from bot.observability.health import serving_troubles
from bot.observability.metrics import Metrics
from bot.terminal.console import Loading, Terminal
from bot.web.waiting import WaitingRoom
from config.settings import Settings
from core.domain.threads import finished_in_thread
from core.encoder.known import KnownEncoder


async def serve_encoder(settings: Settings, terminal: Terminal) -> None:
    """Serve the model of the settings over HTTP until SIGTERM or SIGINT; then answer what is asked.

    Raises SettingsError where it cannot listen, or would listen to others without a token, and
    ModelUnavailable.
    """
    ours = settings.encoder
    token = ours.token.get_secret_value() if ours.token else None
    check_open(ours.host, token, without_token=ours.without_token)
    service = Serving(settings, terminal)
    async with AsyncExitStack() as stack, AsyncExitStack() as meanwhile:
        listener = await Listener.open(
            ours.host,
            ours.port,
            who="The encoder",
            settings="TANGERINE_ENCODER__HOST and TANGERINE_ENCODER__PORT",
            other="TANGERINE_ENCODER__PORT",
        )
        stack.callback(listener.close)
        room = WaitingRoom(listener, lambda: ["the model is being loaded"])
        await room.start()
        meanwhile.push_async_callback(room.stop)
        await asyncio.to_thread(make_data_dir, settings.data_dir)
        with Loading(terminal, f"loading {settings.model}"):
            encoder = await finished_in_thread(partial(load_encoder_of, settings, settings.model))
        metrics = Metrics()
        metrics.encoder(encoder.choice)
        embedder = await stack.enter_async_context(batched(settings, encoder, metrics))

        def unready() -> list[str]:
            if service.stop.is_set():
                return ["it is stopping"]
            return serving_troubles(embedder.health, decoding=True)

        server = EncoderServer(
            embedder,
            KnownEncoder(
                encoder.identity,
                encoder.pixel_spec,
                encoder.device,
                encoder.logit_scale,
                encoder.packs_texts,
                encoder.choice,
            ),
            metrics,
            unready,
            EncoderOptions(token=token),
        )
        await server.start(listener)
        stack.push_async_callback(server.stop)
        terminal.note(f"Encoder: {listener.url}")
        await meanwhile.aclose()
        await service.serve(
            (
                partial(service.manager.keep_alive, unready),
                partial(watch_batcher, metrics, lambda: embedder.health, unready),
            )
        )
