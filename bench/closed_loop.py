"""Many callers who each ask one question after the other; imports nothing but the library.

The programs of peers import this too, in environments that have no other module of ours.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

_WORDS = (
    "a photo of the small red orange fruit on wooden table near big blue house with dogs cats "
    "people running along beach at sunset"
)


def questions(count: int, seed: int) -> list[str]:
    """So many different texts; lengths as people's are: most short, a few long."""
    rng, words = random.Random(seed), _WORDS.split()
    return [
        " ".join(rng.choices(words, k=min(40, 1 + int(rng.lognormvariate(1.7, 0.6))))) + f" {n}"
        for n in range(count)
    ]


async def ask_all(
    embed: Callable[[str], Awaitable[object]], texts: Sequence[str], callers: int
) -> tuple[float, float]:
    """Seconds until all are answered, and the 99th percentile of the seconds of one question.

    So many callers share the texts; each asks its next one when it has the answer to the last.
    """
    waiting = iter(texts)
    latencies: list[float] = []

    async def caller() -> None:
        for text in waiting:
            asked = time.perf_counter()
            await embed(text)
            latencies.append(time.perf_counter() - asked)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds = time.perf_counter() - started
    latencies.sort()
    # The nearest rank: at least 99 of 100 are not above it.
    return seconds, latencies[-(-99 * len(latencies) // 100) - 1]
