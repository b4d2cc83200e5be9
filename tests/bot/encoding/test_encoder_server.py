"""An encoder over HTTP as anybody may ask it: OpenAI's clients, bots, and those who lie."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
import structlog

from bot.encoding.bodies import BodyLimits
from bot.encoding.routes import EncoderOptions
from bot.encoding.server import check_open
from core.domain.errors import SettingsError
from core.domain.types import Vectors
from tests.fakes import FakeEncoder, HeldEncoder
from tests.servers.encoder import ServedEncoder, served

_BINARY = {
    "Content-Type": "application/octet-stream",
    "Tangerine-Dtype": "uint8",
    "Tangerine-Shape": "1,8,8,3",
}
_PICTURE = bytes(8 * 8 * 3)
_TOKEN = "a-token-of-the-encoders"


@asynccontextmanager
async def _asking(
    encoder: FakeEncoder | None = None, options: EncoderOptions | None = None
) -> AsyncIterator[tuple[ServedEncoder, aiohttp.ClientSession]]:
    async with (
        served(encoder or FakeEncoder(), options=options) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        yield server, client


async def _told(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and code of an error in OpenAI's form."""
    error = (await response.json())["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].endswith(".")
    return response.status, error["code"]


async def test_it_answers_as_openai_does() -> None:
    """One text or several, as numbers or base64; the vectors are the encoder's own."""
    encoder = FakeEncoder()
    texts = ["red", "blue fish"]
    wanted = encoder.encode_texts(texts)
    async with _asking(encoder) as (_, client):
        body = {"model": "fake", "input": texts, "user": "somebody"}
        async with client.post("/v1/embeddings", json=body) as response:
            told = await response.json()
            assert response.headers["ETag"] == f'"{encoder.identity.fingerprint}"'
        assert (told["object"], told["model"]) == ("list", "fake")
        assert [row["index"] for row in told["data"]] == [0, 1]
        numbers = np.array([row["embedding"] for row in told["data"]], np.float32)
        assert np.array_equal(numbers, wanted)
        assert set(told["usage"]) == {"prompt_tokens", "total_tokens"}
        body = {"input": "red", "encoding_format": "base64", "dimensions": 32}
        async with client.post("/v1/embeddings", json=body) as response:
            [row] = (await response.json())["data"]
        assert np.array_equal(np.frombuffer(base64.b64decode(row["embedding"]), "<f4"), wanted[0])
        async with client.get("/v1/models") as response:
            assert [each["id"] for each in (await response.json())["data"]] == ["fake"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"input": "red", "model": "other"}, "model_not_found"),
        ({"input": "red", "dimensions": 16}, "invalid_request"),
        ({"input": [[1, 2, 3]]}, "invalid_request"),
        ({"input": []}, "invalid_request"),
        ({"input": ["x"] * 257}, "invalid_request"),
        ({"input": "x" * 16_385}, "invalid_request"),
        ({"input": "red", "encoding_format": "int8"}, "invalid_request"),
        ({}, "invalid_request"),
        (["red"], "invalid_request"),
        ({"input": [{"type": "image_url", "image_url": {"url": "x"}}]}, "pictures_not_taken"),
        ({"input": "https://example.org/a.jpg", "modality": "image"}, "pictures_not_taken"),
        ({"messages": [{"role": "user", "content": []}]}, "pictures_not_taken"),
    ],
)
async def test_what_it_does_not_take_is_named(body: Any, code: str) -> None:
    """Addresses of pictures above all: it fetches nothing and decodes nothing."""
    async with _asking() as (server, client):
        async with client.post("/v1/embeddings", json=body) as response:
            status, told = await _told(response)
        assert told == code
        assert status == (404 if code == "model_not_found" else 400)
        assert server.metric("tangerine_errors_total", code=code) == 1


async def test_pixels_come_and_go_as_they_lie_in_memory() -> None:
    """Several at once, in both lanes."""
    encoder = FakeEncoder()
    pixels = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), np.uint8)
    async with _asking(encoder) as (server, client):
        headers = {**_BINARY, "Tangerine-Shape": "3,8,8,3", "Tangerine-Lane": "bulk"}
        async with client.post("/v1/pixels", data=pixels.tobytes(), headers=headers) as response:
            assert response.status == 200
            assert response.headers["Tangerine-Dtype"] == "float32"
            assert response.headers["Tangerine-Shape"] == "3,32"
            vectors = np.frombuffer(await response.read(), "<f4").reshape(3, 32)
        assert np.array_equal(vectors, encoder.encode_images(pixels))
        labels = {"kind": "picture", "lane": "bulk"}
        assert server.metric("tangerine_batch_size_sum", **labels) == 3


