"""Encoders over HTTP as a bot asks them: one may be lost, slow or foreign."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import structlog
from aiohttp import web

from bot.encoding.breaker import CircuitBreaker
from bot.encoding.remote import Patience, RemoteEmbedder
from bot.encoding.routes import EncoderOptions
from bot.observability.health import serving_troubles
from bot.observability.metrics import Metrics
from core.domain.errors import Busy, EncodingFailed, ModelUnavailable
from core.domain.types import Lane
from core.encoder.known import KnownEncoder
from tests.fakes import FakeClock, FakeEncoder, HeldEncoder
from tests.servers.encoder import Relay, relayed, served, told_of

_TOKEN = "a-token-of-the-encoders"


def _embedder(*urls: str, **options: object) -> RemoteEmbedder:
    """No cache, so that every text is asked; encoders that are left out are tried soon."""
    quick: Mapping[str, object] = {
        "cached_texts": 0,
        "breaker": partial(CircuitBreaker, pause_s=0.05, longest_s=0.05),
        "look_every_s": 0.01,
    }
    return RemoteEmbedder(urls, **{**quick, **options})  # type: ignore[arg-type]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.01)


def _patience(total: float, each: float) -> Mapping[Lane, Patience]:
    return dict.fromkeys(Lane, Patience(total, each))


async def test_two_bots_and_two_encoders_survive_the_loss_of_either() -> None:
    """Nothing that is asked meanwhile is lost, and who comes back is asked again."""
    encoder = FakeEncoder()
    texts = [f"word{n}" for n in range(60)]
    wanted = encoder.encode_texts(texts)
    async with (
        served(FakeEncoder()) as one,
        served(FakeEncoder()) as two,
        relayed([one, two]) as relays,
        _embedder(*(relay.url for relay in relays)) as first,
        _embedder(*(relay.url for relay in relays)) as second,
    ):
        for lost in relays:
            asked = [
                asyncio.create_task(bot.embed_text(text))
                for text in texts
                for bot in (first, second)
            ]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            await lost.cut()
            found = await asyncio.gather(*asked)
            assert np.array_equal(np.stack(found), np.repeat(wanted, 2, axis=0))
            # Whoever asks now is answered by the other one alone.
            await asyncio.gather(
                *(bot.embed_text(text) for text in texts for bot in (first, second))
            )
            for bot in (first, second):
                assert bot.fleet.states[lost.url] != "answers"
                assert serving_troubles(bot.health, decoding=True) == []
            await lost.start()
            await _until(lambda: {*first.fleet.states.values()} == {"answers"})
            await _until(lambda: {*second.fleet.states.values()} == {"answers"})
        # A bot that goes takes nothing along.
        await first.__aexit__()
        assert await second.embed_text("red") is not None


async def test_with_none_left_it_is_busy_until_one_is_back() -> None:
    """Told at once, so that bulk work waits and people are asked to try again; ``/readyz`` too."""
    async with (
        served(FakeEncoder()) as server,
        relayed([server]) as relays,
        _embedder(relays[0].url) as embedder,
    ):
        await relays[0].cut()
        for _ in range(3):
            with pytest.raises(Busy, match="cannot be reached"):
                await embedder.embed_text("red")
        assert serving_troubles(embedder.health, decoding=True) == ["no encoder can be reached"]
        await relays[0].start()
        await _until(lambda: embedder.fleet.anyone)
        assert await embedder.embed_text("red") is not None


async def test_a_connection_that_ended_meanwhile_is_made_anew() -> None:
    """An encoder that was started again at its address loses no question."""
    async with (
        served(FakeEncoder()) as server,
        relayed([server]) as relays,
        _embedder(relays[0].url) as embedder,
    ):
        await embedder.embed_text("red")
        await relays[0].cut()
        await relays[0].start()
        assert await embedder.embed_text("green") is not None


async def test_the_least_busy_is_asked() -> None:
    """One whose answers take long gets no more while the other is free."""
    encoder = HeldEncoder()
    quick = FakeEncoder()
    async with (
        served(encoder) as one,
        served(quick) as two,
        _embedder(one.url, two.url, patience=_patience(90.0, 90.0)) as embedder,
    ):
        held = asyncio.create_task(embedder.embed_text("held"))
        await _until(lambda: one.embedder.health.running_for is not None)
        for n in range(20):
            await embedder.embed_text(f"word{n}")
        assert len(quick.texts) == 20
        encoder.gate.set()
        await held
        assert encoder.texts == ["held"]


async def test_other_weights_are_refused_at_the_start() -> None:
    """Named with what differs, and what to do."""
    other = FakeEncoder()
    other.identity = replace(other.identity, fingerprint="f" * 64)
    third = FakeEncoder(name="third")
    async with served(FakeEncoder()) as one, served(other) as two, served(third) as three:
        with pytest.raises(ModelUnavailable) as refused:
            await _embedder(one.url, two.url).__aenter__()
        assert f"{two.url} do not run the same model" in refused.value.message
        assert "other weights or another preprocessing" in refused.value.message
        assert "TANGERINE_MODEL" in refused.value.remedy
        with pytest.raises(ModelUnavailable, match="runs “third” instead of “fake”"):
            await _embedder(one.url, three.url).__aenter__()


async def test_other_weights_are_refused_while_it_runs() -> None:
    """No vector of theirs is taken; the others go on, and the log names what differs, once."""
    foreign = FakeEncoder(name="other")
    async with (
        served(FakeEncoder()) as ours,
        served(FakeEncoder()) as changing,
        served(foreign) as changed,
        relayed([changing]) as relays,
    ):
        relay = relays[0]
        with structlog.testing.capture_logs() as logs:
            async with (
                _embedder(ours.url, relay.url) as both,
                _embedder(relay.url) as alone,
            ):
                await relay.cut()
                relay._port = int(changed.url.rpartition(":")[2])
                await relay.start()
                wanted = FakeEncoder().encode_texts(["red"])[0]
                for _ in range(20):
                    assert np.array_equal(await both.embed_text("red"), wanted)
                await _until(lambda: "“other” instead of “fake”" in both.fleet.states[relay.url])
                with pytest.raises(ModelUnavailable, match="runs another model"):
                    await alone.embed_text("red")
                await _until(lambda: "“other” instead" in (alone.fleet.refusal or ""))
                with pytest.raises(ModelUnavailable, match="“other” instead") as refused:
                    await alone.embed_text("red")
                assert relay.url in refused.value.message
                assert "start this program again" in refused.value.remedy
        assert foreign.texts == []
        told = [line for line in logs if line["event"] == "encoder refused"]
        assert {line["encoder"] for line in told} == {relay.url}
        assert all("runs “other” instead of “fake”" in line["cause"] for line in told)
        assert len(told) == 2  # one of each embedder


async def test_one_that_hangs_is_passed_over_within_the_deadline() -> None:
    """It takes connections and answers nothing, as a process that is stopped."""
    async with (
        served(FakeEncoder()) as one,
        served(FakeEncoder()) as two,
        relayed([one]) as relays,
        _embedder(
            relays[0].url,
            two.url,
            patience=_patience(90.0, 1.5),
            breaker=partial(CircuitBreaker, failures=1, pause_s=90.0),
            counters=(counts := Metrics()),
        ) as embedder,
    ):
        relays[0].deaf = True
        found = await asyncio.gather(*(embedder.embed_text(f"word{n}") for n in range(8)))
        assert len(found) == 8
        assert not embedder.fleet.endpoints[0].answers
        value = counts.registry.get_sample_value
        assert (value("tangerine_encoder_retries_total") or 0) >= 1
        labels = {"encoder": relays[0].url}
        assert value("tangerine_encoder_calls_total", {**labels, "outcome": "timeout"}) is not None
        assert value("tangerine_encoder_circuit_open", labels) == 1.0


async def test_alone_a_hanging_encoder_takes_no_more_than_the_deadline() -> None:
    """Then it is busy."""
    async with served(FakeEncoder()) as one, relayed([one]) as relays:
        patience = _patience(0.3, 60.0)
        async with _embedder(relays[0].url, patience=patience) as embedder:
            relays[0].deaf = True
            async with asyncio.timeout(30):
                with pytest.raises(Busy):
                    await embedder.embed_text("red")


async def test_many_callers_share_calls() -> None:
    """One goes at once; who comes while calls are under way leaves with the others."""
    async with (
        served(FakeEncoder()) as server,
        _embedder(server.url, counters=(counts := Metrics())) as embedder,
    ):
        wanted = FakeEncoder().encode_texts([f"word{n}" for n in range(66)])
        found = await asyncio.gather(*(embedder.embed_text(f"word{n}") for n in range(66)))
        assert np.array_equal(np.stack(found), wanted)
        labels = {"encoder": server.url, "outcome": "ok"}
        assert counts.registry.get_sample_value("tangerine_encoder_calls_total", labels) == 4


async def test_people_do_not_wait_for_the_calls_of_bulk_work() -> None:
    """Each lane has calls of its own, so that the encoder may let people go first."""
    encoder = HeldEncoder()
    async with served(encoder) as server, _embedder(server.url) as embedder:
        bulk = [
            asyncio.create_task(embedder.embed_text(f"bulk{n}", lane=Lane.BULK)) for n in range(80)
        ]
        await asyncio.to_thread(encoder.begun.wait, 60)
        await _until(lambda: server.embedder.health.queued == 1)
        person = asyncio.create_task(embedder.embed_text("person"))
        await _until(lambda: server.embedder.health.queued == 2)
        encoder.gate.set()
        await asyncio.gather(person, *bulk)
        assert encoder.texts.index("person") == 1


async def test_what_nobody_waits_for_is_not_encoded() -> None:
    """A caller that gives up, by its own deadline, leaves the encoder's queue."""
    encoder = HeldEncoder()
    async with served(encoder) as server, _embedder(server.url) as embedder:
        first = asyncio.create_task(embedder.embed_text("first"))
        await asyncio.to_thread(encoder.begun.wait, 60)
        given_up = asyncio.create_task(embedder.embed_text("given up"))
        await _until(lambda: server.embedder.health.queued == 1)
        given_up.cancel()
        await _until(lambda: embedder.fleet.endpoints[0].in_flight != 2)
        last = asyncio.create_task(embedder.embed_text("last"))
        await _until(lambda: server.embedder.health.queued == 2)
        # The server has seen that the client left before the model is free.
        await _until(lambda: _served(server.metrics) < 3)
        encoder.gate.set()
        await asyncio.gather(first, last)
        assert encoder.texts == ["first", "last"]


