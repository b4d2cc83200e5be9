"""Who asks over the web: a session for each browser, also behind one address."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.http.secrets import derived_secret
from bot.web.adapter import WebAdapter, WebOptions
from bot.web.sessions import SESSION_COOKIE
from core.domain.rate_limits import Quota
from tests.fakes import picture_bytes
from tests.web.parts import Parts, serving


@asynccontextmanager
async def browser(adapter: WebAdapter, **values: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps cookies and has opened the page."""
    jar = aiohttp.CookieJar(unsafe=True)  # it would keep none of an address without a name
    async with aiohttp.ClientSession(adapter.url, cookie_jar=jar, **values) as client:
        async with client.get("/api/welcome") as response:
            assert response.status == 200
        yield client


async def chat(client: aiohttp.ClientSession, text: str, image: bytes | None = None) -> Any:
    """The reply to a message."""
    form = aiohttp.FormData({"text": text}, default_to_multipart=True)
    if image is not None:
        form.add_field("image", image, filename="a.png", content_type="image/png")
    async with client.post("/api/chat", data=form) as response:
        assert response.status == 200
        return await response.json()


def rows(reply: Any) -> list[str]:
    """The numbers that a reply about somebody's data tells."""
    (facts,) = [part for part in reply["parts"] if part["type"] == "facts"]
    return [row[1] if isinstance(row, list) else row["value"] for row in facts["rows"]]


async def test_behind_one_address_privacy_concerns_one_person(tmp_path: Path) -> None:
    """What one browser added is not another's to count, to fetch or to delete."""
    parts = Parts(tmp_path)
    async with serving(parts) as adapter, browser(adapter) as ann, browser(adapter) as bob:
        await chat(ann, "/add a purple yak", picture_bytes("purple", seed=9, edge=48))
        assert rows(await chat(ann, "/privacy"))[0] == "1"
        assert rows(await chat(bob, "/privacy"))[0] == "0"
        await chat(bob, "/privacy delete")
        assert rows(await chat(ann, "/privacy"))[0] == "1"
        reply = await chat(ann, "/privacy export")
        (document,) = [part for part in reply["parts"] if part["type"] == "document"]
        async with bob.get(document["url"]) as response:
            assert response.status == 404
        async with ann.get(document["url"]) as response:
            assert response.status == 200
        await chat(ann, "/privacy delete")
        assert rows(await chat(ann, "/privacy"))[0] == "0"


async def test_a_session_outlives_the_program(tmp_path: Path) -> None:
    """The key is kept for its owner alone, and the cookie says nothing that anybody can forge."""
    parts, file = Parts(tmp_path), tmp_path / "key"
    options = WebOptions(port=0, session_file=file)
    async with serving(parts, options) as adapter, browser(adapter) as ann:
        await chat(ann, "/add a purple yak", picture_bytes("purple", seed=9, edge=48))
        (cookie,) = [c for c in ann.cookie_jar if c.key == SESSION_COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() not in cookie.value
    name, _, signature = cookie.value.partition(".")
    forged = [f"{name}x.{signature}", f"{name}.{signature[:-1]}", name, f".{signature}", "."]
    async with serving(parts, options) as adapter:
        for value, count in [(cookie.value, "1"), *((each, "0") for each in forged)]:
            async with aiohttp.ClientSession(
                adapter.url, headers={"Cookie": f"{SESSION_COOKIE}={value}"}
            ) as client:
                assert rows(await chat(client, "/privacy"))[0] == count, value


async def test_a_session_goes_on_at_another_node(tmp_path: Path) -> None:
    """Nodes that share a token derive the same key from it; the token is not the key."""
    parts, token = Parts(tmp_path), "a-token-of-24-characters"
    key = derived_secret(token, "web sessions")
    assert key == derived_secret(token, "web sessions") != derived_secret(token, "webhook")
    assert token not in key
    options = WebOptions(port=0, session_key=key)
    async with serving(parts, options) as one, browser(one) as ann:
        await chat(ann, "/add a purple yak", picture_bytes("purple", seed=9, edge=48))
        (cookie,) = [c for c in ann.cookie_jar if c.key == SESSION_COOKIE]
    headers = {"Cookie": f"{SESSION_COOKIE}={cookie.value}"}
    async with (
        serving(parts, options) as other,
        aiohttp.ClientSession(other.url, headers=headers) as client,
    ):
        assert rows(await chat(client, "/privacy"))[0] == "1"


async def test_programs_without_cookies_count_as_their_address(tmp_path: Path) -> None:
    """What needs no page needs no session: the same program is the same requester."""
    async with serving(Parts(tmp_path)) as adapter, aiohttp.ClientSession(adapter.url) as program:
        await chat(program, "/add a purple yak", picture_bytes("purple", seed=9, edge=48))
        assert rows(await chat(program, "/privacy"))[0] == "1"


async def test_only_the_page_begins_sessions(tmp_path: Path) -> None:
    """A link from elsewhere comes without the cookie, and must not replace it."""
    async with serving(Parts(tmp_path)) as adapter, aiohttp.ClientSession(adapter.url) as client:
        for path in ("/", "/api/find?q=red", "/api/progress", "/healthz"):
            async with client.get(path) as response:
                assert "Set-Cookie" not in response.headers
        async with client.get("/api/welcome") as response:
            assert SESSION_COOKIE in response.cookies
            assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("keeps", [True, False])
async def test_no_cookie_gives_more_than_half(tmp_path: Path, keeps: bool) -> None:
    """Who throws the cookie away, or keeps none, leaves the other addresses their half."""
    quota = Quota({}, per_minute=4, per_day=100)
    parts = Parts(tmp_path, quota=quota, community_quota=Quota({}, per_minute=20, per_day=0))
    options = WebOptions(port=0, admin=False)
    statuses = []
    async with serving(parts, options) as adapter:
        for _ in range(5):
            async with browser(adapter) as client:
                if not keeps:
                    client.cookie_jar.clear()
                for _ in range(4):
                    async with client.get("/api/find", params={"q": "red"}) as response:
                        statuses.append(response.status)
        assert statuses.count(200) == (10 if keeps else 4)
        assert set(statuses) == {200, 429}
        elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with (
            browser(adapter, connector=elsewhere) as other,
            other.get("/api/find", params={"q": "red"}) as response,
        ):
            assert response.status == 200
