"""Traces: what a collector of OpenTelemetry gets to see, over HTTP and in its own format."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bot.observability.tracing import tracer_of
from bot.protocol.requests import Request
from core.domain.errors import SettingsError
from tests.web.parts import Parts, serving

SECRET = "the secret wish of somebody"


class Collector:
    """Takes what is exported."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[Span] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its address, while it listens."""
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        async with TestServer(app) as server:
            yield str(server.make_url("/v1/traces"))

    async def _take(self, request: web.Request) -> web.Response:
        # aiohttp has undone the exporter's compression already.
        body = await request.read()
        self.raw += body
        sent = ExportTraceServiceRequest.FromString(body)
        self.spans += [
            span
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]


def told(span: Span) -> dict[str, object]:
    """A span's attributes."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


async def test_stages_lie_inside_of_their_request(tmp_path: Path) -> None:
    """One trace a request, its stages below it, all with the id that the log has; no words."""
    collector = Collector()
    async with collector.listening() as url, tracer_of(url) as tracer:
        parts = Parts(tmp_path, tracer=tracer)
        async with serving(parts) as adapter, ClientSession() as session:
            for _ in range(2):
                asked = {"q": SECRET, "k": 3}
                async with session.get(f"{adapter.url}/api/find", params=asked) as answer:
                    assert answer.status == 200
            await parts.commands.handle(
                Request("discord", "web", "discord:1", text=f"/find {SECRET}")
            )
    # What every question is compared with is encoded once, for no request in particular.
    roots = [s for s in collector.spans if not s.parent_span_id and s.name != "embed"]
    assert sorted(span.name for span in roots) == ["answer", "http", "http"]
    assert len({span.trace_id for span in roots}) == 3
    for root in roots:
        inside = [span for span in collector.spans if span.trace_id == root.trace_id]
        assert {"open", "embed"} <= {span.name for span in inside}
        assert {told(span)["request"] for span in inside} == {told(root)["request"]}
        assert all(
            root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
            for span in inside
        )
    assert {told(span)["status"] for span in collector.named("http")} == {200}
    assert {told(span)["route"] for span in collector.named("http")} == {"/api/find"}
    assert [told(span)["platform"] for span in collector.named("answer")] == ["discord"]
    assert len(collector.named("/find")) == 1
    assert SECRET.encode() not in collector.raw
    assert b"somebody" not in collector.raw


async def test_a_failure_is_told_by_its_code(tmp_path: Path) -> None:
    """Not by what the exception says, which may quote the asker."""
    collector = Collector()
    async with collector.listening() as url, tracer_of(url) as tracer:
        parts = Parts(tmp_path, tracer=tracer)
        question = f"/find -k 3 --collection nothing {SECRET}"
        parts.embedder.encoder.fails_on = lambda _: True
        for text in (question, f"/find {SECRET}", f"/{SECRET}"):
            reply = await parts.commands.handle(Request("web", "web", "web:1", text=text))
            assert reply.error is not None
        await parts.close()
    answers = collector.named("answer")
    assert len(answers) == 3
    assert {span.status.code for span in answers} == {Status.STATUS_CODE_ERROR}
    assert all(span.status.message.isidentifier() for span in answers)
    assert not any(span.events for span in collector.spans)
    assert b"wish" not in collector.raw


@pytest.mark.slow
async def test_a_collector_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    """Questions are answered, and the end comes in seconds."""
    async with Collector().listening() as url:
        pass
    async with tracer_of(url) as tracer:
        parts = Parts(tmp_path, tracer=tracer)
        reply = await parts.commands.handle(Request("web", "web", "web:1", text="/find red"))
        assert reply.error is None
        await parts.close()


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that lacks the packages."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.usefixtures("without_the_extra")
async def test_without_the_packages_the_remedy_is_told() -> None:
    """And without the setting nothing is missed."""
    with pytest.raises(SettingsError) as refused:
        async with tracer_of("http://127.0.0.1:4318/v1/traces"):
            pass
    assert "'.[otel]'" in (refused.value.remedy or "")
    async with tracer_of(None) as tracer:
        with tracer.span("anything") as span:
            span.tell(count=1)
            span.failed("code")
