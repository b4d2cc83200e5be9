"""An id for each request in every line of the log, and traces for a collector.

The id lies in a context variable, which tasks and :func:`asyncio.to_thread` hand on: lines of
the core and of the index carry it as those of the adapters do. A batch of the encoder serves
several requests and carries none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

from bot.protocol.ports import Span, Tracer
from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry import trace

_KEY = "request"
_BITS = 32

_scoped: ContextVar[bool] = ContextVar("scoped", default=False)


def begin_request(platform: str) -> None:
    """Name the request that this task works on from now on.

    Chat platforms give each event a task of its own, so the name also stands in what the
    adapter says once the answer is made. Inside of :func:`request_scope` it stays.
    """
    if not _scoped.get():
        bind_contextvars(**{_KEY: _new_id(), "platform": platform})


@contextmanager
def request_scope(platform: str) -> Iterator[str]:
    """Name one request of a task that serves several, as a connection's does; gives its id."""
    name = _new_id()
    scoped = _scoped.set(True)
    bound = bind_contextvars(**{_KEY: name, "platform": platform})
    try:
        yield name
    finally:
        reset_contextvars(**bound)
        _scoped.reset(scoped)


def current_request() -> str | None:
    """The id of the request that this task works on, None outside of any."""
    name = get_contextvars().get(_KEY)
    return str(name) if name is not None else None


class NoTracer:
    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[Span]:
        del name, attributes
        return _NOTHING


class _Nothing:
    def tell(self, **attributes: str | int) -> None:
        """See the port."""

    def failed(self, code: str) -> None:
        """See the port."""


_NOTHING = nullcontext(_Nothing())


def _new_id() -> str:
    # Not os.urandom: a system call lets other threads go first, which is 2 ms under load.
    return f"{random.getrandbits(_BITS):0{_BITS // 4}x}"


_SERVICE = "tangerine"
# Longer than a stop may take would delay it; what is lost are the traces of the last moments.
_FLUSH_MS = 2000
_SEND_S = 5


class OpenTelemetryTracer:
    """A Tracer whose spans are sent in the background, in batches.

    ``url``: where OTLP over HTTP is taken, as ``http://127.0.0.1:4318/v1/traces``. Headers,
    sampling and further attributes come from the standard variables (``OTEL_…``:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
    Raises SettingsError where the packages are not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra, all
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
            from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415
        except ImportError:
            raise SettingsError(
                "logs.traces_url is set, but the packages that send traces are not installed.",
                remedy="Install them with pip install -c constraints.txt -e '.[otel]', "
                "or take the setting away.",
            ) from None
        about = Resource.create({"service.name": _SERVICE, "service.version": version(_SERVICE)})
        exporter = trace_exporter.OTLPSpanExporter(endpoint=url, timeout=_SEND_S)
        self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_SERVICE)
        self._failure: Callable[[str], trace.Status] = lambda code: Status(StatusCode.ERROR, code)

    @contextmanager
    def span(self, name: str, **attributes: str | int) -> Iterator[Span]:
        request = current_request()
        told = attributes if request is None else attributes | {"request": request}
        # What an exception says may hold what somebody asked: its code is told instead.
        with self._tracer.start_as_current_span(
            name, attributes=told, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Told(span, self._failure)

    def close(self) -> None:
        """Send what is left, for two seconds at most. Blocking."""
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()


class _Told:
    def __init__(self, span: trace.Span, failure: Callable[[str], trace.Status]) -> None:
        self._span = span
        self._failure = failure

    def tell(self, **attributes: str | int) -> None:
        self._span.set_attributes(attributes)

    def failed(self, code: str) -> None:
        self._span.set_status(self._failure(code))


@asynccontextmanager
async def tracer_of(url: str | None) -> AsyncIterator[Tracer]:
    """The Tracer for the setting ``logs.traces_url``; closed at the end. Raises SettingsError."""
    if url is None:
        yield NoTracer()
        return
    tracer = await asyncio.to_thread(OpenTelemetryTracer, url)
    try:
        yield tracer
    finally:
        await asyncio.to_thread(tracer.close)
