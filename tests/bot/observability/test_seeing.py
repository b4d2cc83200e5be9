"""What an admin sees: metrics that are documented and drawn, and an id in every line."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs

from bot.observability.gauges import Observed, Observer
from bot.observability.metrics import Metrics
from bot.observability.stages import Stages
from bot.observability.tracing import NoTracer, begin_request, request_scope
from bot.protocol.requests import Request
from core.domain.errors import Busy, NotFound
from core.domain.types import CollectionStatus, DecodeStats, Progress
from core.encoder.batch_records import BatcherHealth
from tests.fakes import FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes
from tests.web.parts import Parts

_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
_NAME = re.compile(r"tangerine_[a-z_]+")
_SUFFIXES = re.compile(r"_(bucket|count|sum)$")


@pytest.fixture(autouse=True)
def _no_request() -> None:
    clear_contextvars()


def _exported() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Kind and labels of every metric, by the name that Prometheus shows."""
    metrics = Metrics()
    found = {}
    for collector in metrics.registry._collector_to_names:
        family: Any = collector
        name = family._name + ("_total" if family._type == "counter" else "")
        found[name] = (family._type, tuple(family._labelnames))
    return found


def test_every_metric_is_documented() -> None:
    """Name, kind and labels stand in docs/metrics.md, and nothing else does."""
    rows = re.findall(r"^\| `(tangerine_\w+)` \| (\w+) \| ([\w, ]*?) ?\|", _PAGE, re.MULTILINE)
    written = {
        name: (kind, tuple(label for label in labels.split(", ") if label))
        for name, kind, labels in rows
    }
    assert written == _exported()


@pytest.mark.parametrize(
    "file", ["deploy/grafana/dashboards/tangerine.json", "deploy/prometheus/alerts.yml"]
)
def test_what_is_drawn_exists(file: str) -> None:
    """Dashboard and alerts ask for metrics that there are."""
    asked = set(_NAME.findall((_ROOT / file).read_text(encoding="utf-8")))
    known = set(_exported())
    assert asked
    assert {name for name in asked if _SUFFIXES.sub("", name) not in known} == set()


def test_the_dashboard_shows_every_metric() -> None:
    """What is measured can be seen, on panels that do not cover each other."""
    board = json.loads((_ROOT / "deploy/grafana/dashboards/tangerine.json").read_text())
    drawn = {
        _SUFFIXES.sub("", name)
        for panel in board["panels"]
        for target in panel["targets"]
        for name in _NAME.findall(target["expr"])
    }
    assert drawn == set(_exported())
    covered = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & covered, panel["title"]
        assert place["x"] + place["w"] <= 24
        covered |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


# Stages and requests


