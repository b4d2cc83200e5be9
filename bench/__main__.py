"""``make bench``: ratios measured side by side in one run; see bench/README.md.

``python -m bench index callers --threads 2`` runs some of the modules, on so many threads.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

_MODULES = ("batching", "callers", "decoding", "encoding", "index", "peers")
_ALL = (*_MODULES, "million")
_RUNS = 7
_PACKAGES = ("torch", "transformers", "faiss-cpu", "pillow", "numpy")


def main() -> None:
    """Run every comparison, or those of the modules that are named, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"all but the last by default: {_ALL}")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(_ALL):
        parser.error(f"no such modules: {', '.join(sorted(unknown))}")
    # Read by OpenMP and BLAS when they are loaded, so before any of the modules is.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(arguments.threads)
    console = Console(width=170)
    console.print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        + f", threads: {arguments.threads}, load before: {os.getloadavg()[0]:.1f}"
    )
    table = Table("what", "ours", "compared with", "median", "ratio", "ratios min to max", box=None)
    for what, ours, peer, unit, pairs in _comparisons(arguments.modules or _MODULES):
        ratios = [theirs / own for own, theirs in pairs]
        row = (
            what,
            ours,
            peer,
            f"{statistics.median(own for own, _ in pairs) * 1e3:.2f} ms {unit}",
            f"{statistics.median(ratios):.2f}x",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )
        # At once, too: a run takes minutes, and may be stopped.
        console.print(" | ".join(row))
        table.add_row(*row)
    console.print(table)
    console.print(f"load after: {os.getloadavg()[0]:.1f}")


def _comparisons(
    names: Sequence[str],
) -> Iterator[tuple[str, str, str, str, list[tuple[float, float]]]]:
    modules = [importlib.import_module(f"bench.{name}") for name in names]
    for comparison in (line for module in modules for line in module.COMPARISONS):
        with comparison.prepare() as (own, theirs):
            own(), theirs()  # a warm-up of each
            yield (
                comparison.what,
                comparison.ours,
                comparison.peer,
                comparison.unit,
                [_pair(own, theirs) for _ in range(_RUNS)],
            )


def _pair(own: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    return own(), theirs()


if __name__ == "__main__":
    main()
