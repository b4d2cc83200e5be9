"""What an attacker sends to a port: raw bytes, over sockets of our own, from another thread."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BODIES = 12
BODY_BYTES = 2 * 2**20
_PATIENCE_S = 15.0


def compressed_body() -> bytes:
    """2 MiB that unpack to some 2 GiB of zeros, as members of one gzip stream."""
    member = gzip.compress(bytes(2**26), 9)
    return (member * (BODY_BYTES // len(member) + 1))[:BODY_BYTES]


@dataclass(frozen=True)
class Target:
    """Where an attack goes. ``local`` is the address of this machine that it comes from."""

    host: str
    port: int
    local: str = "127.0.0.1"

    @classmethod
    def of(cls, url: str) -> Target:
        """The port of an address such as ``http://127.0.0.1:8080``."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        return cls(parts.hostname, parts.port)

    def connect(self) -> socket.socket:
        """A connection. Raises OSError."""
        return socket.create_connection(
            (self.host, self.port), _PATIENCE_S, source_address=(self.local, 0)
        )

    def send_compressed(self, path: str, body: bytes, headers: str = "") -> bytes:
        """Post a gzip body; what the server answers until it closes, empty where it cut off."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Encoding: gzip\r\n{headers}"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with self.connect() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(head.encode() + body)
            return received(connection)

    @contextlib.asynccontextmanager
    async def half_open(self, count: int) -> AsyncIterator[HalfOpen]:
        """So many connections that begin a request and never end its head."""
        opened = HalfOpen()

        def attack() -> None:
            for _ in range(count):
                try:
                    connection = self.connect()
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
                except OSError:
                    opened.refused += 1
                else:
                    opened.sockets.append(connection)

        try:
            await asyncio.to_thread(attack)
            yield opened
        finally:
            opened.close()

    def get(self, path: str) -> tuple[float, bytes]:
        """Seconds and the answer of one request over a connection of its own."""
        began = time.monotonic()
        with self.connect() as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            answer = received(connection)
        return time.monotonic() - began, answer


@dataclass
class HalfOpen:
    """Connections that an attacker holds; ``refused`` were not even made."""

    sockets: list[socket.socket] = field(default_factory=list)
    refused: int = 0

    @property
    def held(self) -> int:
        """How many of them the server has not closed."""
        return sum(not _closed(one) for one in self.sockets)

    def close(self) -> None:
        """Give all of them up."""
        for one in self.sockets:
            one.close()


def received(connection: socket.socket) -> bytes:
    """Everything until the other side closes or cuts the connection."""
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(2**16):
            data += chunk
    return bytes(data)


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


async def cost_of_bodies(target: Target, path: str, headers: str = "") -> tuple[float, list[bytes]]:
    """Processor seconds of the loop's thread for 12 compressed bodies, and the answers."""
    body = await asyncio.to_thread(compressed_body)
    before = time.thread_time()
    answers = await asyncio.gather(
        *(asyncio.to_thread(target.send_compressed, path, body, headers) for _ in range(BODIES))
    )
    return time.thread_time() - before, list(answers)


def slow_form(target: Target, path: str, sent: int, *, of: int) -> socket.socket:
    """A connection that posts ``sent`` bytes of a picture of ``of`` bytes, and then nothing."""
    start = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {target.host}\r\nContent-Length: {len(start) + of}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    connection = target.connect()
    connection.sendall(head.encode() + start + bytes(sent))
    return connection
