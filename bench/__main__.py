"""``make bench``: ratios measured side by side in one run; see bench/README.md.

``python -m bench index callers --threads 1 2`` runs some of the modules, on one thread and on
two.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from bench.comparison import Comparison, Timed
from bench.machine import described, load

_MODULES = (
    "batching",
    "callers",
    "decoding",
    "encoding",
    "folder",
    "http",
    "index",
    "peers",
    "queues",
    "remote",
)
_ALL = (*_MODULES, "cli", "cluster", "million", "start")
_RUNS = 7
_COLUMNS = ("what", "ours", "compared with", "median", "ratio", "ratios min to max")

Row = tuple[str, ...]


def main() -> int:
    """Run every comparison, or those of the modules that are named, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"by default: {_MODULES}; all: {_ALL}")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--runs", type=int, default=_RUNS)
    parser.add_argument("--only", default="", help="only lines with this (a regular expression)")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(_ALL):
        parser.error(f"no such modules: {', '.join(sorted(unknown))}")
    if len(arguments.threads) > 1:
        return _one_by_one(arguments)
    threads = str(arguments.threads[0])
    # Read by OpenMP and BLAS when they are loaded, so before any of the modules is.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = threads
    console = Console(width=170, soft_wrap=True)
    console.print(
        f"{described()}, threads: {threads}, runs: {arguments.runs}, load before: {load()}"
    )
    table = Table(*_COLUMNS, box=None)
    for comparison in _chosen(arguments.modules or _MODULES, arguments.only):
        for row in _rows(comparison, arguments.runs):
            # At once, too: a run takes minutes, and may be stopped.
            console.print(" | ".join(row))
            table.add_row(*row)
    console.print(table)
    console.print(f"load after: {load()}")
    return 0


def _one_by_one(arguments: argparse.Namespace) -> int:
    """Each number of threads in a process of its own: libraries read it once."""
    common = [*arguments.modules, "--runs", str(arguments.runs), "--only", arguments.only]
    return max(
        subprocess.call([sys.executable, "-m", "bench", *common, "--threads", str(threads)])
        for threads in arguments.threads
    )


def _chosen(names: Sequence[str], only: str) -> Iterator[Comparison]:
    for module in [importlib.import_module(f"bench.{name}") for name in names]:
        yield from (line for line in module.COMPARISONS if re.search(only, line.title))


def _rows(comparison: Comparison, runs: int) -> Iterator[Row]:
    """A line for the time of the work, and one for each further figure."""
    with comparison.prepare() as (own, theirs):
        own(), theirs()  # a warm-up of each
        pairs = [(_figures(own), _figures(theirs)) for _ in range(runs)]
    for place, name in enumerate(("", *comparison.further)):
        ours = [one[place] for one, _ in pairs]
        ratios = [other[place] / one[place] for one, other in pairs]
        yield (
            f"{comparison.what}, {name}" if name else comparison.what,
            comparison.ours,
            comparison.peer,
            f"{statistics.median(ours) * 1e3:.2f} ms {name or comparison.unit}",
            f"{statistics.median(ratios):.2f}x",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )


def _figures(side: Timed) -> Sequence[float]:
    found = side()
    return found if isinstance(found, tuple) else (found,)


if __name__ == "__main__":
    sys.exit(main())
