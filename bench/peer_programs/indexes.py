"""hnswlib and usearch, as their documentation shows; run by bench/peers.py."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.peer_programs.pipe import Pipe

_EFFORTS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_CONNECTIVITY, _CONSTRUCTION = 16, 128


def build(library: str, pictures: Any) -> tuple[Callable[[Any, int], Any], Callable[[int], None]]:
    """Its index of these vectors: a search that returns rows, and what sets its effort."""
    rows, dimension = pictures.shape
    threads = int(os.environ["OMP_NUM_THREADS"])
    if library == "hnswlib":
        graph = importlib.import_module("hnswlib").Index(space="ip", dim=dimension)
        graph.init_index(rows, ef_construction=_CONSTRUCTION, M=_CONNECTIVITY)
        graph.add_items(pictures, num_threads=os.cpu_count())
        graph.set_num_threads(threads)
        return lambda queries, k: graph.knn_query(queries, k)[0], graph.set_ef
    other = importlib.import_module("usearch.index").Index(
        ndim=dimension,
        metric="ip",
        dtype="f16",
        connectivity=_CONNECTIVITY,
        expansion_add=_CONSTRUCTION,
    )
    other.add(np.arange(rows), pictures, threads=os.cpu_count())

    def search(queries: Any, k: int) -> Any:
        keys = other.search(queries, k, threads=threads).keys
        return keys.reshape(len(queries), -1)

    return search, lambda effort: setattr(other, "expansion_search", effort)


def main() -> None:
    """Build what the first line asks for, then answer queries."""
    pipe = Pipe()
    work = pipe.read()
    folder = Path(work["folder"])
    pictures, texts, true = (
        np.load(folder / f"{name}.npy") for name in ("pictures", "texts", "true")
    )
    started = time.perf_counter()
    search, set_effort = build(work["library"], pictures)
    seconds = time.perf_counter() - started
    for effort in _EFFORTS:
        set_effort(effort)
        found = search(texts, work["k"])
        recall = float(np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)]))
        if recall >= work["least"]:
            break
    told = {
        "version": importlib.metadata.version(work["library"]),
        "seconds": seconds,
        "recall": recall,
        "effort": effort,
    }
    pipe.say(told)
    while asked := pipe.read():
        query = texts[[asked["query"]]]
        started = time.perf_counter()
        search(query, work["k"])
        pipe.say(time.perf_counter() - started)


if __name__ == "__main__":
    main()
