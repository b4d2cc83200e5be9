"""Faults inside of the running program, planted in its ports: told by /readyz, and survived."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.program import Program
from tests.running import Running, running

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]

# What the issue allows until /readyz shows a change; ours take a few seconds.
_TOLD_S = 60.0


@dataclass
class Doomed:
    """A running program, and the folder in which files ask for its faults."""

    running: Running
    orders: Path
    picture: bytes
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def release(self) -> None:
        """Let its index be made anew, and wait until it is ready."""
        (self.orders / "hold").unlink(missing_ok=True)
        await self.until(200)

    async def until(self, status: int, words: str = "") -> None:
        """Wait until /readyz answers with this status, and these words in its reason."""
        async with asyncio.timeout(_TOLD_S):
            while True:
                found, answer = await self.running.get("/readyz")
                if found == status and words in str(answer):
                    return
                await asyncio.sleep(0.01)

    async def ask(self, kind: str) -> tuple[int, Any]:
        """A question that needs a batch of its own."""
        if kind == "picture":
            return await self.running.post("/api/similar", self.picture)
        # The vectors of questions are kept: each is a new one.
        return await self.running.get("/api/find", q=f"orange fruits {next(self.numbers)}")


class DoomedProgram(Program):
    """The program as :mod:`tests.doomed_program` starts it."""

    def command(self, *arguments: str | Path) -> list[str]:  # type: ignore[override]
        """The command line."""
        start = [sys.executable, "-m", "tests.doomed_program", str(self.folder / "orders")]
        return [*start, *map(str, arguments)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doomed(
    indexed: Program, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Doomed]:
    """A start over a catalogue whose index files are lost, and not made anew yet."""
    folder = tmp_path_factory.mktemp("doomed")
    orders, data = folder / "orders", folder / "data"
    orders.mkdir()
    shutil.copytree(
        Path(indexed.environment["TANGERINE_DATA_DIR"]),
        data,
        ignore=shutil.ignore_patterns(".commands"),
    )
    shutil.rmtree(data / "index")
    (orders / "hold").touch()
    environment = indexed.environment | {"TANGERINE_DATA_DIR": str(data)}
    program = DoomedProgram(folder, environment)
    picture = min(indexed.gallery.glob("*.png")).read_bytes()
    async with running(program) as started:
        await started.wait_for(lambda: bool(started.url))
        yield Doomed(started, orders, picture)


async def test_an_index_that_is_made_anew_is_told(doomed: Doomed) -> None:
    """Its files were lost: not ready until the catalogue has made them again."""
    await doomed.until(503, "the index of the collection default is being opened or made anew")
    assert (await doomed.running.get("/healthz"))[0] == 200
    await doomed.release()
    status, answer = await doomed.ask("text")
    assert (status, len(answer["hits"])) == (200, 5)


@pytest.mark.parametrize("kind", ["text", "picture"])
async def test_a_dead_worker_of_a_batcher_is_told_and_replaced(doomed: Doomed, kind: str) -> None:
    """Whoever waits for it gets an error at once, the next one an answer, /readyz the reason."""
    await doomed.release()
    assert (await doomed.ask(kind))[0] == 200
    died = await doomed.running.metric("tangerine_worker_restarts")
    (doomed.orders / kind).touch()
    async with asyncio.timeout(_TOLD_S):
        status, answer = await doomed.ask(kind)
    assert (status, answer["error"]["code"]) == (500, "encoding_failed")
    await doomed.until(503, "the encoder's queue died")
    assert [(await doomed.ask(each))[0] for each in ("text", "picture")] == [200, 200]
    await doomed.until(200)
    async with asyncio.timeout(_TOLD_S):
        while await doomed.running.metric("tangerine_worker_restarts") != died + 1:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)


@pytest.mark.long
@pytest.mark.timeout(240)  # it loads a model twice, and encodes the gallery
async def test_an_index_of_another_model_is_told(indexed: Program, tmp_path: Path) -> None:
    """No question can be answered until somebody else's full reindex is noticed."""
    ours = Path(indexed.environment["TANGERINE_DATA_DIR"])
    data, model = tmp_path / "data", tmp_path / "model"
    shutil.copytree(ours, data, ignore=shutil.ignore_patterns(".commands"))
    shutil.copytree(next((ours / "models").glob("mini*")), model)
    config = json.loads((model / "config.json").read_text())
    # Enough to be another model as far as indexes go.
    (model / "config.json").write_text(json.dumps(config | {"changed": True}))
    changed = {"TANGERINE_MODEL": str(model), "TANGERINE_DATA_DIR": str(data)}
    program = replace(indexed, environment=indexed.environment | changed)
    picture = min(indexed.gallery.glob("*.png")).read_bytes()
    async with running(program) as started:
        doomed = Doomed(started, tmp_path, picture)
        await started.wait_for(lambda: started.said("was indexed with the model"))
        await doomed.until(503, "was indexed with the model")
        await doomed.until(503, "tangerine reindex --full")
        assert (await doomed.ask("text"))[1]["error"]["code"] == "model_mismatch"
        assert (await asyncio.to_thread(program, "reindex", "--full")).code == 0
        await doomed.until(200)
        assert (await doomed.ask("text"))[0] == 200