def _value(metrics: Metrics, sample: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(sample, labels) or 0.0


async def test_each_stage_is_timed_whether_it_succeeds_or_not() -> None:
    """One observation a call, and the result or the error goes through unchanged."""
    metrics = Metrics()
    embedder = FakeEmbedder(FakeEncoder())
    stages = Stages(metrics.stage, NoTracer())
    timed = stages.around(embedder, embed_text="embed", embed_pixels="embed")
    decoder = stages.around(FakeDecoder(), decode="decode")
    vector = await timed.embed_text("red")
    assert (vector == await embedder.embed_text("red")).all()
    picture = await decoder.decode(picture_bytes("red"), timed.pixel_spec)
    await timed.embed_pixels(picture.pixels)
    assert timed.identity == embedder.identity
    embedder.encoder.fails_on = lambda _: True
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever error it is, it is timed
        await timed.embed_text("another")
    assert _value(metrics, "tangerine_stage_seconds_count", stage="embed") == 3
    assert _value(metrics, "tangerine_stage_seconds_count", stage="decode") == 1


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


async def test_an_unknown_collection_is_timed_too(parts: Parts) -> None:
    """The stage "open" counts what it refuses."""
    metrics = Metrics()
    library = Stages(metrics.stage, NoTracer()).around(parts.library, open="open")
    assert library.visible("web") == parts.library.visible("web")
    with pytest.raises(NotFound):
        await library.open("nothing", "web")
    assert _value(metrics, "tangerine_stage_seconds_count", stage="open") == 1


async def test_every_request_is_timed(parts: Parts) -> None:
    """Answered or refused: one observation each."""
    for text in ("/find red", "/find", "/nothing"):
        await parts.commands.handle(Request("web", "web", "web:1", text=text))
    await parts.commands.act("nonsense", Request("discord", "discord:1", "discord:2"))
    text = parts.metrics.render().decode()
    assert 'tangerine_request_seconds_count{platform="web"} 3.0' in text
    assert 'tangerine_request_seconds_count{platform="discord"} 1.0' in text


# What is looked at


@dataclass
class Line:
    """A platform's connection."""

    name: str = "discord"
    trouble: str | None = "not connected"

    def connected(self) -> bool:
        """Without trouble."""
        return self.trouble is None


def workers() -> DecodeStats:
    """Decoders as they are now."""
    return DecodeStats(2, alive=2, busy=0, waiting=3, decoded=0, failed={}, restarts=1, pids=())


async def test_states_and_sizes_are_looked_at() -> None:
    """Each gauge holds what there is; a connection counts each time it comes back."""
    metrics, line, reasons = Metrics(), Line(), ["loading"]
    running: Mapping[str, Progress] = {"shop": Progress("encode", 1, 4)}

    async def collections() -> list[CollectionStatus]:
        return [CollectionStatus("shop", pictures=7, captions=9, index="flat", generation=3)]

    observer = Observer(
        Observed(
            connections=[line],
            readiness=lambda: reasons,
            batcher=lambda: BatcherHealth(True, 2, None, None, 5),
            decoders=workers,
            reindexing=lambda: running,
            collections=collections,
            sizes=lambda: {"shop": 4096},
            reindexed=lambda: {"shop": 1000.0},
        ),
        metrics,
        now=lambda: 1060.0,
    )
    observer.look()
    await observer.measure()
    assert _value(metrics, "tangerine_ready") == 0
    assert _value(metrics, "tangerine_queue_length") == 5
    assert _value(metrics, "tangerine_decoders") == 2
    assert _value(metrics, "tangerine_decoders_waiting") == 3
    assert _value(metrics, "tangerine_worker_restarts", worker="encoder") == 2
    assert _value(metrics, "tangerine_worker_restarts", worker="decoder") == 1
    shop = {"collection": "shop"}
    assert _value(metrics, "tangerine_reindex_progress", **shop) == 0.25
    assert _value(metrics, "tangerine_pictures", **shop) == 7
    assert _value(metrics, "tangerine_captions", **shop) == 9
    assert _value(metrics, "tangerine_index_generation", **shop) == 3
    assert _value(metrics, "tangerine_index_bytes", **shop) == 4096
    assert _value(metrics, "tangerine_index_age_seconds", **shop) == 60
    seen = []
    for trouble in (None, None, "lost", None, "lost", None):
        line.trouble = trouble
        observer.look()
        seen.append(_value(metrics, "tangerine_reconnects_total", platform="discord"))
    # The first connection is none again.
    assert seen == [0, 0, 0, 1, 1, 2]
    reasons.clear()
    running = {}
    observer.look()
    assert _value(metrics, "tangerine_ready") == 1
    assert "reindex_progress{" not in metrics.render().decode()


async def test_a_look_that_fails_is_not_the_last() -> None:
    """A catalogue that cannot be read now is logged, and the states go on."""
    metrics, looks = Metrics(), asyncio.Event()

    async def broken() -> list[CollectionStatus]:
        raise Busy("not now")

    def health() -> BatcherHealth:
        if _value(metrics, "tangerine_ready"):
            looks.set()
        return BatcherHealth(True, 0, None, None, 0)

    observer = Observer(Observed([], list, health, workers, dict, broken, dict, dict), metrics)
    with capture_logs() as logs:
        observing = asyncio.create_task(observer.observe())
        async with asyncio.timeout(10):
            await looks.wait()
        await asyncio.sleep(0)
        observing.cancel()
    assert not observing.done() or observing.cancelled()
    assert {line["event"] for line in logs} <= {"not measured"}


# The id of a request


async def test_lines_of_one_request_share_its_id(parts: Parts) -> None:
    """From the chat down to what runs in a thread; the next request has another."""
    log = structlog.get_logger("index")
    real = parts.library.open

    async def loud(collection: str | None, community: str) -> Any:
        await asyncio.to_thread(log.warning, "index.damaged")
        return await real(collection, community)

    parts.library.open = loud  # type: ignore[method-assign]
    with capture_logs([merge_contextvars]) as lines:
        for platform in ("telegram", "discord"):
            await asyncio.create_task(
                _ask_and_deliver(parts, Request(platform, "web", "web:1", text="/find red"))
            )
    assert [line["event"] for line in lines] == ["index.damaged", "not delivered"] * 2
    ids = [line["request"] for line in lines]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert re.fullmatch(r"[0-9a-f]{8}", ids[0])
    assert [line["platform"] for line in lines] == ["telegram"] * 2 + ["discord"] * 2


async def _ask_and_deliver(parts: Parts, request: Request) -> None:
    await parts.commands.handle(request)
    structlog.get_logger("adapter").warning("not delivered")


def test_a_scope_keeps_its_id_and_ends() -> None:
    """One task that serves several requests, as a connection of HTTP: nothing is left over."""
    log = structlog.get_logger("web")
    with capture_logs([merge_contextvars]) as lines:
        for _ in range(2):
            with request_scope("web") as name:
                log.info("begun")
                begin_request("web")
                log.info("answered")
                assert lines[-1]["request"] == lines[-2]["request"] == name
        log.info("idle")
    assert lines[0]["request"] != lines[2]["request"]
    assert "request" not in lines[-1]
