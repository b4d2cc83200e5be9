"""Who may talk to the web chat: host names, origins, tokens."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path

import aiohttp
import pytest

from bot.web.adapter import WebOptions
from bot.web.auth import COOKIE, RequestGuard
from core.domain.errors import SettingsError
from tests.fakes import FakeClock
from tests.web.parts import Parts, serving

TOKEN = "a-token-that-nobody-guesses"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CHAT = "/api/chat"


def message() -> aiohttp.FormData:
    """A message as the page sends it."""
    data = aiohttp.FormData()
    data.add_field("text", "/help", content_type="text/plain")
    return data


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST", "[::1]"])
async def test_loopback_answers_to_its_own_names(tmp_path: Path, host: str) -> None:
    """The usual names of this machine are answered, with any port."""
    async with (
        serving(Parts(tmp_path)) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
        client.get("/api/welcome", headers={"Host": f"{host}:1234"}) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", "", "localhost@x"])
async def test_other_host_names_are_refused(tmp_path: Path, host: str) -> None:
    """A web site whose name points to this machine reads nothing (DNS rebinding)."""
    async with (
        serving(Parts(tmp_path)) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
        client.get("/api/welcome", headers={"Host": host}) as response,
    ):
        assert response.status in {400, 403}


async def test_a_proxys_name_may_be_allowed(tmp_path: Path) -> None:
    """Behind a proxy, further names are answered."""
    options = WebOptions(port=0, allowed_hosts=("Pictures.example",))
    headers = {"Host": "pictures.example", "Origin": "https://pictures.example"}
    async with (
        serving(Parts(tmp_path), options) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
        client.post(CHAT, data=message(), headers=headers) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_sites_cannot_send_requests(tmp_path: Path, headers: dict[str, str]) -> None:
    """A page of another site, even on another port of this machine, changes nothing here."""
    parts = Parts(tmp_path)
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as client:
        async with client.post(CHAT, data=message(), headers=headers) as response:
            assert response.status == 403
            assert (await response.json())["error"]["code"] == "forbidden"
        async with client.post(CHAT, data=message(), headers={"Origin": adapter.url}) as response:
            assert response.status == 200
        if "Sec-Fetch-Site" in headers:
            async with client.get("/api/welcome", headers=headers) as response:
                assert response.status == 403
            async with client.get("/", headers=headers) as response:
                assert response.status == 200


async def test_a_token_protects_everything_but_the_empty_page(tmp_path: Path) -> None:
    """Where a token is set, data needs it; page, files and health do not."""
    parts = Parts(tmp_path)
    options = WebOptions(port=0, token=TOKEN)
    picture = f"/pictures/{parts.snapshot.pictures[0].id}"
    closed = ["/api/welcome", "/api/find?q=red", "/api/progress", "/metrics", picture]
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as client:
        for path in closed:
            async with client.get(path) as response:
                assert response.status == 403
                assert response.headers["WWW-Authenticate"].startswith("Bearer")
            wrong = {"Authorization": "Bearer no"}
            async with client.get(path, headers=wrong) as response:
                assert response.status == 403
            async with client.get(path, headers=BEARER) as response:
                assert response.status == 200
        async with client.post(CHAT, data=message()) as response:
            assert response.status == 403
        for path in ("/", "/static/app.js", "/healthz", "/readyz"):
            async with client.get(path) as response:
                assert response.status == 200
                assert TOKEN not in await response.text()


async def test_logging_in_gives_a_cookie_that_holds_no_token(tmp_path: Path) -> None:
    """The cookie opens pictures too, is unreadable for scripts and never the token itself."""
    parts = Parts(tmp_path)
    picture = f"/pictures/{parts.snapshot.pictures[0].id}/thumbnail"
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        serving(parts, WebOptions(port=0, token=TOKEN)) as adapter,
        aiohttp.ClientSession(adapter.url, cookie_jar=jar) as client,
    ):
        async with client.post("/api/login") as response:
            assert response.status == 403
        async with client.post("/api/login", headers=BEARER) as response:
            assert response.status == 200
            morsel = response.cookies[COOKIE]
        assert morsel["httponly"]
        assert morsel["samesite"] == "Strict"
        assert TOKEN not in morsel.value
        async with client.get(picture) as response:
            assert response.status == 200
        expires, _, proof = morsel.value.partition(".")
        for forged in (f"{int(expires) + 1}.{proof}", f"{expires}.{proof[:-1]}0", "1.x", "x", "."):
            jar.clear()
            jar.update_cookies({COOKIE: forged})
            async with client.get(picture) as response:
                assert response.status == 403 or forged == morsel.value


async def test_the_cookie_ends() -> None:
    """After seven days the token is asked for again."""
    now = [1_000_000.0]
    access = RequestGuard(FakeClock(), host="127.0.0.1", token=TOKEN, now=lambda: now[0])
    cookie = f"{1_000_000 + 7 * 86_400}." + access._proof(str(1_000_000 + 7 * 86_400))
    assert access._is_proof(cookie)
    now[0] += 7 * 86_400 + 1
    assert not access._is_proof(cookie)


async def test_guessing_tokens_is_slowed_down(tmp_path: Path) -> None:
    """After ten wrong tokens an address waits for a minute; the right one is never locked out."""
    parts = Parts(tmp_path)
    async with (
        serving(parts, WebOptions(port=0, token=TOKEN)) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
    ):
        for number in range(10):
            wrong = {"Authorization": f"Bearer {number}"}
            async with client.get("/api/welcome", headers=wrong) as response:
                assert response.status == 403
        async with client.get("/api/welcome", headers=wrong) as response:
            assert response.status == 429
            assert response.headers["Retry-After"] == "60"
        async with client.get("/api/welcome", headers=BEARER) as response:
            assert response.status == 200
        parts.clock.advance(61)
        async with client.get("/api/welcome", headers=wrong) as response:
            assert response.status == 403


_OF_PROXIES = (
    ("Forwarded", "for=203.0.113.5"),
    ("X-Forwarded-For", "203.0.113.5"),
    ("x-forwarded-proto", "https"),
    ("X-Real-IP", "203.0.113.5"),
    ("Via", "1.1 tunnel"),
    ("CF-Connecting-IP", "203.0.113.5"),
    ("Tailscale-User-Login", "ann@example.org"),
)
_PATHS = ("/", "/api/welcome", "/api/find?q=red", "/metrics", "/readyz")


async def test_without_a_token_a_proxy_gets_nothing(tmp_path: Path) -> None:
    """What comes through a tunnel comes from anywhere: it is refused, with what to do."""
    async with serving(Parts(tmp_path)) as adapter, aiohttp.ClientSession(adapter.url) as client:
        for header, path in product(_OF_PROXIES, _PATHS):
            async with client.get(path, headers=[header]) as response:
                assert response.status == 403, (header, path)
                error = (await response.json())["error"]
            assert error["code"] == "proxy_needs_token"
            assert "TANGERINE_WEB_TOKEN" in error["message"]
            async with client.get("/healthz", headers=[header]) as response:
                assert response.status == 200, header


async def test_with_a_token_a_proxy_is_welcome(tmp_path: Path) -> None:
    """Behind a proxy the token decides, as elsewhere."""
    headers = {
        "Host": "pictures.example",
        "Origin": "https://pictures.example",
        "X-Forwarded-For": "203.0.113.5",
        "X-Forwarded-Proto": "https",
        "Via": "2.0 Caddy",
    }
    async with (
        serving(Parts(tmp_path), WebOptions(port=0, token=TOKEN)) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
    ):
        async with client.get("/api/welcome", headers=headers) as response:
            assert response.status == 403
        async with client.post("/api/login", headers=headers | BEARER) as response:
            assert response.status == 200
            assert len(response.cookies) == 2
            assert all(morsel["secure"] for morsel in response.cookies.values())
        async with client.post(CHAT, data=message(), headers=headers | BEARER) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.1.5", "::", "pictures.example", "127.evil.example", "127.1"]
)
def test_an_open_address_needs_a_token(host: str) -> None:
    """Nobody else's machine is served without a token: the start says what to set."""
    for token in (None, ""):
        with pytest.raises(SettingsError, match="TANGERINE_WEB_TOKEN"):
            RequestGuard(FakeClock(), host=host, token=token)
    RequestGuard(FakeClock(), host=host, token=TOKEN)


