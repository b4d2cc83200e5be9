"""Real ``tangerine encoder`` processes: one is killed, questions go on; a bot loads no model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from bot.encoding.remote import RemoteEmbedder
from bot.engine.encoder import load_encoder_of
from config.settings import load
from tests.program import Program
from tests.running import ENDED_S, Running, running

pytestmark = [pytest.mark.process, pytest.mark.timeout(400)]

_TOKEN = "a-token-of-the-encoders"
_QUESTIONS = 60
_BACK_S = 5.0
"""What is promised from the moment at which an encoder answers again."""

_FIND = """
import json, sys
sys.argv[0] = "tangerine"
from bot.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "transformers", "onnxruntime", "openvino", "tokenizers"}
print(json.dumps(sorted(heavy & set(sys.modules))))
"""


def _encoder(program: Program, port: int = 0) -> AbstractAsyncContextManager[Running]:
    return running(
        program,
        command=("encoder", "--port", str(port)),
        TANGERINE_ENCODER_TOKEN=_TOKEN,
    )


async def _ready(encoder: Running) -> None:
    await encoder.wait_for(lambda: bool(encoder.url))


def _found(program: Program, urls: str) -> tuple[object, list[str]]:
    """What ``find`` finds over encoders at these addresses, and which of the heavy it imports."""
    done = subprocess.run(
        [sys.executable, "-c", _FIND, "find", "a green apple", "--json"],
        env={
            **program.environment,
            "TANGERINE_ENCODER_URLS": urls,
            "TANGERINE_ENCODER_TOKEN": _TOKEN,
        },
        cwd=program.root,
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    found, heavy = done.stdout.splitlines()
    return json.loads(found), json.loads(heavy)


async def test_a_killed_encoder_loses_no_question_and_is_asked_again(
    indexed: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``kill -9`` of one of two while 60 questions run; it comes back at its address."""
    for name, value in indexed.environment.items():
        monkeypatch.setenv(name, value)
    texts = [f"a photo of thing {n}" for n in range(_QUESTIONS)]
    async with AsyncExitStack() as stack:
        one, two = await asyncio.gather(
            stack.enter_async_context(_encoder(indexed)),
            stack.enter_async_context(_encoder(indexed)),
        )
        await asyncio.gather(_ready(one), _ready(two))
        here, there = await asyncio.gather(
            asyncio.to_thread(indexed, "find", "a green apple", "--json"),
            asyncio.to_thread(_found, indexed, f"{one.url},{two.url}"),
        )
        assert there == (here.json, [])
        embedder = RemoteEmbedder([one.url, two.url], token=_TOKEN, cached_texts=0)
        await stack.enter_async_context(embedder)
        settings = load(data_dir=indexed.folder / "data")
        local = await asyncio.to_thread(load_encoder_of, settings, "mini")
        assert embedder.identity == local.identity
        first = await embedder.embed_text(texts[0])
        assert np.array_equal(first, local.encode_texts(texts[:1])[0])

        asked = [asyncio.create_task(embedder.embed_text(text)) for text in texts]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        one.process.kill()
        found = await asyncio.gather(*asked)
        cosines = np.sum(np.stack(found) * local.encode_texts(texts), axis=1)
        assert cosines.min() > 0.99999
        assert embedder.fleet.states[two.url] == "answers"

        port = int(one.url.rpartition(":")[2])
        await one.process.wait()
        again = await stack.enter_async_context(_encoder(indexed, port))
        await _ready(again)
        assert again.url == one.url
        began = time.monotonic()
        while not embedder.fleet.endpoints[0].answers:
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < _BACK_S * 3  # the machine is shared
        done = await asyncio.to_thread(
            indexed,
            "status",
            TANGERINE_ENCODER_URLS=f"{one.url},{two.url}",
            TANGERINE_ENCODER_TOKEN=_TOKEN,
        )
        assert f"  over HTTP by {one.url} (answers), {two.url} (answers)\n" in done.out
        for encoder in (again, two):
            encoder.process.terminate()
        for encoder in (again, two):
            assert await asyncio.wait_for(encoder.process.wait(), ENDED_S) == 0
            assert not any(_TOKEN in line for line in encoder.lines)


def test_an_encoder_that_others_could_reach_wants_a_token(tmp_path: Path) -> None:
    """One line that says what to set, before anything is loaded."""
    program = Program(tmp_path, {"TANGERINE_DATA_DIR": str(tmp_path), "TANGERINE_MODEL": "mini"})
    done = program("encoder", "--host", "0.0.0.0", "--port", "0")
    assert done.code == 1
    assert "without a token" in done.err
    assert "TANGERINE_ENCODER_TOKEN" in done.err
