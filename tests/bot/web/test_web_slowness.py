"""Clients that send or take slowly: nobody else waits for them, and no answer is garbled."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest

from bot.http.connections import ConnectionLimits
from bot.web.adapter import WebOptions
from tests.attacks import Target, received, slow_form
from tests.fakes import picture_bytes
from tests.web.parts import Parts, serving

SLOW = 12
ALLOWED_S = 5.0
_MIB = 2**20


def _message(text: str, image: bytes | None = None) -> aiohttp.FormData:
    form = aiohttp.FormData({"text": text}, default_to_multipart=True)
    if image is not None:
        form.add_field("image", image, filename="a.png", content_type="image/png")
    return form


async def _slow_forms(target: Target, count: int, sent: int, *, of: int) -> list[socket.socket]:
    return [
        await asyncio.to_thread(slow_form, target, "/api/chat", sent, of=of) for _ in range(count)
    ]


def _close(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        connection.close()


async def test_slow_uploads_hold_nobodys_turn(tmp_path: Path) -> None:
    """While 12 pictures trickle in, others are answered, with words and with pictures."""
    async with serving(Parts(tmp_path)) as adapter, aiohttp.ClientSession(adapter.url) as client:
        slow = await _slow_forms(Target.of(adapter.url), SLOW, 4096, of=9 * _MIB)
        began = time.monotonic()
        timeout = aiohttp.ClientTimeout(ALLOWED_S)
        picture = picture_bytes("red", seed=7, edge=64)
        for form in (_message("/help"), _message("", picture)):
            async with client.post("/api/chat", data=form, timeout=timeout) as response:
                assert response.status == 200
                assert (await response.json())["parts"]
        print(f"{SLOW} slow uploads: two answers in {time.monotonic() - began:.2f} s")
        _close(slow)


@pytest.mark.slow
async def test_full_of_slow_uploads_the_slowest_makes_room(tmp_path: Path) -> None:
    """Memory stays bounded: who has been sending for the longest is told to come again."""
    size = 256 * 1024
    options = WebOptions(port=0, max_bytes=size, upload_memory=12 * size)
    async with (
        serving(Parts(tmp_path), options) as adapter,
        aiohttp.ClientSession(adapter.url) as client,
    ):
        slow = await _slow_forms(Target.of(adapter.url), 30, size - 1024, of=size)
        form = _message("", picture_bytes("red", seed=7, edge=64) + bytes(size - 32 * 1024))
        async with client.post("/api/chat", data=form) as response:
            assert response.status == 200
        answer = await asyncio.to_thread(received_some, slow[0])
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after:" in answer.lower()
        _close(slow)


def received_some(connection: socket.socket) -> bytes:
    """The first part of an answer."""
    return connection.recv(2**16)


def _big_picture(parts: Parts, size: int) -> str:
    picture_id = parts.snapshot.pictures[0].id
    path = parts.library.files[picture_id]
    path.write_bytes(path.read_bytes() + bytes(size))
    return picture_id


def _ask(target: Target, path: str) -> socket.socket:
    connection = target.connect()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return connection


async def test_who_takes_nothing_is_cut(tmp_path: Path) -> None:
    """A download that stalls ends with the connection, never with an answer inside the picture."""
    parts = Parts(tmp_path)
    picture = _big_picture(parts, 32 * _MIB)
    options = WebOptions(port=0, timeout_s=0.2, connections=ConnectionLimits(stalled_s=0.3))
    async with serving(parts, options) as adapter:
        connection = await asyncio.to_thread(_ask, Target.of(adapter.url), f"/pictures/{picture}")
        with connection:
            assert await asyncio.to_thread(connection.recv, 64, socket.MSG_PEEK)
            await asyncio.sleep(1.0)  # the client's own slowness
            answer = await asyncio.to_thread(received, connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(answer) < 32 * _MIB


@pytest.mark.slow
async def test_who_takes_slowly_gets_all_of_it(tmp_path: Path) -> None:
    """A slow line gets its picture, whatever the deadline of a request is."""
    parts = Parts(tmp_path)
    picture = _big_picture(parts, 32 * _MIB)
    size = parts.library.files[picture].stat().st_size

    def read_slowly(connection: socket.socket) -> bytes:
        data = bytearray()
        for _ in range(8):
            data += connection.recv(2**16)
            time.sleep(0.1)
        while len(data) < size and (chunk := connection.recv(2**20)):
            data += chunk
        return bytes(data)

    async with serving(parts, WebOptions(port=0, timeout_s=0.2)) as adapter:
        connection = await asyncio.to_thread(_ask, Target.of(adapter.url), f"/pictures/{picture}")
        with connection:
            answer = await asyncio.to_thread(read_slowly, connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1" not in body
    assert len(answer) >= size


async def test_an_answer_that_cannot_be_ended_is_cut(tmp_path: Path) -> None:
    """A file that shrinks while it is sent ends the connection: half of it is not whole."""
    parts = Parts(tmp_path)
    picture = _big_picture(parts, 32 * _MIB)
    path = parts.library.files[picture]
    async with serving(parts) as adapter:
        connection = await asyncio.to_thread(_ask, Target.of(adapter.url), f"/pictures/{picture}")
        with connection:
            await asyncio.to_thread(connection.recv, 64, socket.MSG_PEEK)
            os.truncate(path, 20 * _MIB)
            answer = await asyncio.to_thread(received, connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(answer) < 32 * _MIB


async def test_a_head_has_its_time(tmp_path: Path) -> None:
    """A connection that sends nothing, or no whole head, is closed; one that asks again stays."""
    options = WebOptions(port=0, connections=ConnectionLimits(head_s=0.3, idle_s=5.0))
    async with serving(Parts(tmp_path), options) as adapter:
        target = Target.of(adapter.url)
        async with target.half_open(5) as attack:
            with target.connect() as silent, target.connect() as polite:
                for number in range(3):
                    polite.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    answer = await asyncio.to_thread(polite.recv, 4096)
                    assert answer.startswith(b"HTTP/1.1 200 "), number
                    await asyncio.sleep(0.2)  # the client's own slowness
                assert await asyncio.to_thread(silent.recv, 1) == b""
            assert attack.held == 0