def _served(metrics: Metrics) -> float:
    labels = {"platform": "encoder"}
    return metrics.registry.get_sample_value("tangerine_request_seconds_count", labels) or 0.0


async def test_a_breaker_opens_and_closes_by_its_clock() -> None:
    """While it is open nobody connects there; one look closes it, once its time has come."""
    clock, counts = FakeClock(), Metrics()
    breaker = partial(CircuitBreaker, pause_s=5.0, now=clock.monotonic)
    async with (
        served(FakeEncoder()) as one,
        served(FakeEncoder()) as two,
        relayed([one]) as relays,
        _embedder(relays[0].url, two.url, breaker=breaker, counters=counts) as embedder,
    ):
        relay = relays[0]

        def is_open() -> float | None:
            labels = {"encoder": relay.url}
            return counts.registry.get_sample_value("tangerine_encoder_circuit_open", labels)

        assert is_open() == 0.0
        await relay.cut()
        for n in range(4):
            await embedder.embed_text(f"word{n}")
        assert is_open() == 1.0
        await relay.start()
        before = relay.connections
        for n in range(10):
            await embedder.embed_text(f"again{n}")
        await embedder.fleet.look()
        assert relay.connections == before
        clock.advance(5.0)
        await _until(lambda: is_open() == 0.0)
        for n in range(4):
            await embedder.embed_text(f"more{n}")
        assert relay.connections > before


