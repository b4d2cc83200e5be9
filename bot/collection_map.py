"""The map of a collection as a PNG: principal components, thumbnails and captions."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import BadPicture, NotFound
from core.ports import Library, PictureDecoder, Snapshot
from core.projection import Plane, principal_plane, spaced

_THUMBNAIL_EDGE = 64
_THUMBNAILS = 150
_THUMBNAIL_DISTANCE = 0.055
_LABELS = 24
_LABEL_DISTANCE = 0.16
_LABEL_CHARACTERS = 28
_INCHES = (14.0, 11.0)


async def draw_map(
    library: Library, decoder: PictureDecoder, *, collection: str | None, community: str
) -> bytes:
    """Draw the collection on a plane; returns a PNG of 1400 x 1100 pixels.

    Raises what ``Library.open`` raises. A picture whose file cannot be read keeps its dot.
    """
    snapshot = await library.open(collection, community)
    plane, shown = await asyncio.to_thread(_lay_out, snapshot)
    thumbnails: dict[int, bytes] = {}

    async def fetch(row: int) -> None:
        try:
            _, file = await library.picture_file(snapshot.pictures[row].id, community)
            thumbnails[row] = await decoder.thumbnail(file, _THUMBNAIL_EDGE)
        except (BadPicture, NotFound):
            pass

    await asyncio.gather(*map(fetch, shown))
    return await asyncio.to_thread(_draw, snapshot, plane, thumbnails)


def _lay_out(snapshot: Snapshot) -> tuple[Plane, list[int]]:
    rows = np.arange(len(snapshot.pictures), dtype=np.int64)
    plane = principal_plane(snapshot.picture_index.reconstruct(rows))
    return plane, spaced(plane.points, _THUMBNAIL_DISTANCE, _THUMBNAILS)


def _draw(snapshot: Snapshot, plane: Plane, thumbnails: Mapping[int, bytes]) -> bytes:
    # Imported here: it takes half a second that only this command should pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage  # noqa: PLC0415

    # A Figure of its own instead of pyplot, which keeps global state and is not for threads.
    figure = Figure(figsize=_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.scatter(plane.points[:, 0], plane.points[:, 1], s=6, c="#f28500", alpha=0.45, linewidths=0)
    for row, jpeg in thumbnails.items():
        with Image.open(io.BytesIO(jpeg)) as image:
            box = OffsetImage(np.asarray(image.convert("RGB")), zoom=0.55)
        place = (float(plane.points[row, 0]), float(plane.points[row, 1]))
        frame = {"edgecolor": "#cccccc", "linewidth": 0.5}
        axes.add_artist(AnnotationBbox(box, place, pad=0.05, bboxprops=frame))
    drawn = sorted(thumbnails)
    for position in spaced(plane.points[drawn], _LABEL_DISTANCE, _LABELS):
        row = drawn[position]
        axes.annotate(
            _label(snapshot, row),
            (float(plane.points[row, 0]), float(plane.points[row, 1])),
            xytext=(0, -22),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
            parse_math=False,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
            zorder=5,
        )
    first, second = plane.explained
    axes.set_xlabel(f"first principal component ({first:.1%} of the variance)")
    axes.set_ylabel(f"second principal component ({second:.1%} of the variance)")
    axes.set_title(f"{snapshot.collection}: {len(snapshot.pictures)} pictures", parse_math=False)
    axes.margins(0.06)
    axes.spines[["top", "right"]].set_visible(False)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _label(snapshot: Snapshot, row: int) -> str:
    picture = snapshot.pictures[row]
    text = picture.caption or Path(picture.path).name
    return text if len(text) <= _LABEL_CHARACTERS else text[: _LABEL_CHARACTERS - 1] + "…"
