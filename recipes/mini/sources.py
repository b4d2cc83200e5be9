"""The captioned pictures that the heads of ``mini`` are trained on, all by package.

Each function takes the unpacked root of its package (see ``fetch.py``) and lists pictures
in a stable order. Captions are English; the first one is the most exact.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

STAMPS = "usr/share/tuxpaint/stamps"
CLIP_ART = "usr/share/openclipart/png"
FLASH_CARDS = "usr/share/games/pysiogame/res/images/art4apps"
SPRITES = "usr/share/scratch/Media"

MAX_PIXELS = 20_000_000
"""Larger clip art is skipped by its header: one file would unpack to 231 megapixels."""

_CLIP_ART_SKIPPED = (
    "buttons",
    "computer/buttons",
    "computer/icons",
    "recreation/games/cards",
    "shapes",
    "signs_and_symbols/flags",
    "signs_and_symbols/led",
    "signs_and_symbols/map_symbols",
    "special",
    "unsorted/duplicates",
)
"""Folders whose pictures look alike or mean nothing that a caption could tell."""

_SERIES = 4
"""A title that more pictures than this share is that of a series and describes none of them."""

_EMOJI_SKIPPED_GROUPS = {None, 2, 9}
"""Regional indicators, components (skin tones, hair) and flags."""


@dataclass(frozen=True)
class Captioned:
    """A picture and what it may be called, best caption first."""

    key: str
    path: Path
    captions: tuple[str, ...]


def stamps(root: Path) -> list[Captioned]:
    """Tux Paint's stamps that are bitmaps and have a caption: "A blue groper."."""
    folder = root / STAMPS
    found = []
    for path in sorted(folder.rglob("*.png")):
        caption = stamp_caption(path)
        if caption:
            key = path.relative_to(folder).with_suffix("").as_posix()
            plain = _without_article(caption)
            topic = key.split("/")[-2].replace("_", " ")
            found.append(Captioned(key, path, _unique((caption, plain, f"{plain}, {topic}"))))
    return found


def stamp_caption(path: Path) -> str:
    """The English caption of a stamp: the first line of the text beside it; "" where none is."""
    text = path.with_suffix(".txt")
    if not text.is_file():
        return ""
    return text.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()


def emoji(pictures: Path, data: Path, extension: str) -> list[Captioned]:
    """One style of emoji: label and tags; no flags, components or skin tones.

    Args:
        pictures: the folder of files named by code points.
        data: the unpacked ``emojibase-data``.
        extension: ``.png`` or ``.webp``.

    """
    entries = json.loads((data / "en" / "data.json").read_text(encoding="utf-8"))
    files = {
        _code_points(path.stem): path
        for path in sorted(pictures.iterdir())
        if path.suffix == extension
    }
    found = []
    for entry in entries:
        path = files.get(_code_points(entry["hexcode"]))
        if path is None or entry.get("group") in _EMOJI_SKIPPED_GROUPS:
            continue
        label, tags = entry["label"], entry.get("tags", [])
        captions = (label, ", ".join((label, *tags)), *tags[:3])
        found.append(Captioned(entry["hexcode"], path, _unique(captions)))
    return found


def clip_art(root: Path) -> list[Captioned]:
    """The Open Clip Art Library: title (or file name) and folder."""
    folder = root / CLIP_ART
    opened = list(_clip_art_titles(folder))
    series = Counter(title for _, _, title, _ in opened)
    found = []
    for key, path, title, author in opened:
        if any(key.startswith(f"{skipped}/") for skipped in _CLIP_ART_SKIPPED):
            continue
        name = title if 0 < series[title] <= _SERIES and title else _clip_art_name(path, author)
        name = _words(name)
        if not re.search(r"[a-z]{3}", name):
            continue
        topics = [part for part in key.split("/")[:-1] if part != "unsorted"]
        topic = topics[-1].replace("_", " ") if topics else ""
        found.append(Captioned(key, path, _unique((name, f"{name}, {topic}" if topic else name))))
    return found


def flash_cards(root: Path) -> list[Captioned]:
    """The picture dictionary of pySioGame: one word a picture, by topic."""
    folder = root / FLASH_CARDS
    found = []
    for path in sorted(folder.rglob("*.jpg")):
        word, topic = _words(path.stem), _words(path.parent.name).replace(" n ", " and ")
        key = path.relative_to(folder).as_posix()
        found.append(Captioned(key, path, _unique((word, f"{word}, {topic}"))))
    return found


def sprites(root: Path) -> list[Captioned]:
    """Scratch's costumes and backgrounds (photographs among them), by file name."""
    folder = root / SPRITES
    found = []
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if path.suffix not in {".png", ".gif", ".jpg"} or "/Letters/" in key:
            continue
        word = _words(re.sub(r"-[a-z]$", "", path.stem))
        if re.search(r"[a-z]{3}", word):
            topic = path.parent.name.lower()
            found.append(Captioned(key, path, _unique((word, f"{word}, {topic}"))))
    return found


def _clip_art_titles(folder: Path) -> Iterator[tuple[str, Path, str, str]]:
    """Key, path, title and author of every readable picture of bounded size."""
    for path in sorted(folder.rglob("*.png")):
        try:
            # A small budget: the header alone is read, and a bomb is told by it.
            with Image.open(path, formats=["PNG"]) as image:
                if image.width * image.height > MAX_PIXELS:
                    continue
                title, author = (str(image.info.get(field, "")) for field in ("Title", "Author"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        yield path.relative_to(folder).as_posix(), path, title.strip(), author.strip()


def _clip_art_name(path: Path, author: str) -> str:
    """The file name without the (often cut off) name of the author at its end."""
    parts = re.split(r"[_\s]+", path.stem)
    authors = _words(author)
    while len(parts) > 1 and (parts[-1].isdigit() or _begins_word(authors, parts[-1].lower())):
        parts.pop()
    return " ".join(parts)


def _begins_word(words: str, beginning: str) -> bool:
    return any(word.startswith(beginning) for word in words.split())


def _words(name: str) -> str:
    """A file name or title as words: camel case split, digits and signs dropped, lower case."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[^\W\d_]+", spaced)).lower()


def _without_article(caption: str) -> str:
    """The first sentence without its article and stop: "red apple" for "A red apple."."""
    first = re.split(r"[.!?](?:\s|$)", caption)[0]
    return re.sub(r"^(?:an?|the)\s+", "", first, flags=re.IGNORECASE).strip() or caption


def _code_points(hexcode: str) -> str:
    """Code points without the variation selector that some packages write and some do not."""
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def _unique(captions: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(caption.strip() for caption in captions if caption.strip()))
