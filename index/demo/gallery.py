"""A gallery for the first run: pictures with captions that Linux distributions carry."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from core.domain.errors import SourceError
from index.catalogue.file_names import PICTURE_SUFFIXES
from index.demo.drawn import draw_all
from index.demo.packages import fetch_debian, fetch_npm
from index.indexing.caption_texts import tidy

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
