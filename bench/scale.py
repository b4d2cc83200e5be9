"""Curves over size: ``python -m bench.scale [vectors callers pictures ...] [--most N]``.

    vectors    one query over 1,000 to 1,000,000 of them: our index, and FAISS's exact one
    callers    1 to 256 who ask one text after the other: texts a second, ours and infinity-emb
    pictures   100 to 10,000 in a folder: the first reindex, one after a change, one after none,
               with an encoder and a decoder that cost nothing
    changes    1,000 to 100,000 in a folder: a reindex of ten that somebody named, of ten that
               have to be found, and of none
    named      2 to 1,000 changes among 100,000 that somebody named

Every point is the median of five, with the smallest and the largest; ours and others take turns.
Points are kept in ``.cache/bench/scale.json``, so that a curve may be measured in several goes
(``--most`` leaves out larger sizes), and drawn into ``docs/images`` from there, with machine,
versions and load.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.curves import Curve, Point, draw
from bench.machine import KEPT, described, load
from core.domain.types import Vectors

if TYPE_CHECKING:
    from tests.galleries import Gallery

_ROOT = Path(__file__).parents[1]
_POINTS = KEPT / "scale.json"
_RUNS = 5
_QUERIES = 64
_TEXTS_A_CALLER = 4
_FEWEST_TEXTS = 32
"""Of a run: four of one caller are over in a fifth of a second, and say little."""
_CHANGED = 10
_AMONG = 100_000

Found = Iterator[tuple[str, int, list[float]]]
"""The name of a line, a size, and what was measured there."""


def vectors(most: int) -> Found:
    """Milliseconds of one query."""
    from bench.index import searched  # noqa: PLC0415 - FAISS

    for size in (s for s in (1_000, 10_000, 100_000, 1_000_000) if s <= most):
        ours, flat, texts = searched(size)
        # Other queries each time: one asked again is cached.
        queries = itertools.cycle(texts[:, None])
        yield from _in_turns(
            size,
            {
                "ours": partial(_a_query, ours.search, queries),
                "FAISS Flat": partial(_a_query, flat.search, queries),
            },
        )


def _a_query(search: Callable[..., object], queries: Iterator[Vectors], _: int) -> float:
    started = time.perf_counter()
    for query in itertools.islice(queries, _QUERIES):
        search(query, 10)
    return 1e3 * (time.perf_counter() - started) / _QUERIES


def callers(most: int) -> Found:
    """Texts a second."""
    import torch  # noqa: PLC0415 - a slow import

    from bench.closed_loop import ask_all, questions  # noqa: PLC0415 - see above
    from bench.encoding import clip, encoder_of, on_openvino  # noqa: PLC0415
    from bench.peer_process import Peer, installed  # noqa: PLC0415
    from core.encoder.embedder import BatchedEmbedder  # noqa: PLC0415

    async def ours(encoder: Any, people: int, seed: int) -> float:
        texts = questions(_texts_of(people), seed)
        async with BatchedEmbedder(
            encoder, packs_texts=encoder.packs_texts, cached_texts=0, max_queue=1024
        ) as embedder:
            return len(texts) / (await ask_all(embedder.embed_text, texts, people))[0]

    def theirs(peer: Peer, people: int, seed: int) -> float:
        count = _texts_of(people)
        return count / float(peer.ask(callers=people, count=count, seed=seed)[0])

    sides: dict[str, Callable[[int, int], float]] = {}
    for way in (("torch", "float32"), *on_openvino("bfloat16")):
        encoder = encoder_of(clip(), way, torch.get_num_threads())
        work = partial(ours, encoder)
        sides[f"ours, {' '.join(way)}"] = lambda *asked, work=work: asyncio.run(work(*asked))
    with ExitStack() as stack:
        if installed("infinity"):
            peer = stack.enter_context(Peer("infinity", "infinity"))
            peer.ask(model=str(clip()))
            sides["infinity-emb, torch float32"] = partial(theirs, peer)
        for people in (size for size in (1, 8, 64, 256) if size <= most):
            for side in sides.values():
                side(people, _RUNS)  # a warm-up
            yield from _in_turns(people, {k: partial(side, people) for k, side in sides.items()})


def _texts_of(people: int) -> int:
    return max(_FEWEST_TEXTS, _TEXTS_A_CALLER * people)


def _in_turns(size: int, sides: Mapping[str, Callable[[int], float]]) -> Found:
    """The figures of all sides, one of each after the other: what else runs meets them alike.

    A side is given the number of its turn.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn, (name, side) in itertools.product(range(_RUNS), sides.items()):
        found[name].append(side(turn))
    for name, figures in found.items():
        yield name, size, figures


