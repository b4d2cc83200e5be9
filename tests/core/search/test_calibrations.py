"""What is learnt of a collection holds while a few pictures come and go, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from core.domain.types import Vectors
from core.domain.viewer import Viewer
from core.search.calibrations import Calibrations
from tests.fake_collections import FakeSnapshot
from tests.fakes import COLOURS, FakeEncoder

_HOME = Viewer("discord:5", channels=frozenset({"7"}))


def _of(count: int) -> FakeSnapshot:
    colours = sorted(COLOURS)
    return FakeSnapshot.of([(colours[n % len(colours)], f"kite {n}") for n in range(count)])


def _calibrations() -> Calibrations:
    encoder = FakeEncoder()

    async def embed(texts: Sequence[str]) -> Sequence[Vectors]:
        return list(encoder.encode_texts(list(texts)))

    return Calibrations(embed)


async def test_an_older_one_answers_while_few_pictures_have_come() -> None:
    """Up to a sixteenth it is as good; up to an eighth the newer one is learnt behind it."""
    known = _calibrations()
    first = await known.of(_of(320), _HOME)
    assert await known.of(_of(340), _HOME) is first
    more = _of(355)
    assert await known.of(more, _HOME) is first
    async with asyncio.timeout(60):
        while (newer := await known.of(more, _HOME)) is first:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    assert await known.of(more, _HOME) is newer


async def test_nobody_else_and_nothing_very_different_gets_it() -> None:
    """Others see other pictures; what many new ones say is learnt at once."""
    known = _calibrations()
    first = await known.of(_of(320), _HOME)
    assert await known.of(_of(330), Viewer("discord:6")) is not first
    assert await known.of(_of(400), _HOME) is not first
    assert len((await known.of(_of(400), _HOME)).sample) == len(np.unique(range(400)))


async def test_of_few_pictures_each_state_is_learnt() -> None:
    """That costs next to nothing, and one of them may be a tenth of all."""
    known = _calibrations()
    first = await known.of(_of(64), _HOME)
    assert await known.of(_of(65), _HOME) is not first
