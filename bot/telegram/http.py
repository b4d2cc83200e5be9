"""The HTTP connections of the client library, and how updates come in over them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx
import structlog
from telegram import Update
from telegram.error import Conflict, TelegramError
from telegram.ext import Application
from telegram.request import HTTPXRequest

_CONNECTIONS = 64
_CONNECT_S = 10.0
_READ_S = 20.0
_POOL_S = 10.0
_UPLOAD_S = 60.0
# On top of the long poll itself; the last call of a stop waits no longer than this.
_POLL_S = 5.0
_REFUSED = {401: "Telegram refuses the token", 409: "another program polls with the same token"}


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
        httpx_kwargs={"event_hooks": {"response": [bound]}},
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
        super().__init__(connection_pool_size=2, connect_timeout=_POLL_S, read_timeout=_POLL_S)
        self.trouble: str | None = None
        self._log = structlog.get_logger("telegram")

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """See :meth:`telegram.request.BaseRequest.do_request`."""
        try:
            status, body = await super().do_request(*args, **kwargs)
        except TelegramError:
            self.trouble = "Telegram cannot be reached"
            raise
        failed = f"Telegram answers with HTTP {status}"
        self.trouble = None if status == httpx.codes.OK else _REFUSED.get(status, failed)
        return status, body if self.trouble else self._readable(body)

    def _readable(self, body: bytes) -> bytes:
        try:
            updates = json.loads(body)["result"]
            readable = [update if _can_be_read(update) else _emptied(update) for update in updates]
        except (ValueError, TypeError, KeyError):
            return body  # no list of updates: the library says so
        if readable == updates:
            return body
        self._log.error("dropped updates that cannot be read")
        return json.dumps({"ok": True, "result": readable}).encode()


def _can_be_read(update: dict[str, Any]) -> bool:
    try:
        Update.de_json(update, None)
    except (TypeError, ValueError, KeyError, AttributeError):
        return False
    return True


def _emptied(update: dict[str, Any]) -> dict[str, Any]:
    return {"update_id": update["update_id"]}


ALLOWED_UPDATES = ["message", "callback_query", "inline_query", "chat_member", "my_chat_member"]
"""The kinds of update that are asked for; a message that was edited is not answered anew."""

TelegramApp = Application[Any, Any, Any, Any, Any, Any]


class Intake(Protocol):
    """Feeds an application's queue of updates."""

    async def start(self, app: TelegramApp) -> None:
        """Begin. Raises TelegramError, SettingsError or Unavailable; then nothing runs on."""

    async def stop(self) -> None:
        """Take no more updates; what was accepted is in the queue. Twice is fine."""

    def trouble(self) -> str | None:
        """Why no updates come in now, None where they do."""


class Polling:
    """Asks for updates; Telegram keeps them while nobody does.

    A webhook that was set before is removed, since Telegram gives updates out one way only.
    """

    def __init__(self, request: PollingRequest) -> None:
        self._request = request
        self._app: TelegramApp | None = None
        self._log = structlog.get_logger("telegram")

    async def start(self, app: TelegramApp) -> None:
        """Remove the webhook and begin to poll. Raises TelegramError."""
        assert app.updater is not None
        self._app = app
        await app.updater.start_polling(
            allowed_updates=ALLOWED_UPDATES, error_callback=self._on_error
        )

    async def stop(self) -> None:
        """End the poll under way, and tell Telegram what was taken."""
        app, self._app = self._app, None
        if app is not None and app.updater is not None and app.updater.running:
            await app.updater.stop()

    def trouble(self) -> str | None:
        if self._app is None or self._app.updater is None or not self._app.updater.running:
            return "not connected"
        return self._request.trouble

    def _on_error(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            self._log.error("another program polls with the same token")
        else:
            self._log.warning("polling failed", error=type(error).__name__)