def pictures(most: int) -> Found:
    """Seconds of a reindex."""
    from tests.galleries import Gallery  # noqa: PLC0415 - brings the program in

    for size in (s for s in (100, 1_000, 10_000) if s <= most):
        times: dict[str, list[float]] = {"first": [], "one changed": [], "nothing changed": []}
        for _ in range(_RUNS):
            with tempfile.TemporaryDirectory() as folder:
                gallery = Gallery(Path(folder))
                for number in range(size):
                    gallery.add(f"{number}.jpg", seed=number)
                for name, seconds in times.items():
                    if name == "one changed":
                        gallery.add("0.jpg", seed=size)
                    seconds.append(_seconds(partial(_reindex, gallery)))
                gallery.catalogue.close()
        for name, found in times.items():
            yield name, size, found


def changes(most: int) -> Found:
    """Seconds of a reindex of ten changes, by how many pictures there are."""
    from bench.reindexing import Reindexed  # noqa: PLC0415 - brings the program in

    for size in (s for s in (1_000, 10_000, 100_000) if s <= most):
        with tempfile.TemporaryDirectory() as folder:
            collection = Reindexed(Path(folder) / "made", size)
            collection.reindex()
            for name, changed, told in (
                ("ten changed, named", _CHANGED, True),
                ("ten changed, looked for", _CHANGED, False),
                ("nothing changed, looked for", 0, False),
            ):
                found = []
                for _ in range(_RUNS):
                    paths = collection.change(changed)
                    work = partial(collection.reindex, paths if told else None)
                    found.append(_seconds(work))
                yield name, size, found
            collection.catalogue.close()


def named(most: int) -> Found:
    """Seconds of a reindex of named changes, by how many they are."""
    from bench.reindexing import Reindexed  # noqa: PLC0415 - brings the program in

    with tempfile.TemporaryDirectory() as folder:
        collection = Reindexed(Path(folder) / "made", _AMONG)
        collection.reindex()
        for size in (s for s in (2, 10, 100, 1_000) if s <= most):
            found = []
            for _ in range(_RUNS):
                paths = collection.change(size)
                found.append(_seconds(partial(collection.reindex, paths)))
            yield f"among {_AMONG:,} pictures", size, found
        collection.catalogue.close()


def _reindex(gallery: Gallery) -> None:
    asyncio.run(gallery.reindex())


_CURVES = {
    "vectors": (vectors, Curve("vectors of 512 numbers", "ms for one query")),
    "callers": (callers, Curve("callers at once", "texts a second")),
    "pictures": (pictures, Curve("pictures in the folder", "s for a reindex")),
    "changes": (changes, Curve("pictures in the folder", "s for a reindex")),
    "named": (named, Curve("changes", "s for a reindex")),
}


def main() -> None:
    """Measure what is named, all by default; draw what is kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("curves", nargs="*", help=f"all by default: {', '.join(_CURVES)}")
    parser.add_argument("--most", type=int, default=10**9, help="leave out larger sizes")
    arguments = parser.parse_args()
    if unknown := set(arguments.curves) - set(_CURVES):
        parser.error(f"no such curves: {', '.join(sorted(unknown))}")
    kept = json.loads(_POINTS.read_text(encoding="utf-8")) if _POINTS.exists() else {}
    for curve in arguments.curves or _CURVES:
        for name, size, found in _CURVES[curve][0](arguments.most):
            point = {
                "median": statistics.median(found),
                "least": min(found),
                "most": max(found),
                "machine": described(),
                "load": load(),
            }
            kept.setdefault(curve, {}).setdefault(name, {})[str(size)] = point
            print(f"{curve}: {name}, {size:,}: {point['median']:.3g}", flush=True)
            _POINTS.parent.mkdir(parents=True, exist_ok=True)
            _POINTS.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    for curve, lines in kept.items():
        drawn = {
            name: [Point(int(size), **points[size]) for size in sorted(points, key=int)]
            for name, points in lines.items()
        }
        file = _ROOT / "docs" / "images" / f"scale-{curve}.png"
        draw(_CURVES[curve][1], drawn, file)
        print(file)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
