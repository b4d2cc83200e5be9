"""``make bench``: ratios measured side by side in one run; see bench/README.md."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterator
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from bench import batching, decoding, encoding, index

_RUNS = 7
_PACKAGES = ("torch", "transformers", "faiss-cpu", "pillow", "numpy")


def main() -> None:
    """Run every comparison and print one table."""
    console = Console(width=170)
    console.print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    )
    table = Table("what", "ours", "compared with", "median", "ratio", "ratios min to max", box=None)
    for what, ours, peer, unit, pairs in _comparisons():
        ratios = [theirs / own for own, theirs in pairs]
        table.add_row(
            what,
            ours,
            peer,
            f"{statistics.median(own for own, _ in pairs) * 1e3:.2f} ms {unit}",
            f"{statistics.median(ratios):.2f}x",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )
    console.print(table)


def _comparisons() -> Iterator[tuple[str, str, str, str, list[tuple[float, float]]]]:
    modules = (batching, decoding, encoding, index)
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
