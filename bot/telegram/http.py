"""The HTTP connections of the client library: bounded answers, and whether polling works."""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import structlog
from telegram import Update
from telegram.request import HTTPXRequest

_CONNECTIONS = 64
_CONNECT_S = 10.0
_READ_S = 20.0
_POOL_S = 10.0
_UPLOAD_S = 60.0
# On top of the long poll itself; the last call of a stop waits no longer than this.
_POLL_S = 5.0
_REFUSED = {401: "Telegram refuses the token", 409: "another program polls with the same token"}


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whom all connections trust: httpx would read its list of authorities for each client."""
    return httpx.create_ssl_context()


class TooLongError(httpx.ReadError):
    """An answer has more bytes than were allowed; reading it was given up."""


def bounded_request(max_bytes: int) -> HTTPXRequest:
    """A request object that reads at most ``max_bytes`` of any answer.

    A longer one ends in a NetworkError whose cause is a :class:`TooLongError`.
    """

    async def bound(response: httpx.Response) -> None:
        if int(response.headers.get("Content-Length", "0")) > max_bytes:
            raise TooLongError("the answer is too long")
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        response.stream = _Bounded(stream, max_bytes)

    return HTTPXRequest(
        connection_pool_size=_CONNECTIONS,
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        write_timeout=_READ_S,
        pool_timeout=_POOL_S,
        media_write_timeout=_UPLOAD_S,
        httpx_kwargs={"event_hooks": {"response": [bound]}, "verify": _trusted()},
    )


class _Bounded(httpx.AsyncByteStream):
    """A body that ends in an error instead of going on for ever."""

    def __init__(self, stream: httpx.AsyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._room = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._room -= len(chunk)
            if self._room < 0:
                raise TooLongError("the answer is too long")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class PollingRequest(HTTPXRequest):
    """Fetches updates and knows whether the last attempt succeeded.

    ``trouble`` is the reason why it did not, None while all is well. An update that the
    library cannot read is emptied: it would be fetched again for ever, and all after it.
    """

    def __init__(self) -> None:
        super().__init__(
            connection_pool_size=2,
            connect_timeout=_POLL_S,
            read_timeout=_POLL_S,
            httpx_kwargs={"verify": _trusted()},
        )
        self.trouble: str | None = None
        self._log = structlog.get_logger("telegram")

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        try:
            status, body = await super().do_request(*args, **kwargs)
        except Exception:
            self.trouble = "Telegram cannot be reached"
            raise
        failed = f"Telegram answers with HTTP {status}"
        self.trouble = None if status == httpx.codes.OK else _REFUSED.get(status, failed)
        return status, body if self.trouble else self._readable(body)

    def _readable(self, body: bytes) -> bytes:
        try:
            updates = json.loads(body)["result"]
            readable = [update if _can_be_read(update) else _emptied(update) for update in updates]
        except (ValueError, TypeError, KeyError, RecursionError):
            return body  # no list of updates with numbers: the library says so
        if readable == updates:
            return body
        self._log.error("dropped updates that cannot be read")
        return json.dumps({"ok": True, "result": readable}).encode()


def _can_be_read(update: dict[str, Any]) -> bool:
    try:
        Update.de_json(update, None)
    except Exception:  # noqa: BLE001 - the library raises anything
        return False
    return True


def _emptied(update: dict[str, Any]) -> dict[str, Any]:
    return {"update_id": update["update_id"]}