@pytest.mark.parametrize(
    ("changed", "body", "expected"),
    [
        ({"Tangerine-Shape": "2,8,8,3"}, _PICTURE, (400, "wrong_length")),
        ({"Tangerine-Shape": "1,8,8,3"}, _PICTURE[:-1], (400, "wrong_length")),
        ({"Tangerine-Shape": "1,8,8,3"}, b"", (400, "wrong_length")),
        ({"Tangerine-Shape": "0,8,8,3"}, b"", (400, "bad_shape")),
        ({"Tangerine-Shape": "1,192"}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Shape": "1,4,16,3"}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Shape": "1,8,8,-3"}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Shape": "999999,999999,999999,3"}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Shape": "1,8,8,3,1"}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Dtype": "float32"}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Dtype": ""}, _PICTURE, (400, "bad_shape")),
        ({"Tangerine-Lane": "express"}, _PICTURE, (400, "bad_lane")),
        ({"Tangerine-Timeout": "soon"}, _PICTURE, (400, "bad_timeout")),
        ({"Tangerine-Timeout": "nan"}, _PICTURE, (400, "bad_timeout")),
        ({"Tangerine-Timeout": "-1"}, _PICTURE, (400, "bad_timeout")),
        ({"If-Match": '"another"'}, _PICTURE, (412, "other_model")),
        ({"Content-Type": "image/png"}, _PICTURE, (415, "unsupported_type")),
        ({"Content-Type": "text/plain"}, _PICTURE, (415, "unsupported_type")),
        ({"Origin": "https://example.org"}, _PICTURE, (415, "unsupported_type")),
        ({"Content-Encoding": "gzip"}, _PICTURE, (415, "invalid_request")),
        ({}, bytes(8 * 8 * 3 * 64 + 1), (413, "too_large")),
    ],
)
async def test_bodies_and_heads_that_lie_get_an_answer_of_their_kind(
    changed: Mapping[str, str], body: bytes, expected: tuple[int, str]
) -> None:
    """None of it reaches the model."""
    encoder = FakeEncoder()
    async with _asking(encoder) as (_, client):
        headers = {**_BINARY, **changed}
        async with client.post(
            "/v1/pixels", data=body, headers=headers, skip_auto_headers=["Accept-Encoding"]
        ) as response:
            assert await _told(response) == expected
        assert encoder.batches == []
        async with client.post("/v1/pixels", data=_PICTURE, headers=_BINARY) as response:
            assert response.status == 200


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """One that is shorter than it said, and one of a length that nobody said."""
    options = EncoderOptions(limits=BodyLimits(arrival_s=0.2), drain_s=1.0)
    async with _asking(options=options) as (server, client):
        host, _, port = server.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = "".join(f"{name}: {value}\r\n" for name, value in _BINARY.items())
        writer.write(
            f"POST /v1/pixels HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 192\r\n\r\n".encode()
            + _PICTURE[:100]
        )
        async with asyncio.timeout(30):
            answer = await reader.readuntil(b"}}")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"body_timeout" in answer

        async def pieces() -> AsyncIterator[bytes]:
            yield _PICTURE

        async with client.post("/v1/pixels", data=pieces(), headers=_BINARY) as response:
            assert await _told(response) == (411, "length_required")


async def test_bodies_have_one_bound_together() -> None:
    """A flood of large ones is told to come again, not kept in memory."""
    encoder = HeldEncoder()
    limits = BodyLimits(held=2 * len(_PICTURE))
    async with _asking(encoder, EncoderOptions(limits=limits)) as (_, client):

        async def ask() -> int:
            async with client.post("/v1/pixels", data=_PICTURE, headers=_BINARY) as response:
                if response.status == 503:
                    assert await _told(response) == (503, "busy")
                    assert int(response.headers["Retry-After"]) >= 1
                return response.status

        asked = [asyncio.create_task(ask()) for _ in range(8)]
        async with asyncio.timeout(60):
            while sum(task.done() for task in asked) < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        encoder.gate.set()
        assert sorted(await asyncio.gather(*asked)) == [200, 200, *[503] * 6]


async def test_what_takes_longer_than_the_client_waits_is_given_up() -> None:
    """It leaves the queue, too."""
    encoder = HeldEncoder()
    async with _asking(encoder) as (_, client):

        async def ask(text: str, seconds: str) -> int:
            headers = {"Tangerine-Timeout": seconds}
            async with client.post(
                "/v1/embeddings", json={"input": text}, headers=headers
            ) as response:
                return response.status

        first = asyncio.create_task(ask("first", "60"))
        await asyncio.to_thread(encoder.begun.wait, 60)
        assert await ask("late", "0.05") == 504
        encoder.gate.set()
        assert await first == 200
        assert encoder.texts == ["first"]