async def test_busy_ones_are_no_failures() -> None:
    """The other one is asked, and none is left out."""
    encoder = HeldEncoder()
    async with (
        served(encoder, max_queue=1) as full,
        served(FakeEncoder()) as free,
        _embedder(full.url, free.url) as embedder,
    ):
        asked = [asyncio.create_task(embedder.embed_text(f"word{n}")) for n in range(30)]
        await _until(lambda: sum(task.done() for task in asked) >= 28)
        assert {*embedder.fleet.states.values()} == {"answers"}
        encoder.gate.set()
        await asyncio.gather(*asked)


async def test_an_item_that_fails_is_no_failure_of_the_encoder() -> None:
    """It is asked of no other one: the model is the same there."""
    encoder = FakeEncoder(fails_on=lambda text: text == "bad")
    async with served(encoder) as one, _embedder(one.url) as embedder:
        for _ in range(5):
            with pytest.raises(EncodingFailed):
                await embedder.embed_text("bad")
        assert embedder.fleet.anyone
        assert await embedder.embed_text("red") is not None


async def test_a_token_is_needed_and_sent() -> None:
    """A wrong one is named as the reason, and the right one is in no error and no state."""
    options = EncoderOptions(token=_TOKEN)
    async with served(FakeEncoder(), options=options) as server:
        async with _embedder(server.url, token=_TOKEN) as embedder:
            assert await embedder.embed_text("red") is not None
        for token in (None, "another-token-of-them"):
            with pytest.raises(ModelUnavailable, match="does not take the token") as refused:
                await _embedder(server.url, token=token).__aenter__()
            assert "TANGERINE_ENCODER_TOKEN" in refused.value.remedy


