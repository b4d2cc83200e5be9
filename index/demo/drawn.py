"""The drawings of ``drawings.txt`` as pictures: a demo gallery that needs no network."""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

_EDGE = 448
"""Pixels of width and height: twice the edge that models commonly look at."""

_SMOOTH = 4
"""Drawn so many times as large and scaled down, as Pillow draws edges without smoothing."""


@dataclass(frozen=True, slots=True)
class DemoDrawing:
    """One drawing: ``shapes`` are lines of ``drawings.txt``, in the order they are drawn."""

    name: str
    caption: str
    background: str
    shapes: list[list[str]] = field(default_factory=list)


def drawings() -> list[DemoDrawing]:
    """All of them. Blocking."""
    return list(_read(importlib.resources.files("index.demo").joinpath("drawings.txt").read_text()))


def draw_all(target: Path) -> int:
    """Fill a folder with the pictures and their ``captions.csv``; how many. Raises OSError."""
    found = drawings()
    with (target / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "description"))
        for drawing in found:
            image = f"{drawing.name}.png"
            draw(drawing).save(target / image)
            rows.writerow((image, drawing.caption))
    return len(found)


def draw(drawing: DemoDrawing) -> Image.Image:
    """A drawing as an RGB picture of 448 x 448 pixels. Raises ValueError for an unknown shape."""
    scale = _EDGE * _SMOOTH / 100
    picture = Image.new("RGB", (_EDGE * _SMOOTH, _EDGE * _SMOOTH), drawing.background)
    canvas = ImageDraw.Draw(picture)
    for kind, *words in drawing.shapes:
        _shape(canvas, scale, kind, words)
    return picture.resize((_EDGE, _EDGE), Image.Resampling.LANCZOS)


def _read(text: str) -> Iterator[DemoDrawing]:
    drawing: DemoDrawing | None = None
    for line in text.splitlines():
        if line.startswith("= "):
            if drawing is not None:
                yield drawing
            name, caption, background = (part.strip() for part in line[2:].split("|"))
            drawing = DemoDrawing(name, caption, background)
        elif drawing is not None and line.strip():
            drawing.shapes.append(line.split())
    if drawing is not None:
        yield drawing


def _shape(canvas: ImageDraw.ImageDraw, scale: float, kind: str, words: list[str]) -> None:
    match kind, words:
        case "o", [*numbers, colour]:
            canvas.ellipse(_box(numbers, scale), fill=colour)
        case "r", [*corners, radius, colour]:
            box = tuple(scale * float(each) for each in corners)
            canvas.rounded_rectangle(box, scale * float(radius), fill=colour)
        case "p", [colour, *points]:
            canvas.polygon(_points(points, scale), fill=colour)
        case "l", [colour, width, *points]:
            thick, ends = scale * float(width), _points(points, scale)
            canvas.line(ends, fill=colour, width=round(thick), joint="curve")
            for x, y in ends:
                half = thick / 2
                canvas.ellipse((x - half, y - half, x + half, y + half), fill=colour)
        case "s", [*numbers, start, end, colour]:
            canvas.pieslice(_box(numbers, scale), float(start), float(end), fill=colour)
        case "a", [colour, width, *numbers, start, end]:
            thick = round(scale * float(width))
            canvas.arc(_box(numbers, scale), float(start), float(end), fill=colour, width=thick)
        case _:
            raise ValueError(f"no such shape: {kind}")


def _box(numbers: list[str], scale: float) -> tuple[float, float, float, float]:
    x, y, across, down = (scale * float(each) for each in numbers)
    return x - across, y - down, x + across, y + down


def _points(points: list[str], scale: float) -> list[tuple[float, float]]:
    pairs = (point.split(",") for point in points)
    return [(scale * float(x), scale * float(y)) for x, y in pairs]
