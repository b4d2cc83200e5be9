"""Pictures, page, health and metrics over HTTP."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bot.web.adapter import WebAdapter, WebOptions
from bot.web.errors import SECURITY_HEADERS
from bot.web.pictures import attachment, browser_type
from core.domain.errors import SettingsError
from tests.fakes import picture_bytes
from tests.moving import animation
from tests.web.parts import Parts, serving

RED = picture_bytes("red", seed=77, edge=64)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """A chat without quotas."""
    return Parts(tmp_path)


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running web chat."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as session:
        yield session


async def refused(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and code of an error that has the contract's shape and nothing else."""
    body = await response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return response.status, body["error"]["code"]


async def test_what_moves_is_shown_by_a_frame_and_played_on_demand(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """A thumbnail of any second, and all of a video by parts, as a video that runs nothing."""
    shown = parts.snapshot.pictures[0]
    file = parts.folder / f"{shown.id}.png"
    red = Image.open(io.BytesIO(RED)).convert("RGB")
    file.write_bytes(animation([Image.new("RGB", red.size, "white"), red]))
    for query, colour in (("", (255, 255, 255)), ("?at=1.0", red.getpixel((5, 5)))):
        async with client.get(f"/pictures/{shown.id}/thumbnail{query}") as response:
            image = Image.open(io.BytesIO(await response.read()))
            assert image.convert("RGB").getpixel((5, 5)) == pytest.approx(colour, abs=24)
    for wrong in ("x", "-1", "nan", "1e9"):
        response = await client.get(f"/pictures/{shown.id}/thumbnail?at={wrong}")
        assert await refused(response) == (400, "bad_count")
    video = b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(range(200))
    file.write_bytes(video)
    part = {"Range": "bytes=10-19"}
    async with client.get(f"/pictures/{shown.id}?play=1", headers=part) as response:
        assert response.status == 206
        assert response.content_type == "video/mp4"
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert await response.read() == video[10:20]
    assert "media-src 'self'" in SECURITY_HEADERS["Content-Security-Policy"]


async def test_pictures_carry_their_hash_as_tag(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """Originals and thumbnails come with an entity tag, and are not sent twice."""
    picture = parts.snapshot.pictures[0]
    async with client.get(f"/pictures/{picture.id}") as response:
        assert await response.read() == parts.library.files[picture.id].read_bytes()
        assert response.headers["Content-Type"] == "image/png"
        assert response.headers["ETag"] == f'"{picture.sha256}"'
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    async with client.get(f"/pictures/{picture.id}/thumbnail") as response:
        assert Image.open(io.BytesIO(await response.read())).format == "JPEG"
        tag = response.headers["ETag"]
        assert picture.sha256 in tag
    for path, known in [("", f'"{picture.sha256}"'), ("/thumbnail", f'"x", W/{tag}')]:
        headers = {"If-None-Match": known}
        async with client.get(f"/pictures/{picture.id}{path}", headers=headers) as response:
            assert response.status == 304
            assert await response.read() == b""
    async with client.head(f"/pictures/{picture.id}") as response:
        assert int(response.headers["Content-Length"]) > 0


async def test_what_browsers_do_not_show_is_encoded_anew(
    client: aiohttp.ClientSession, parts: Parts, tmp_path: Path
) -> None:
    """A TIFF comes as JPEG; a file that is gone or a picture no more is a typed error."""
    picture_id = parts.snapshot.pictures[0].id
    tiff = tmp_path / "picture.png"
    Image.new("RGB", (50, 40), "green").save(tiff, "TIFF")
    parts.library.files[picture_id] = tiff
    async with client.get(f"/pictures/{picture_id}") as response:
        assert response.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(await response.read())).size == (50, 40)
    other = parts.snapshot.pictures[1].id
    parts.library.files[other].write_text("<script>alert(1)</script>")
    async with client.get(f"/pictures/{other}") as response:
        assert await refused(response) == (400, "not_a_picture")
    parts.library.files[other].unlink()
    async with client.get(f"/pictures/{other}") as response:
        assert await refused(response) == (404, "not_found")
    async with client.get(f"/pictures/{other}/thumbnail") as response:
        assert await refused(response) == (404, "not_found")


async def test_a_removed_picture_is_gone_at_once(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """Neither what the server keeps nor what the browser has is shown again."""
    picture = parts.snapshot.pictures[0]
    tags = {}
    for path in (f"/pictures/{picture.id}", f"/pictures/{picture.id}/thumbnail"):
        async with client.get(path) as response:
            assert response.status == 200
            assert "no-cache" in response.headers["Cache-Control"]
            tags[path] = response.headers["ETag"]
    await parts.contributions.remove(picture.id, community="web", remover="web:1")
    for path, tag in tags.items():
        async with client.get(path, headers={"If-None-Match": tag}) as response:
            assert await refused(response) == (404, "not_found")
    await parts.contributions.restore(picture.id, community="web")
    for path in tags:
        async with client.get(path) as response:
            assert response.status == 200


async def chat(client: aiohttp.ClientSession, text: str) -> dict[str, Any]:
    """The reply to a message."""
    form = aiohttp.FormData({"text": text}, default_to_multipart=True)
    async with client.post("/api/chat", data=form) as response:
        return await response.json()


async def test_a_file_is_for_its_asker_and_for_five_minutes(parts: Parts) -> None:
    """Its address is hard to guess, works from the asker's address alone, and ends."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as client:
        reply = await chat(client, "/privacy export")
        (document,) = [part for part in reply["parts"] if part["type"] == "document"]
        for _ in range(2):
            async with client.get(document["url"]) as response:
                assert len(await response.read()) == document["bytes"]
                assert response.content_type == "application/zip"
                assert response.headers["Content-Disposition"] == (
                    'attachment; filename="tangerine-data.zip"'
                )
                assert response.headers["Cache-Control"] == "no-store"
                assert "sandbox" in response.headers["Content-Security-Policy"]
        foreign = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with (
            aiohttp.ClientSession(adapter.url, connector=foreign) as other,
            other.get(document["url"]) as response,
        ):
            assert await refused(response) == (404, "not_found")
        async with client.get(document["url"][:-1]) as response:
            assert await refused(response) == (404, "not_found")
        parts.clock.advance(301)
        async with client.get(document["url"]) as response:
            assert await refused(response) == (404, "not_found")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF"])
def test_media_types_come_from_the_bytes(kind: str) -> None:
    """What is sent as it is, is told by its first bytes; the rest is encoded anew."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, kind)
    shown = None if kind in {"BMP", "TIFF"} else f"image/{kind.lower()}"
    assert browser_type(out.getvalue()[:16]) == shown


async def test_health_readiness_and_metrics(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Alive while it runs, ready while nothing is missing, counted in Prometheus' format."""
    async with client.get("/healthz") as response:
        assert response.status == 200
    async with client.get("/readyz") as response:
        assert (response.status, await response.json()) == (200, {"ready": True})
    parts.reasons.append("the model is loading")
    async with client.get("/readyz") as response:
        assert await refused(response) == (503, "not_ready")
        assert "the model is loading" in await response.text()
    async with client.get("/healthz") as response:
        assert response.status == 200
    await (await client.get("/api/find", params={"q": "a private question"})).read()
    async with client.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        text = await response.text()
    assert 'tangerine_requests_total{command="find",platform="web"} 1.0' in text
    assert "private question" not in text


async def test_every_response_has_the_security_headers(client: aiohttp.ClientSession) -> None:
    """Page, files, JSON and errors forbid foreign scripts, frames and sniffing."""
    for path in ("/", "/static/app.js", "/api/welcome", "/nothing", "/api/find"):
        async with client.get(path) as response:
            for name, value in SECURITY_HEADERS.items():
                assert response.headers[name] == value
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


async def test_the_page_is_whole_and_cached_by_tag(client: aiohttp.ClientSession) -> None:
    """Every place for words is filled, every file it names exists, nothing runs inline."""
    async with client.get("/") as response:
        page = await response.text()
        tag = response.headers["ETag"]
    assert "{{" not in page
    assert not re.search(r"\son\w+=|style=|<script(?![^>]*(src=|application/json))", page)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        async with client.get(path) as response:
            assert response.status == 200
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    async with client.get("/", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_an_address_in_use_is_told_with_its_setting(parts: Parts) -> None:
    """A port that is taken names itself and the settings to change."""
    async with serving(parts) as adapter:
        port = int(adapter.url.rsplit(":", 1)[1])
        second = WebAdapter(parts.web, WebOptions(port=port))
        with pytest.raises(SettingsError, match=rf"port {port}.*TANGERINE_WEB_PORT"):
            await second.start()
        await second.stop()


async def test_thumbnails_come_in_a_few_sizes(client: aiohttp.ClientSession, parts: Parts) -> None:
    """360 pixels where none is asked for, each size with a tag of its own; no other size is."""
    picture = parts.snapshot.pictures[0]
    Image.new("RGB", (1200, 900), "green").save(parts.library.files[picture.id], "PNG")
    tags = set()
    for query, edge in (("", 360), *((f"?edge={e}", e) for e in (240, 360, 480, 960))):
        async with client.get(f"/pictures/{picture.id}/thumbnail{query}") as response:
            assert Image.open(io.BytesIO(await response.read())).size == (edge, edge * 3 // 4)
            assert response.headers["Cache-Control"] == "private, no-cache"
            tags.add(response.headers["ETag"])
    assert len(tags) == 4
    for query in ("edge=361", "edge=0", "edge=x", "edge=%00"):
        async with client.get(f"/pictures/{picture.id}/thumbnail?{query}") as response:
            assert await refused(response) == (400, "bad_count")


async def test_a_download_is_the_file_itself(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Under its own name, also where browsers cannot show it, and though they know its content."""
    picture = parts.snapshot.pictures[0]
    file = parts.library.files[picture.id]
    Image.new("RGB", (50, 40), "green").save(file, "TIFF")
    headers = {"If-None-Match": f'"{picture.sha256}"'}
    for path in (f"/pictures/{picture.id}?download=1", f"/pictures/{picture.id}?download=yes"):
        async with client.get(path, headers=headers) as response:
            assert await response.read() == file.read_bytes()
            assert response.headers["Content-Disposition"] == (
                "attachment; filename=\"red-0.png\"; filename*=UTF-8''red-0.png"
            )
            assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    async with client.get(f"/pictures/{picture.id}?download=0") as response:
        assert "Content-Disposition" not in response.headers


@pytest.mark.parametrize(
    ("name", "plain", "escaped"),
    [
        ("a photo.jpg", "a photo.jpg", "a%20photo.jpg"),
        ("Äpfel (2).jpg", "_pfel (2).jpg", "%C3%84pfel%20%282%29.jpg"),
        ('a";\\b\r\nSet-Cookie: x=1.jpg', "a;bSet-Cookie x=1.jpg", "a%3BbSet-Cookie%20x%3D1.jpg"),
        ("\u202egpj.exe", "gpj.exe", "gpj.exe"),
        ("100%.png", "100_.png", "100%25.png"),
        ("...", "picture", "picture"),
        ("\udcff.jpg", "jpg", "jpg"),
    ],
)
def test_a_name_cannot_break_out_of_its_header(name: str, plain: str, escaped: str) -> None:
    """Whatever a file is called: one name for old programs, one for those that read UTF-8."""
    assert attachment(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}"
