"""A gallery for the first run: pictures with captions that Linux distributions carry."""

from __future__ import annotations

import csv
import importlib.resources
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw

from core.domain.errors import SourceError
from index.catalogue.file_types import PICTURE_SUFFIXES
from index.demo.packages import fetch_debian, fetch_npm
from index.indexing.caption_texts import tidy

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


STAMPS = "tuxpaint-stamps-default"
"""The Debian package with Tux Paint's stamps: about 700 drawn and photographed things."""

EMOJI = ("@lobehub/fluent-emoji-3d", "1.1.0")
"""The npm package with Microsoft's Fluent emoji, named by their code points."""

EMOJI_LABELS = ("emojibase-data", "17.0.0")
"""The npm package with the labels and tags of all emoji."""

READY = ".complete"
"""The file that says that a demo gallery is whole."""


def demo_gallery(cache: Path, on_step: Callable[[str], None]) -> Path:
    """A folder of captioned pictures, fetched once and kept under ``cache``. Blocking.

    Tux Paint's stamps from Debian, or where that is not to be had the emoji from npm, or where
    neither is our own drawings. ``on_step`` is told what happens, in words for the user. Raises
    SourceError, which says how to use a folder of one's own.
    """
    galleries = (("stamps", _stamps), ("emoji", _emoji), ("drawings", _drawings))
    for name, _ in galleries:
        # Also where a better one might be fetched by now: trying takes its time.
        if (cache / name / READY).exists():
            return cache / name
    reasons: list[str] = []
    for name, fill in galleries:
        gallery = cache / name
        try:
            _once(gallery, partial(fill, cache, on_step))
        except SourceError as error:
            reasons.append(error.message)
            on_step(error.message)
        except OSError as error:
            reasons.append(f"The demo gallery cannot be written ({error.strerror}).")
        else:
            return gallery
    raise SourceError(
        f"No demo gallery could be fetched. {' '.join(reasons)}",
        remedy="Use a folder of your own: make run GALLERY=~/Pictures (or TANGERINE_GALLERY).",
    )


def _once(gallery: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside its place and put it there whole."""
    gallery.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{gallery.name}.", dir=gallery.parent))
    try:
        # mkdtemp keeps others out; the gallery is as readable as anything that is made here.
        beside.chmod(0o755)
        fill(beside)
        (beside / READY).touch()
        if gallery.exists() and not (gallery / READY).exists():
            shutil.rmtree(gallery)
        try:
            beside.rename(gallery)
        except OSError:
            if not (gallery / READY).exists():
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _stamps(cache: Path, on_step: Callable[[str], None], target: Path) -> None:
    on_step(f"Fetching Tux Paint's stamps (Debian package {STAMPS}) ...")
    stamps = fetch_debian(STAMPS, cache) / "usr" / "share" / "tuxpaint" / "stamps"
    count = sum(_copy(stamps, target, picture) for picture in _stamp_pictures(stamps))
    if not count:
        raise SourceError(f"The package {STAMPS} holds no stamps.")
    on_step(f"{count} captioned stamps are ready.")


def _stamp_pictures(stamps: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(stamps):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            # Mirrored twins are the same thing seen from the other side.
            mirrored = path.stem.endswith(("_mirror", "_flip"))
            if path.suffix.lower() in PICTURE_SUFFIXES and not mirrored:
                yield path


def _copy(stamps: Path, target: Path, picture: Path) -> bool:
    text = picture.with_suffix(".txt")
    if not text.is_file():
        return False
    for source in (picture, text):
        destination = target / source.relative_to(stamps)
        destination.parent.mkdir(parents=True, exist_ok=True)
        _link(source, destination)
    return True


def _link(source: Path, destination: Path) -> None:
    """A hard link where the file system has them: no second copy of 100 MB."""
    try:
        os.link(source, destination, follow_symlinks=True)
    except OSError:
        shutil.copyfile(source, destination)


def _emoji(cache: Path, on_step: Callable[[str], None], target: Path) -> None:
    on_step(f"Fetching emoji pictures (npm package {EMOJI[0]}) ...")
    pictures = fetch_npm(*EMOJI, cache)
    labels = _labels(fetch_npm(*EMOJI_LABELS, cache) / "en" / "data.json")
    count = 0
    with (target / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "description"))
        for picture in sorted(pictures.rglob("*")):
            label = labels.get(_code(picture.stem))
            if label is None or picture.suffix.lower() not in PICTURE_SUFFIXES:
                continue
            _link(picture, target / picture.name)
            rows.writerow((picture.name, label))
            count += 1
    if not count:
        raise SourceError(f"The package {EMOJI[0]} holds no pictures with labels.")
    on_step(f"{count} captioned emoji are ready.")


def _drawings(cache: Path, on_step: Callable[[str], None], target: Path) -> None:
    del cache
    count = draw_all(target)
    on_step(f"{count} captioned drawings that come with Tangerine are ready.")


def _labels(path: Path) -> Mapping[str, str]:
    try:
        entries = json.loads(path.read_bytes())
        return {_code(entry["hexcode"]): tidy(entry["label"]) for entry in entries}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SourceError(f"The labels in {EMOJI_LABELS[0]} cannot be read.") from error


def _code(name: str) -> str:
    """Code points without the variation selector, which one package states and one omits."""
    parts = name.lower().replace("_", "-").split("-")
    return "-".join(part for part in parts if part != "fe0f")
