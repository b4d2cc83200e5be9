"""The HTTP contract, through a real server on loopback."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.web.adapter import WebOptions
from core.domain.errors import Busy, MachineBusy
from core.domain.rate_limits import Quota
from tests.fakes import picture_bytes
from tests.web.parts import Parts, serving

RED = picture_bytes("red", seed=77, edge=64)
HIT = {"rank", "id", "path", "caption", "match", "score", "band", "found_by", "tag"}
LOOK = {"width", "height", "placeholder", "date"}


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """A chat without quotas."""
    return Parts(tmp_path)


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running web chat."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as session:
        yield session


def form(image: bytes | None = RED, **fields: str) -> aiohttp.FormData:
    """A multipart body."""
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value, content_type="text/plain")
    if image is not None:
        data.add_field("image", io.BytesIO(image), filename="photo.png", content_type="image/png")
    return data


async def refused(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and code of an error that has the contract's shape and nothing else."""
    body = await response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return response.status, body["error"]["code"]


async def test_find_answers_the_contracts_json(client: aiohttp.ClientSession) -> None:
    """Find gives query, collection and ranked hits, and what a page lays them out by."""
    async with client.get("/api/find", params={"q": "orange fruits", "k": "3"}) as response:
        body = await response.json()
    assert set(body) == {"query", "collection", "hits", "strong", "fair", "more"}
    assert body["strong"] + body["fair"] == sum(hit["band"] != "weak" for hit in body["hits"])
    assert body["more"] is True
    assert (body["query"], body["collection"]) == ("orange fruits", "gallery")
    assert [hit["rank"] for hit in body["hits"]] == [1, 2, 3]
    for hit in body["hits"]:
        assert set(hit) - {"caption_score"} == {*HIT, *LOOK}
        assert "orange" in hit["caption"]
        assert -1 <= hit["score"] <= 1
        assert hit["band"] in {"strong", "fair", "weak"}
    params = {"q": "orange fruits", "k": "3", "offset": "3", "collection": "gallery"}
    async with client.get("/api/find", params=params) as response:
        following = await response.json()
    assert [hit["rank"] for hit in following["hits"]] == [4, 5, 6]
    async with client.get("/api/find", params={"q": "red blue", "exclude": "blue"}) as response:
        assert all("blue" not in h["caption"] for h in (await response.json())["hits"])


async def test_pictures_are_asked_about_by_form(client: aiohttp.ClientSession) -> None:
    """Similar, describe and classify take a form and give the contract's JSON."""
    async with client.post("/api/similar", data=form(k="2", text="red")) as response:
        body = await response.json()
    assert (body["query"], len(body["hits"])) == ("red", 2)
    assert "red" in body["hits"][0]["caption"]
    async with client.post("/api/similar", data=form()) as response:
        assert (await response.json())["query"] is None
    async with client.post("/api/describe", data=form(k="2")) as response:
        body = await response.json()
    assert set(body) == {"hits"}
    assert [set(hit) for hit in body["hits"]] == [{"rank", "caption", "score", "id", "path"}] * 2
    async with client.post("/api/classify", data=form(labels="blue, red")) as response:
        body = await response.json()
    assert set(body) == {"labels", "none_fits"}
    assert [label["label"] for label in body["labels"]] == ["red", "blue"]
    assert set(body["labels"][0]) == {"label", "probability", "score"}
    assert isinstance(body["none_fits"], bool)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "empty_query"),
        ({"q": "  "}, "empty_query"),
        ({"q": "x" * 201}, "query_too_long"),
        ({"q": "x", "k": "0"}, "bad_count"),
        ({"q": "x", "k": "101"}, "bad_count"),
        ({"q": "x", "k": "²"}, "bad_count"),
        ({"q": "x", "k": "9" * 5000}, "bad_count"),
        ({"q": "x", "offset": "-1"}, "bad_count"),
        ({"q": "x", "offset": "5001"}, "bad_count"),
    ],
)
async def test_bad_input_is_400(
    client: aiohttp.ClientSession, params: dict[str, str], code: str
) -> None:
    """What is wrong with a request is said with status 400."""
    async with client.get("/api/find", params=params) as response:
        assert await refused(response) == (400, code)


