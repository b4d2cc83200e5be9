"""``tangerine run``: the program serves, survives, and stops in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
import psutil
import pytest
import pytest_asyncio

from tests.bot.web.test_web_stopping import Caller, Port
from tests.pictures import bad_pictures
from tests.program import Program
from tests.running import ENDED_S, Running, running

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]

_GROWTH_MB = 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(indexed: Program) -> AsyncIterator[Running]:
    """A server over the small gallery, ready to answer."""
    async with running(indexed) as started:
        await started.wait_for(lambda: started.said("Ready:"))
        yield started


async def test_it_is_ready_and_answers(server: Running) -> None:
    """The web API gives all that the command line gives, and looks and pictures with it."""
    assert (await server.get("/healthz"))[0] == 200
    assert await server.get("/readyz") == (200, {"ready": True})
    status, answer = await server.get("/api/find", q="orange fruits", k=3)
    assert status == 200
    command = ("find", "orange fruits", "-k", "3", "--json")
    said = (await asyncio.to_thread(server.program.apart, *command)).json
    hits = [
        {key: shown[key] for key in hit}
        for shown, hit in zip(answer["hits"], said["hits"], strict=True)
    ]
    assert {**{key: answer[key] for key in said}, "hits": hits} == said
    assert {"width", "height", "placeholder", "date"} <= set(answer["hits"][0])
    picture = answer["hits"][0]["id"]
    async with server.client.get(f"{server.url}/pictures/{picture}/thumbnail") as sent:
        assert (sent.status, sent.content_type) == (200, "image/jpeg")


async def test_decoding_processes_stay_small(server: Running) -> None:
    """What decodes strangers' bytes has neither torch nor the index nor the web in memory."""
    workers = server.processes()[1:]
    assert len(workers) >= 2
    for worker in workers:
        maps = "".join(region.path for region in worker.memory_maps())
        assert not {name for name in ("torch", "faiss", "aiohttp", "sqlalchemy") if name in maps}


async def test_64_finds_share_batches(server: Running) -> None:
    """Questions of 64 concurrent callers run in batches of more than 8 on average."""
    names = ("tangerine_batch_size_sum", "tangerine_batch_size_count")
    before = [await server.metric(name) for name in names]
    callers, each = 64, 3

    async def ask(caller: int) -> None:
        # One burst alone would count how its first few came in, too: these find the model idle.
        for number in range(caller, each * callers, callers):
            text = f"a number {number} thing of wood and stone"
            status, answer = await server.get("/api/find", q=text, k=1)
            assert (status, answer["query"]) == (200, text)

    await asyncio.gather(*map(ask, range(callers)))
    size, count = [await server.metric(n) - b for n, b in zip(names, before, strict=True)]
    assert size == each * callers
    assert size / count > 8, f"{size} texts in {count} batches"


@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.long)])
async def test_bad_pictures_get_a_typed_error_each(server: Running, step: int) -> None:
    """None crashes the server or eats its memory, and it answers as before.

    All of them are decoded in ``tests/core/images/test_images_bad.py``; here every eighth.
    """
    picture = min(server.program.gallery.glob("*.png")).read_bytes()
    # What good pictures take is no growth: ask with one first.
    assert (await server.post("/api/similar", picture))[0] == 200
    before, sent, accepted = server.memory_mb(), 0, 0
    for bad in bad_pictures(11)[::step]:
        status, answer = await server.post("/api/similar", bad.data)
        sent += 1
        if status == 200:
            assert None in bad.expected, bad.name
            accepted += 1  # cut off behind its last pixel, say
            continue
        assert status in {400, 413}, (bad.name, answer)
        codes = {error.code for error in bad.expected if error is not None}
        assert answer["error"]["code"] in codes, bad.name
        assert len(answer["error"]["message"]) > 20
    assert sent - accepted >= 200 // step
    assert server.memory_mb() - before < _GROWTH_MB
    assert (await server.post("/api/similar", picture))[0] == 200
    print(f"\n{sent} bad pictures over HTTP, {accepted} of them whole after all")


async def test_errors_have_codes(server: Running) -> None:
    """Bad input is 400, what is not there 404."""
    queries: list[tuple[str, dict[str, str | int], int]] = [
        ("/api/find", {"q": " "}, 400),
        ("/api/find", {"q": "x", "k": "many"}, 400),
        ("/api/find", {"q": "x", "k": 101}, 400),
        ("/api/find", {"q": "x", "collection": "other"}, 404),
        ("/pictures/none", {}, 404),
        ("/nothing", {}, 404),
    ]
    for path, query, status in queries:
        got, answer = await server.get(path, **query)
        assert (got, set(answer["error"])) == (status, {"code", "message"}), path


async def test_no_question_is_in_the_log(server: Running) -> None:
    """What people ask for is not written down."""
    assert (await server.get("/api/find", q="unmistakable marzipan"))[0] == 200
    assert not any("marzipan" in line for line in server.lines)


async def test_sigterm_answers_what_is_in_flight_and_ends_with_0(server: Running) -> None:
    """Under 64 callers no request stays unanswered, and the workers are gone.

    64 others ask one thing after the other, each over one connection: none of them is reset.
    """
    processes = server.processes()
    port = Port.of(f"{server.url}/healthz", server.process.wait)
    keepers = [await Caller.at(port) for _ in range(64)]
    asking = [asyncio.create_task(each.keep_asking(port.request)) for each in keepers]
    calls = [
        asyncio.create_task(server.get("/api/find", q=f"question {n}", k=1)) for n in range(64)
    ]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    server.process.send_signal(signal.SIGTERM)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert await asyncio.gather(*asking, return_exceptions=True) == [None] * 64
    async with asyncio.timeout(ENDED_S):
        assert await server.process.wait() == 0
    assert {outcome[0] for outcome in outcomes if isinstance(outcome, tuple)} <= {200, 503}
    # Whoever knocked after the door was closed was refused, not left waiting.
    others = [outcome for outcome in outcomes if not isinstance(outcome, tuple)]
    assert all(isinstance(outcome, aiohttp.ClientConnectionError) for outcome in others), others
    assert len(others) < 64
    assert psutil.wait_procs(processes, timeout=ENDED_S)[1] == []


async def test_a_taken_port_is_told(indexed: Program) -> None:
    """The start stops with a line that names the port and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = await asyncio.to_thread(indexed.apart, "run", TANGERINE_WEB_PORT=port)
    assert done.code == 1
    assert "TANGERINE_WEB_PORT" in done.err


async def test_a_collection_without_its_folder_leaves_the_others_in_service(
    new_program: Callable[[], Program],
) -> None:
    """It is told in a line and by /readyz; alone, it ends the start (test_preflight.py)."""
    program = new_program()
    settings = program.folder / "settings.toml"
    settings.write_text('[[collections]]\nname = "shop"\nfolder = "shop"\ncommunities = ["web"]\n')
    async with running(program, TANGERINE_CONFIG=str(settings)) as started:
        await started.wait_until_said("There is no folder", "Ready:")
        status, answer = await started.get("/readyz")
        assert status == 503
        assert "shop" in answer["error"]["message"]
        assert (await started.get("/api/find", q="bird"))[0] == 200
        second = await asyncio.to_thread(program.apart, "run", TANGERINE_CONFIG=str(settings))
        assert second.code == 1
        assert f"already (process {started.process.pid}, {started.url})" in second.err
        started.process.terminate()
        assert await started.process.wait() == 0