async def test_credentials_of_an_address_are_sent_and_shown_nowhere() -> None:
    """Neither in the log nor in errors, states and labels of metrics."""
    seen = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({"error": {"code": "x"}}, status=401)

    app = web.Application()
    app.router.add_get("/proxied/v1/encoder", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    counts = Metrics()
    try:
        with structlog.testing.capture_logs() as logs:
            async with served(FakeEncoder()) as ours:
                secret = f"http://anna:pass%40word@127.0.0.1:{port}/proxied/"
                async with _embedder(ours.url, secret, counters=counts) as embedder:
                    await embedder.embed_text("red")
                    states = embedder.fleet.states
                with pytest.raises(ModelUnavailable) as refused:
                    await _embedder(secret).__aenter__()
    finally:
        await runner.cleanup()
    assert set(seen) == {"Basic YW5uYTpwYXNzQHdvcmQ="}
    assert f"http://127.0.0.1:{port}/proxied" in states
    told = f"{logs}{states}{refused.value}{counts.render().decode()}"
    assert "anna" not in told
    assert "word@" not in told
    assert "pass" not in told


class _Lying:
    """Says what a real encoder says of itself, and answers questions with what it is given."""

    def __init__(self, known: KnownEncoder, body: bytes, headers: Mapping[str, str]) -> None:
        self._known = known
        self._body = body
        self._headers = headers

    async def start(self) -> str:
        from bot.encoding.wire import about_adapter  # noqa: PLC0415

        async def about(request: web.Request) -> web.Response:
            del request
            body = about_adapter().dump_json(self._known)
            return web.Response(body=body, content_type="application/json")

        async def texts(request: web.Request) -> web.Response:
            del request
            return web.Response(body=self._body, headers=dict(self._headers))

        app = web.Application()
        app.router.add_get("/v1/encoder", about)
        app.router.add_post("/v1/embeddings", texts)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"


_GOOD = {"Tangerine-Dtype": "float32", "Tangerine-Shape": "1,32"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\0" * 128, {"Tangerine-Shape": "1,32"}),
        (b"\0" * 128, {"Tangerine-Dtype": "float32"}),
        (b"\0" * 128, {**_GOOD, "Tangerine-Shape": "2,16"}),
        (b"\0" * 124, _GOOD),
        (b"\0" * 132, _GOOD),
        (b"\xff" * 128, _GOOD),
        (b"x" * 100_000, _GOOD),
    ],
    ids=["no dtype", "no shape", "shape", "short", "long", "not finite", "endless"],
)
async def test_answers_that_do_not_fit_are_not_believed(
    body: bytes, headers: Mapping[str, str]
) -> None:
    """The other encoder answers, and who gives such answers is left out."""
    known = told_of(FakeEncoder())
    lying = _Lying(known, body, {**headers, "ETag": f'"{known.identity.fingerprint}"'})
    url = await lying.start()
    try:
        async with served(FakeEncoder()) as honest, _embedder(url, honest.url) as embedder:
            embedder.fleet.endpoints[1].asked_last = 1  # the lying one first
            wanted = FakeEncoder().encode_texts(["red"])[0]
            found = [await embedder.embed_text("red") for _ in range(8)]
            assert np.array_equal(np.stack(found), np.stack([wanted] * 8))
            with pytest.raises(Busy):
                async with _embedder(url) as alone:
                    await alone.embed_text("red")
    finally:
        await lying.runner.cleanup()


async def test_nobody_at_all_is_told_with_each_reason() -> None:
    """What was tried, and what to do."""
    relay = Relay("http://127.0.0.1:9")
    await relay.start()
    await relay.cut()
    with pytest.raises(ModelUnavailable, match="No encoder can be reached") as refused:
        await _embedder(relay.url).__aenter__()
    assert relay.url in refused.value.message
    assert "tangerine encoder" in refused.value.remedy
