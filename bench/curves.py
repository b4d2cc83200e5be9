"""Curves of benchmarks as a picture: both axes by powers of ten, the spread as bars."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_COLOURS = ("#c2410c", "#2563eb", "#94a3b8", "#16a34a")
_MARKS = ("o", "s", "^", "D")
"""With the colours: lines are told apart in grey, too."""

_DPI = 110
_LETTERS = 96


@dataclass(frozen=True, slots=True)
class Curve:
    """What the two axes show."""

    across: str
    up: str


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one size: its median and extremes, and on what machine."""

    size: int
    median: float
    least: float
    most: float
    machine: str
    load: str


def draw(curve: Curve, lines: Mapping[str, Sequence[Point]], file: Path) -> None:
    """Write the curve with a line for each name; points are in the order of their sizes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - half a second
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    looks = zip(_COLOURS, _MARKS, strict=True)
    for (name, points), (colour, mark) in zip(lines.items(), looks, strict=False):
        spread = (
            [point.median - point.least for point in points],
            [point.most - point.median for point in points],
        )
        axes.errorbar(
            [point.size for point in points],
            [point.median for point in points],
            yerr=spread,
            marker=mark,
            color=colour,
            capsize=4,
            label=name,
        )
    axes.set(xscale="log", yscale="log", xlabel=curve.across, ylabel=curve.up)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    axes.set_title("\n".join(_told(lines)), fontsize=7.5, loc="left")
    figure.savefig(file, dpi=_DPI)


def _told(lines: Mapping[str, Sequence[Point]]) -> Sequence[str]:
    """Machines, versions and loads of all points, in lines that fit."""
    points = [point for line in lines.values() for point in line]
    loads = sorted({float(point.load) for point in points})
    machines = " / ".join(dict.fromkeys(point.machine for point in points))
    text = f"{machines}; load {loads[0]} to {loads[-1]}; median of five, least and most as bars"
    return textwrap.wrap(text, _LETTERS)
