"""64 people who each ask one question after the other, beside programs that serve models.

All sides have the same weights, the same texts (others in each turn) and as many threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import torch

from bench.closed_loop import ask_all, questions
from bench.comparison import Comparison, Timed
from bench.encoding import clip, encoder_of, on_openvino
from bench.peer_process import Peer, installed
from core.encoder.embedder import BatchedEmbedder

_CALLERS = 64
_TEXTS = 4 * _CALLERS

_PEERS = {
    "infinity": "infinity-emb, torch float32",
    "sentences": "sentence-transformers float32 + a queue",
}


def _against(
    peer: str, way: tuple[str, str]
) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        model = clip()
        encoder = encoder_of(model, way, torch.get_num_threads())
        embedder = BatchedEmbedder(
            encoder, packs_texts=encoder.packs_texts, cached_texts=0, max_queue=1024
        )
        own, other = count(), count()
        with asyncio.Runner() as runner, Peer(peer, peer) as process:
            told = process.ask(model=str(model))
            print(", ".join(f"{name} {version}" for name, version in told["versions"].items()))

            async def ours() -> tuple[float, float]:
                return await ask_all(embedder.embed_text, questions(_TEXTS, next(own)), _CALLERS)

            def theirs() -> tuple[float, float]:
                found = process.ask(callers=_CALLERS, count=_TEXTS, seed=next(other))
                return float(found[0]), float(found[1])

            runner.run(embedder.__aenter__())
            try:
                yield (lambda: runner.run(ours())), theirs
            finally:
                runner.run(embedder.__aexit__(None, None, None))

    return prepare


COMPARISONS = tuple(
    Comparison(
        f"{_CALLERS} callers, {_TEXTS} texts of mixed lengths, CLIP ViT-B/32",
        f"our queue, {' '.join(way)}",
        name,
        "for all",
        _against(peer, way),
        ("99th percentile",),
    )
    for way in (("torch", "float32"), *on_openvino("bfloat16"))
    for peer, name in _PEERS.items()
    if installed(peer)
)
