"""What each part of a question costs by itself, in the process that serves :mod:`bench.http`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bench.closed_loop import ask_all, questions
from core.domain.ports import Embedder, Library
from core.search.calibration import calibrate
from core.search.captions import told
from core.search.ports import Labels
from core.search.ranking import rank_page
from core.search.rules import SearchRules
from core.search.scoring import Ranking
from core.search.service import Search

COMMUNITY = "web"

_CALLERS = 64
_REQUESTS = 16 * _CALLERS
_LONGEST = 200
_PAGE = 5


async def stages(
    library: Library, labels: Labels, embedder: Embedder, search: Search, seed: int
) -> Mapping[str, float]:
    """Processor seconds of the whole process for each request, by part; ``search``: all of them.

    Parts that wait for others are asked by 64 callers at once, as a server would; those that
    compute, one after the other. ``seed`` chooses the texts: none may be known already.
    """
    texts = [text[:_LONGEST] for text in questions(_REQUESTS, seed)]
    snapshot = await library.open(None, COMMUNITY)
    vectors = [await embedder.embed_text(text) for text in texts]
    calibration = await asyncio.to_thread(calibrate, snapshot)
    duplicate = SearchRules().duplicate_cosine
    said = [
        told(snapshot, calibration.captions, *asked) for asked in zip(vectors, texts, strict=True)
    ]

    def captions() -> None:
        for vector, text in zip(vectors, texts, strict=True):
            told(snapshot, calibration.captions, vector, text)

    def ranking() -> None:
        for vector, each in zip(vectors, said, strict=True):
            wanted = Ranking(vector, calibration.text, duplicate, told=each)
            rank_page(snapshot, calibration, wanted, k=_PAGE, offset=0)

    def looking() -> None:
        for _ in texts:
            labels.of(snapshot.collection)

    fresh = iter(questions(3 * _REQUESTS, seed + 1)[2 * _REQUESTS :])
    return {
        "whether anything has changed": await _asked(
            texts, lambda _: library.open(None, COMMUNITY)
        ),
        "labels": await asyncio.to_thread(_computed, looking),
        "queue of the encoder": await _asked(
            texts, lambda _: embedder.embed_text(next(fresh)[:_LONGEST])
        ),
        "a text that was asked before": await _asked(texts, embedder.embed_text),
        "captions": await asyncio.to_thread(_computed, captions),
        "ranking": await asyncio.to_thread(_computed, ranking),
        "search": await _asked(texts, lambda text: search.find(text, community=COMMUNITY, k=_PAGE)),
    }


async def _asked(texts: Sequence[str], ask: Callable[[str], Awaitable[object]]) -> float:
    started = time.process_time()
    await ask_all(ask, texts, _CALLERS)
    return (time.process_time() - started) / len(texts)


def _computed(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) / _REQUESTS