async def test_people_come_before_bulk_work_on_the_server_too() -> None:
    """A question overtakes what a reindex has put into the queue before it."""
    encoder = HeldEncoder()
    async with _asking(encoder) as (server, client):

        async def ask(text: str, lane: str) -> None:
            headers = {"Tangerine-Lane": lane}
            async with client.post(
                "/v1/embeddings", json={"input": text}, headers=headers
            ) as response:
                assert response.status == 200

        async def queued(count: int) -> None:
            async with asyncio.timeout(60):
                while server.embedder.health.queued < count:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(ask("running", "bulk"))]
        await asyncio.to_thread(encoder.begun.wait, 60)
        tasks += [asyncio.create_task(ask(f"bulk{n}", "bulk")) for n in range(12)]
        await queued(12)
        tasks.append(asyncio.create_task(ask("person", "chat")))
        await queued(13)
        encoder.gate.set()
        await asyncio.gather(*tasks)
        assert encoder.texts[:2] == ["running", "person"]


async def test_only_who_has_the_token_is_let_in() -> None:
    """But for whether it lives and is ready, which tells nothing else."""
    async with _asking(options=EncoderOptions(token=_TOKEN)) as (_, client):
        for path in ("/v1/encoder", "/v1/models", "/metrics", "/nowhere"):
            for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": _TOKEN}):
                async with client.get(path, headers=given) as response:
                    assert await _told(response) == (401, "unauthorized")
        right = {"Authorization": f"Bearer {_TOKEN}"}
        for path in ("/v1/encoder", "/v1/models", "/metrics"):
            async with client.get(path, headers=right) as response:
                assert response.status == 200
        for path in ("/healthz", "/readyz"):
            async with client.get(path) as response:
                assert response.status == 200
        async with client.get("/nowhere", headers=right) as response:
            assert await _told(response) == (404, "invalid_request")


def test_it_listens_to_others_with_a_token_or_when_told_so() -> None:
    """On this machine alone it needs none."""
    check_open("127.0.0.1", None, without_token=False)
    check_open("0.0.0.0", _TOKEN, without_token=False)
    check_open("0.0.0.0", None, without_token=True)
    with pytest.raises(SettingsError, match="without a token") as refused:
        check_open("0.0.0.0", None, without_token=False)
    assert "TANGERINE_ENCODER_TOKEN" in refused.value.remedy


async def test_what_is_not_ready_says_why() -> None:
    """To probes, and to bots that look whether it is back."""
    async with _asking() as (server, client):
        server.reasons.append("it is stopping")
        for path in ("/readyz", "/v1/encoder"):
            async with client.get(path) as response:
                assert response.status == 503
                assert "it is stopping" in (await response.json())["error"]["message"]
        async with client.get("/healthz") as response:
            assert response.status == 200


async def test_a_stop_answers_what_was_asked_and_says_that_it_is_the_last() -> None:
    """With ``Connection: close``; nobody who was taken is reset."""
    encoder = HeldEncoder()
    options = EncoderOptions(drain_s=30.0)
    async with _asking(encoder, options) as (server, client):

        async def ask() -> tuple[int, str | None]:
            async with client.post("/v1/embeddings", json={"input": "red"}) as response:
                await response.read()
                return response.status, response.headers.get("Connection")

        asked = [asyncio.create_task(ask()) for _ in range(5)]
        await asyncio.to_thread(encoder.begun.wait, 60)
        async with asyncio.timeout(60):
            labels = {"platform": "encoder", "command": "texts"}
            while server.metric("tangerine_requests_total", **labels) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(server.server.stop())
        await asyncio.sleep(0)
        encoder.gate.set()
        assert await asyncio.gather(*asked) == [(200, "close")] * 5
        await stopping


async def test_a_defect_is_logged_by_its_place_alone() -> None:
    """Neither the client nor the log is told what was asked."""

    class Broken(FakeEncoder):
        def encode_texts(self, texts: Sequence[str]) -> Vectors:
            raise RuntimeError(f"cannot do {texts[0]}")

    with structlog.testing.capture_logs() as logs:
        async with (
            _asking(Broken()) as (_, client),
            client.post("/v1/embeddings", json={"input": "secret words"}) as response,
        ):
            assert await _told(response) == (500, "internal")
            assert "secret" not in json.dumps(await response.json())
    [told] = [line for line in logs if line["event"] == "unexpected error"]
    assert told["error"] == "RuntimeError"
    assert "encode_texts" in told["traceback"]
    assert "secret words" not in str(logs)
