"""How long a map takes: ``python -m bench.map [PICTURES] [DIMENSIONS]``.

Random vectors in twelve loose clouds, each with a caption, and one thumbnail for all: what is
measured is projection, groups, layout and drawing, not the reading of picture files.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image

from bot.rendering.map_painter import MapDrawing, MapPainter
from core.domain.types import Vectors
from core.search.clusters import MAX_GROUPS, group
from core.search.projection import principal_plane

_ROWS = 16_384


def main() -> None:
    """Print the seconds of each step and of all."""
    count, dimensions = (int(v) for v in (*sys.argv[1:], *("50000", "512")[len(sys.argv) - 1 :]))
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(MAX_GROUPS, dimensions)).astype(np.float32)
    vectors = centres[rng.integers(MAX_GROUPS, size=count)]
    vectors += 2.5 * rng.standard_normal((count, dimensions), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    captions = [(f"a picture of thing number {row}", row) for row in range(count)]
    thumbnail = io.BytesIO()
    Image.new("RGB", (320, 240), (20, 90, 200)).save(thumbnail, "JPEG")

    def chunks() -> Iterator[Vectors]:
        return (vectors[start : start + _ROWS] for start in range(0, count, _ROWS))

    times = [time.perf_counter()]
    plane = principal_plane(chunks)
    times.append(time.perf_counter())
    unnamed = group(chunks, captions, MAX_GROUPS)
    groups = unnamed.named([rng.standard_normal(dimensions, np.float32) for _ in unnamed.words])
    times.append(time.perf_counter())
    painter = MapPainter()
    drawing = MapDrawing(
        plane.points,
        lambda row: captions[row][0],
        title=f"{count} pictures",
        foot="",
        groups=groups.of,
        legend=groups.names,
    )
    layout = painter.plan(drawing)
    times.append(time.perf_counter())
    painter.draw(drawing, layout, dict.fromkeys(layout.thumbnails, thumbnail.getvalue()))
    times.append(time.perf_counter())
    load = os.getloadavg()[0]
    print(f"{count} pictures of {dimensions} dimensions, load {load:.1f}")
    for name, seconds in zip(("plane", "groups", "layout", "drawing"), np.diff(times), strict=True):
        print(f"{name:8} {seconds:6.2f} s")
    print(f"{'all':8} {times[-1] - times[0]:6.2f} s")


if __name__ == "__main__":
    main()
