"""Pictures that attack the running program: everybody else is answered, and nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from tests.costly_pictures import jpeg_scans
from tests.program import Program
from tests.running import Running, running

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]

_TOKEN = "not-to-be-seen-by-any-decoder"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(indexed: Program) -> AsyncIterator[Running]:
    """A server over the small gallery that answers, with a secret in its environment."""
    async with running(indexed, SOME_TOKEN=_TOKEN) as started:
        await started.wait_for(lambda: started.said("Ready:"))
        yield started


async def test_many_scans_stop_nobody(server: Running) -> None:
    """Six JPEGs of 2,500 passes at once: refused, and a picture beside them is answered."""
    hostile = jpeg_scans(2500, (4000, 3000))
    usual = min(server.program.gallery.glob("*.png")).read_bytes()
    attacks = [asyncio.create_task(server.post("/api/similar", hostile)) for _ in range(6)]
    assert (await server.post("/api/similar", usual))[0] == 200
    for status, answer in await asyncio.gather(*attacks):
        assert (status, answer["error"]["code"]) == (400, "picture_too_complex")
    assert await server.metric("tangerine_worker_restarts") == 0


async def test_what_decodes_has_none_of_the_programs_secrets(server: Running) -> None:
    """No process that decodes was given the environment, and the program says what else holds."""
    program, *decoding = server.processes()
    assert _TOKEN in program.environ().values()
    assert len(decoding) >= 3, "workers, and the process that starts them"
    for process in decoding:
        try:
            environment = process.environ()
        except psutil.AccessDenied:
            continue
        assert _TOKEN not in environment.values()
    status, answer = await server.get("/readyz", verbose=1)
    assert (status, answer["ready"]) == (200, True)
    assert answer["details"]["decoding"].startswith("isolated: ")
