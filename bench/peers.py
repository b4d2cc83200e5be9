"""hnswlib and usearch with the index that a collection of the size gets (``peer_process``)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from bench.comparison import Comparison, Timed, timed
from bench.index import searched
from bench.peer_process import Peer, installed

_ROWS, _K = 100_000, 10
_LEAST = 0.98
"""Each peer is given the smallest effort with which it finds as much as ours must."""


def _graph(library: str) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        ours, flat, texts = searched(_ROWS)
        _, true = flat.search(texts, _K)
        with tempfile.TemporaryDirectory() as folder, Peer("indexes", "indexes") as peer:
            for name, array in (
                ("pictures", flat.reconstruct_n(0, flat.ntotal)),
                ("texts", texts),
                ("true", true),
            ):
                np.save(Path(folder) / f"{name}.npy", array)
            told = peer.ask(library=library, folder=folder, k=_K, least=_LEAST)
            print(
                f"{library} {told['version']}: built in {told['seconds']:.0f} s, "
                f"recall@{_K} {told['recall']:.4f} with effort {told['effort']}"
            )
            turn = iter(range(10**6))
            yield (
                timed(lambda: ours.search(texts[[next(turn) % len(texts)]], _K)),
                lambda: float(peer.ask(query=next(turn) % len(texts))),
            )

    return prepare


COMPARISONS = tuple(
    Comparison(
        f"one query over {_ROWS:,} x 512, recall@{_K} >= {_LEAST}",
        "our index",
        library,
        "a query",
        _graph(library),
    )
    for library in ("hnswlib", "usearch")
    if installed("indexes")
)