async def _answered(url: str, *lines: bytes) -> int:
    """The status of an answer to these very bytes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\r\n".join([*lines, b"", b""]))
    await writer.drain()
    status = await reader.readline()
    writer.close()
    return int(status.split()[1])


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_bytes_that_are_no_text_are_no_defect(tmp_path: Path, token: str | None) -> None:
    """Headers of any bytes get a refusal or an answer, never a traceback in the log."""
    async with serving(Parts(tmp_path), WebOptions(port=0, token=token)) as adapter:
        url, host = adapter.url, b"Host: 127.0.0.1"
        for header in (
            b"Cookie: tangerine_session=\xff.\xff",
            b"Cookie: tangerine=99999999999.\xff",
            b"Authorization: Bearer \xff",
        ):
            status = await _answered(url, b"GET /api/welcome HTTP/1.1", host, header)
            assert status in {200, 403}, header
        odd = b"Origin: http://["
        assert await _answered(url, b"POST /api/chat HTTP/1.1", host, odd) == 403


async def test_without_a_token_a_bare_proxy_gets_nothing(tmp_path: Path) -> None:
    """Nginx speaks HTTP/1.0 where nobody told it otherwise, and may add no header at all."""
    async with serving(Parts(tmp_path)) as adapter:
        url, host = adapter.url, b"Host: 127.0.0.1"
        assert await _answered(url, b"GET /api/find?q=red HTTP/1.0", host) == 403
        assert await _answered(url, b"GET /healthz HTTP/1.0", host) == 200
