"""Pictures that are added and removed in a running program, over a restart."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import zipfile
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from PIL import Image, ImageDraw

from tests.program import Program
from tests.running import ENDED_S, Running, running

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]


def rainbow() -> bytes:
    """A JPEG with a GPS position in its metadata, like nothing in the gallery."""
    image = Image.new("RGB", (640, 480), (40, 120, 255))
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(("red", "orange", "yellow", "green", "blue", "purple")):
        inset = 24 * number
        draw.arc((inset, inset, 639 - inset, 900 - inset), 180, 360, fill=colour, width=24)
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (38.0, 43.0, 0.0)}
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


async def chat(server: Running, text: str = "", image: bytes = b"", action: str = "") -> Any:
    """Say something, press a button; the reply."""
    form = aiohttp.FormData({"text": text, "action": action}, default_to_multipart=True)
    if image:
        form.add_field("image", image, filename="a.jpg", content_type="image/jpeg")
    async with server.client.post(f"{server.url}/api/chat", data=form) as response:
        assert response.status == 200
        reply = await response.json()
    assert reply["error"] is None, reply
    return reply


def part(reply: Any, kind: str) -> Any:
    """The first part of this kind."""
    return next(p for p in reply["parts"] if p["type"] == kind)


def action(reply: Any, kind: str) -> str:
    """What the first button of this kind does."""
    return next(b["action"] for b in reply["buttons"] if b["kind"] == kind)


async def ids(server: Running) -> set[str]:
    """The ids that a question about the picture finds."""
    _, answer = await server.get("/api/find", q="an arch in all colours of the rainbow", k=10)
    return {hit["id"] for hit in answer["hits"]}


async def test_pictures_come_and_go_and_stay(new_program: Callable[[], Program]) -> None:
    """Added: found at once, without its metadata. Removed: gone at once. Kept: over a restart."""
    program = new_program()
    for picture in sorted(program.gallery.glob("*.png"))[12:]:
        picture.unlink()
    async with running(program) as server:
        await server.wait_for(lambda: server.said("Ready:"))
        added = await chat(server, "/add a rainbow in the sky", rainbow())
        (card,) = part(added, "pictures")["cards"]
        assert card["caption"] == "a rainbow in the sky"
        assert card["id"] in await ids(server)
        async with server.client.get(server.url + card["picture"]) as response:
            kept = await response.read()
        assert Image.open(io.BytesIO(kept)).getexif() == {}
        again = await chat(server, "/add once more", rainbow())
        assert part(again, "pictures")["cards"][0]["id"] == card["id"]

        removed = await chat(server, f"/remove {card['id']}")
        assert card["id"] not in await ids(server)
        for path in (card["picture"], card["thumbnail"]):
            async with server.client.get(server.url + path) as response:
                assert response.status == 404
        await chat(server, action=action(removed, "restore"))
        assert card["id"] in await ids(server)

        settings = await chat(server, "/settings count 2")
        await chat(server, action=action(settings, "set"))
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ENDED_S):
            assert await server.process.wait() == 0
        assert not any("rainbow" in line for line in server.lines)

    async with running(program) as server:
        await server.wait_for(lambda: server.said("Ready:"))
        assert card["id"] in await ids(server)
        found = await chat(server, "a rainbow in the sky")
        assert len(part(found, "pictures")["cards"]) == 2
        document = part(await chat(server, "/privacy export"), "document")
        async with server.client.get(server.url + document["url"]) as response:
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        assert archive.read(f"pictures/{card['id']}.jpg") == kept
        (upload,) = json.loads(archive.read("data.json"))["uploads"]
        assert (upload["id"], upload["caption"]) == (card["id"], "a rainbow in the sky")
        await chat(server, "/privacy delete")
        assert card["id"] not in await ids(server)
        assert list((program.folder / "data" / "uploads").rglob("*.jpg")) == []
    verified = await asyncio.to_thread(program, "verify")
    assert verified.code == 0, verified.err
