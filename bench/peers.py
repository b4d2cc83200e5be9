"""Other projects, each in a virtual environment of its own (``make bench-peers`` makes them).

A peer's program reads one JSON object a line, does the work and answers with its seconds, as
measured inside: starting it and the pipe cost it nothing. Where an environment is missing, its
lines are left out.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.comparison import Comparison, Timed, timed
from bench.index import searched

HOME = Path(__file__).parents[1] / ".cache" / "peers"
_PROGRAMS = Path(__file__).parent / "peer_programs"
_ROWS, _K = 100_000, 10
_LEAST = 0.98
"""Each peer is given the smallest effort with which it finds as much as ours must."""


class Peer:
    """A running program of another project: :meth:`ask` for the seconds of some work."""

    def __init__(self, environment: str, program: str) -> None:
        python = HOME / environment / "bin" / "python"
        self._process = subprocess.Popen(
            [python, _PROGRAMS / program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **work: Any) -> Any:
        """What it answers to this work. Raises RuntimeError where it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(work) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peer ended with {self._process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def installed(environment: str) -> bool:
    """Whether ``make bench-peers`` has made this environment."""
    return (HOME / environment / "bin" / "python").exists()


def _graph(library: str) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        ours, flat, texts = searched(_ROWS)
        _, true = flat.search(texts, _K)
        peer = Peer("indexes", "indexes.py")
        with tempfile.TemporaryDirectory() as folder:
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
        try:
            yield (
                timed(lambda: ours.search(texts[[next(turn) % len(texts)]], _K)),
                lambda: float(peer.ask(query=next(turn) % len(texts))),
            )
        finally:
            peer.close()

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