async def test_bad_forms_are_400(client: aiohttp.ClientSession) -> None:
    """A body that is no form, or lacks its picture or labels, is told so."""
    for data, code in [
        (form(None, text="x"), "no_picture"),
        (form(b""), "not_a_picture"),
        (form(b"MZ no picture"), "not_a_picture"),
        (form(RED[: len(RED) // 2]), "damaged_picture"),
        (form(k="many"), "bad_count"),
        ({"image": "a field"}, "invalid_request"),
    ]:
        async with client.post("/api/similar", data=data) as response:
            assert await refused(response) == (400, code)
    async with client.post("/api/classify", data=form(labels="one")) as response:
        assert await refused(response) == (400, "bad_labels")
    async with client.post("/api/similar", json={"image": "x"}) as response:
        assert await refused(response) == (400, "invalid_request")
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x\r\nnonsense", b"--y--", b"--x\r\n\r\n\xff\r\n--x--\r\n"):
        async with client.post("/api/similar", data=body, headers=headers) as response:
            assert (await refused(response))[0] == 400
    elsewhere = aiohttp.FormData()
    elsewhere.add_field("picture", io.BytesIO(RED), filename="photo.png")
    async with client.post("/api/similar", data=elsewhere) as response:
        assert "field image" in (await response.json())["error"]["message"]
    many = aiohttp.FormData()
    for number in range(100):
        many.add_field(f"f{number}", "x", content_type="text/plain")
    async with client.post("/api/similar", data=many) as response:
        assert await refused(response) == (400, "invalid_request")


async def test_too_large_is_413(parts: Parts) -> None:
    """Over the bound, an upload is refused: at once by its length, or while it streams in."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
        for _ in range(64):
            yield b"y" * 65536

    options = WebOptions(port=0, max_bytes=2**20)
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as client:
        async with client.post("/api/similar", data=form(b"x" * (2**20 + 1))) as response:
            assert await refused(response) == (413, "picture_too_large")
        async with client.post("/api/similar", data=form(b"x" * 2**22)) as response:
            assert await refused(response) == (413, "picture_too_large")
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with client.post("/api/chat", data=chunks(), headers=headers) as response:
            assert await refused(response) == (413, "picture_too_large")
        async with client.post("/api/similar", data=form()) as response:
            assert response.status == 200


async def test_not_found_is_404_for_unknown_and_foreign_alike(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """A collection of another community is as unknown as one that never was."""
    parts.library.files["p9"] = Path("/nowhere")
    bodies = set()
    for collection in ("secret", "never"):
        params = {"q": "flamingo", "collection": collection}
        async with client.get("/api/find", params=params) as response:
            assert await refused(response) == (404, "not_found")
            bodies.add(await response.text())
    assert len(bodies) == 1
    for path in ("/pictures/nope", "/pictures/nope/thumbnail", "/pictures/..%2Fetc", "/nothing"):
        async with client.get(path) as response:
            assert await refused(response) == (404, "not_found")
    async with client.get("/static/..%2Fcommands.py") as response:
        assert response.status == 404
    async with client.put("/api/find") as response:
        assert response.status == 405
        assert "GET" in response.headers["Allow"]


async def test_quota_is_429_with_retry_after(tmp_path: Path) -> None:
    """A requester that asks too fast is told when to come back."""
    parts = Parts(tmp_path, quota=Quota())
    options = WebOptions(port=0, admin=False)
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as client:
        async with client.get("/api/find", params={"q": "red"}) as response:
            assert response.status == 200
        async with client.post("/api/similar", data=form()) as response:
            assert await refused(response) == (429, "too_many_requests")
            assert response.headers["Retry-After"] == "3"
        parts.clock.advance(3)
        async with client.get("/api/find", params={"q": "red"}) as response:
            assert response.status == 200


async def test_administrators_and_everybody_together_have_quotas_of_their_own(
    tmp_path: Path,
) -> None:
    """Who administers the chat waits after no request; what all ask together is bounded too."""
    parts = Parts(
        tmp_path,
        quota=Quota(),
        admin_quota=Quota({}, per_minute=3),
        community_quota=Quota({}, per_minute=4),  # of which one address has half
    )
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as client:
        answers = []
        for _ in range(3):
            async with client.get("/api/find", params={"q": "red"}) as response:
                answers.append(response.status)
        assert answers == [200, 200, 429]
        async with client.get("/api/find", params={"q": "red"}) as response:
            assert await refused(response) == (429, "community_quota")
            assert response.headers["Retry-After"] == "60"


async def test_busy_is_503_with_retry_after(client: aiohttp.ClientSession, parts: Parts) -> None:
    """A full queue is told at once, with whole seconds to wait."""
    parts.embedder.error = Busy("The queue is full.", remedy="Try again.", retry_after=1.2)
    async with client.get("/api/find", params={"q": "red"}) as response:
        assert await refused(response) == (503, "busy")
        assert response.headers["Retry-After"] == "2"


async def test_a_request_that_takes_too_long_is_503(parts: Parts) -> None:
    """No request, slow upload included, lasts longer than the timeout."""

    async def never_ending() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await asyncio.sleep(60)

    options = WebOptions(port=0, timeout_s=0.1)
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with client.post("/api/similar", data=never_ending(), headers=headers) as response:
            assert await refused(response) == (503, "unavailable")


async def test_an_unexpected_error_is_500_with_an_id(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """A bug is answered with the id under which the log has it, and without the question."""
    parts.embedder.encoder.fails_on = lambda _text: 1 / 0
    async with client.get("/api/find", params={"q": "my private question"}) as response:
        assert await refused(response) == (500, "internal")
        assert parts.log.events[0]["incident"] in await response.text()
    assert "private" not in str(parts.log.events)


async def test_a_client_that_leaves_cancels_its_search(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """When the connection is gone, nobody computes the answer."""
    parts.embedder.gate.clear()
    with pytest.raises(asyncio.TimeoutError):
        await client.get("/api/find", params={"q": "red"}, timeout=aiohttp.ClientTimeout(0.2))
    await asyncio.sleep(0.05)
    parts.embedder.gate.set()
    await asyncio.sleep(0.05)
    assert parts.embedder.encoder.texts[-1] != "red"


async def test_a_busy_machine_is_503_and_says_when(parts: Parts) -> None:
    """A picture that got too little of a processor is not to blame: the same may pass later."""
    parts.embedder.error = MachineBusy()
    async with (
        serving(parts) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
        client.post("/api/similar", data=form()) as response,
    ):
        assert response.headers["Retry-After"] == "60"
        assert await refused(response) == (503, "machine_busy")
