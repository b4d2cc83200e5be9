"""Encoder processes that are killed while they are asked: each question is answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from bot.encoding.remote import RemoteEmbedder
from core.domain.errors import Busy
from tests.fakes import FakeEncoder

# One kill of a real encoder is in tests/end_to_end/test_encoders.py, always.
pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.timeout(1800)]

_ROOT = Path(__file__).parents[3]
_KILLS = 100
_CALLERS = 8
_BACK_S = 5.0
"""What is promised from the moment at which an encoder answers again."""
_LONG = 30.0


class Encoder:
    """A process that serves the fake model, at one address however often it is started."""

    def __init__(self) -> None:
        self._port = 0
        self.url = ""

    def start(self) -> None:
        """Start it; returns once it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.encoder_program", str(self._port)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Callers:
    """Ask for texts until they are cancelled, and see that the vectors are those."""

    def __init__(self, embedder: RemoteEmbedder) -> None:
        self._embedder = embedder
        self._model = FakeEncoder()
        self._numbers = count()
        self.ends: Counter[str] = Counter()
        self.longest_s = 0.0

    async def ask(self) -> None:
        """One of them."""
        while True:
            text = f"text {next(self._numbers)}"
            began = time.monotonic()
            try:
                found = await self._embedder.embed_text(text)
            except Busy:
                self.ends["told busy"] += 1
            else:
                assert np.allclose(found, self._model.encode_texts([text])[0], atol=1e-6)
                self.ends["answered"] += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            await asyncio.sleep(0.005)


async def test_encoders_that_are_killed_lose_no_question() -> None:
    """Either of two, at 100 random moments; it is asked again once it is back."""
    chance = random.Random(22)
    encoders = [Encoder(), Encoder()]
    back_s = []
    with ExitStack() as stack:
        for each in encoders:
            await asyncio.to_thread(each.start)
            stack.callback(each.kill)
        async with RemoteEmbedder([each.url for each in encoders], cached_texts=0) as embedder:
            callers = Callers(embedder)
            tasks = [asyncio.create_task(callers.ask()) for _ in range(_CALLERS)]
            for _ in range(_KILLS):
                at = chance.randrange(2)
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                await asyncio.to_thread(encoders[at].kill)
                await asyncio.sleep(chance.uniform(0.0, 0.5))
                await asyncio.to_thread(encoders[at].start)
                began = time.monotonic()
                while not embedder.fleet.endpoints[at].answers:
                    assert time.monotonic() - began < _LONG
                    await asyncio.sleep(0.01)
                back_s.append(time.monotonic() - began)
                assert not any(task.done() for task in tasks)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    back_s.sort()
    print(
        f"{_KILLS} kills, {dict(callers.ends)}, the longest took {callers.longest_s:.2f} s; asked "
        f"again after {back_s[_KILLS // 2]:.2f} s, at most {back_s[-1]:.2f} s"
    )
    assert callers.ends["answered"] > _KILLS
    assert back_s[_KILLS // 2] < _BACK_S
