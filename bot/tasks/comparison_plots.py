"""Pictures beside the table of ``tangerine compare``: histograms and similarity matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.domain.errors import SourceError
from core.training.evaluation import PairVectors

HISTOGRAMS = "similarity-histograms.png"
MATRICES = "similarity-matrices.png"

_BINS = 80
_CAPTIONS = 20
_LETTERS = 24
_PANEL_INCHES = 4.2
_DPI = 100
_MATCHING, _OTHERS = "#c2410c", "#94a3b8"
"""Told apart in grey and by people who do not see red too."""


def draw_comparison(models: Sequence[tuple[str, PairVectors]], folder: Path) -> list[Path]:
    """Write both pictures, one panel a model, into the folder; returns their paths. Blocking.

    All panels share their cosines and colours, so that models are compared by eye; heights do
    not, since one model that collapses would flatten all others. Raises
    SourceError where the folder cannot be written.
    """
    drawn = {HISTOGRAMS: _histograms(models), MATRICES: _matrices(models)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            figure.savefig(folder / name, dpi=_DPI)
    except OSError as error:
        raise SourceError(
            f"Plots cannot be written to {folder}: {error.strerror or error}.",
            remedy="Name a folder that can be written.",
        ) from error
    return [folder / name for name in drawn]


def _histograms(models: Sequence[tuple[str, PairVectors]]) -> Any:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415 - half a second

    edges = np.linspace(-1.0, 1.0, _BINS + 1)
    counted = [vectors.histograms(edges) for _, vectors in models]
    seen = np.flatnonzero(np.sum([one + other for one, other in counted], axis=0))
    figure, panels = _panels(len(models), _PANEL_INCHES * 0.8)
    for panel, (name, vectors), (matching, others) in zip(panels, models, counted, strict=True):
        for counts, colour, label in (
            (others, _OTHERS, "other captions"),
            (matching, _MATCHING, "own caption"),
        ):
            shares = counts / max(1, counts.sum())
            panel.stairs(shares, edges, fill=True, alpha=0.65, color=colour, label=label)
        found = vectors.evaluation()
        panel.set_title(f"{name}\ngap {found.gap:.3f}", fontsize=10, parse_math=False)
        panel.set_xlabel("cosine of picture and caption")
        panel.set_xlim(edges[seen[0]], edges[seen[-1] + 1])
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panels[0].set_ylabel("share of pairs")
    panels[0].legend(frameon=False)
    return figure


def _matrices(models: Sequence[tuple[str, PairVectors]]) -> Any:
    figure, panels = _panels(len(models), _PANEL_INCHES * 1.15)
    found = [vectors.matrix(_CAPTIONS) for _, vectors in models]
    low = min(float(cosines.min()) for cosines, _ in found)
    high = max(float(cosines.max()) for cosines, _ in found)
    image: Any = None
    for panel, (name, _), (cosines, captions) in zip(panels, models, found, strict=True):
        image = panel.imshow(cosines, vmin=low, vmax=high, cmap="viridis")
        panel.set_title(name, fontsize=10, parse_math=False)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_xlabel("captions, in the same order")
        if panel is panels[0]:
            shown = [_short(caption) for caption in captions]
            panel.set_yticks(range(len(shown)), shown, fontsize=6, parse_math=False)
            panel.set_ylabel("pictures")
    figure.colorbar(image, ax=list(panels), label="cosine", shrink=0.8)
    return figure


def _panels(count: int, height: float) -> tuple[Any, Sequence[Any]]:
    # Imported here: it takes half a second that only this command should pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(_PANEL_INCHES * count + 1, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(panels)


def _short(caption: str) -> str:
    return caption if len(caption) <= _LETTERS else f"{caption[: _LETTERS - 1]}…"
