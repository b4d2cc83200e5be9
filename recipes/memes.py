"""Made memes: sentences of six languages in many fonts, on noise and colours, saved as JPEG.

    python -m recipes.memes [--held-out] [--count 300] [--fonts /usr/share/fonts] [--out FOLDER]

measures how often three words of a picture find it, and how often a paraphrase of its sentence
does. Fonts are those that come with the program's own packages; with ``--fonts`` also one of each
family below a folder, forty in all. The figures of docs/words.md are of those of Debian in
:data:`PACKAGES`. What was read is kept in ``--out``, and not read again there.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import io
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from recipes.meme_sentences import HELD_OUT, TUNED, Said, Sentences

PACKAGES = """
fonts-bebas-neue fonts-cabin fonts-cantarell fonts-comic-neue fonts-crosextra-caladea
fonts-crosextra-carlito fonts-dosis fonts-ebgaramond fonts-firacode fonts-gfs-neohellenic fonts-hack
fonts-inter fonts-ipafont-gothic fonts-jetbrains-mono fonts-lato fonts-liberation2
fonts-linuxlibertine fonts-mononoki fonts-mplus fonts-open-sans fonts-play fonts-quicksand
fonts-roboto-slab fonts-roboto-unhinted fonts-sil-charis fonts-takao-gothic fonts-takao-mincho
fonts-vlgothic fonts-vollkorn fonts-yanone-kaffeesatz
"""
"""Of Debian, whose fonts are taken."""

_FONTS = 40

_SIZES = ((640, 480), (800, 600), (500, 700), (1080, 1080), (480, 360))
_SOME = 0.3
"""The share that is turned, dark on light, or on one colour."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Meme:
    """A made picture with its lines, three words of its own to ask for, and its paraphrase."""

    name: str
    language: str
    lines: tuple[str, str]
    asked: str
    paraphrase: str
    jpeg: bytes


def memes(
    count: int, *, seed: int = 0, fonts: Sequence[Path] = (), sentences: Sentences = TUNED
) -> Iterator[Meme]:
    """So many different ones, the languages in turn."""
    chance = random.Random(seed)
    files = (*own_fonts(), *fonts)
    seen: set[tuple[str, str]] = set()
    for number in range(count):
        language = tuple(sentences)[number % len(sentences)]
        openings, whos, whats = sentences[language]
        while True:
            opening, who, what = (chance.choice(list(part)) for part in (openings, whos, whats))
            lines = f"{opening} {who}" if language != "ja" else f"{opening}{who}", what
            if lines not in seen:
                break
        seen.add(lines)
        asked = " ".join(_longest(part) for part in (opening, who, what))
        others = openings[opening], whos[who], whats[what]
        shown = tuple(line.upper() for line in lines) if chance.choice((True, False)) else lines
        image = drawn(
            shown,
            seed=chance.randrange(1 << 30),
            size=chance.choice(_SIZES),
            font=chance.choice(_able(files, sentences[language])),
            turned=chance.uniform(-10, 10) if chance.random() < _SOME else 0.0,
        )
        out = io.BytesIO()
        image.save(out, "JPEG", quality=chance.randint(30, 95))
        paraphrase = ("" if language == "ja" else " ").join(others)
        name = f"IMG_{number:04}.jpg"
        yield Meme(name, language, lines, asked, paraphrase, out.getvalue())


def drawn(
    lines: Sequence[str],
    *,
    seed: int,
    size: tuple[int, int] = (800, 600),
    font: Path | None = None,
    turned: float = 0.0,
    edge: int = 0,
) -> Image.Image:
    """Lines in one font, outlined or plain, light or dark, over noise or a colour.

    ``turned`` in degrees; ``edge`` scales the picture to so many pixels.
    """
    chance = random.Random(seed)
    width, height = size
    image = _ground(chance, size)
    file = font or own_fonts()[0]
    longest = max(lines, key=lambda line: ImageFont.truetype(file, 40).getlength(line))
    points = 12
    while points < 0.12 * height and _width(file, points + 2, longest) < 0.9 * width:
        points += 2
    face = ImageFont.truetype(file, points)
    layer = Image.new("RGBA", size)
    draw = ImageDraw.Draw(layer)
    dark = chance.random() < _SOME
    fill, stroke = ("black", "white") if dark else ("white", "black")
    step = (height - 2.5 * points) / max(1, len(lines) - 1)
    for number, line in enumerate(lines):
        at = ((width - face.getlength(line)) / 2, 0.6 * points + number * step)
        draw.text(at, line, font=face, fill=fill, stroke_width=max(1, points // 14),
                  stroke_fill=stroke)  # fmt: skip
    layer = layer.rotate(turned, Image.Resampling.BICUBIC)
    image.paste(layer, mask=layer)
    return image.resize((edge, edge * height // width)) if edge else image


def own_fonts() -> Sequence[Path]:
    """Those of the packages that the program needs anyway."""
    folders = [
        Path(spec.submodule_search_locations[0])
        for name in ("matplotlib", "matplotlib_fontja")
        if (spec := importlib.util.find_spec(name)) and spec.submodule_search_locations
    ]
    wanted = ("DejaVu", "STIXGeneral", "ipaexg")
    found = [file for folder in folders for file in sorted(folder.rglob("*.ttf"))]
    chosen = [f for f in found if f.name.startswith(wanted) and "Display" not in f.name]
    return sorted(chosen, key=lambda file: (file.name != "DejaVuSans-Bold.ttf", file.name))


def _width(font: Path, points: int, line: str) -> float:
    return ImageFont.truetype(font, points).getlength(line)


def _able(fonts: Sequence[Path], sentences: Sequence[Said]) -> Sequence[Path]:
    letters = frozenset("".join("".join(part) for part in sentences)) - {" "}
    wanted = letters | {letter.upper() for letter in letters if len(letter.upper()) == 1}
    return [font for font in fonts if wanted <= _letters(font)]


def further_fonts(below: Path) -> Sequence[Path]:
    """One of each folder, bold where there is one; 40 with those of the program."""
    folders: dict[Path, list[Path]] = {}
    for file in sorted(below.rglob("*.[to]tf"), key=lambda each: each.name):
        if not any(slanted in file.stem for slanted in ("Italic", "Oblique", "_K")):
            folders.setdefault(file.parent, []).append(file)
    bold = [max(files, key=lambda f: f.stem.lower().endswith("bold")) for files in folders.values()]
    bold = list({file.stem: file for file in bold}.values())
    able = {
        language: [file for file in bold if _able([file], TUNED[language])]
        for language in ("ja", "pl")
    }
    return list(dict.fromkeys((*able["ja"], *able["pl"])))[: _FONTS - len(own_fonts())]


@lru_cache(maxsize=256)
def _letters(font: Path) -> frozenset[str]:
    with TTFont(font, fontNumber=0, lazy=True) as opened:
        return frozenset(map(chr, opened.getBestCmap() or ()))


def _ground(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    colour = tuple(chance.randrange(256) for _ in range(3))
    if chance.random() < _SOME:
        return Image.new("RGB", size, colour)
    # Clouds of a few colours, as a photograph out of focus, and some grain.
    noise = np.random.default_rng(chance.randrange(1 << 30))
    coarse = Image.fromarray(noise.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    grain = noise.integers(-12, 13, soft.shape)
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))


def _longest(part: str) -> str:
    return max(part.split(), key=len)


@dataclass(frozen=True, slots=True)
class Measured:
    """The place of each meme among the answers to its three words, from 0; and what reading cost.

    ``places`` by language, ``meant`` the same for paraphrases, ``rate`` in pictures a second of one
    thread.
    """

    places: dict[str, list[int]]
    meant: dict[str, list[int]]
    rate: float


def recall(places: Mapping[str, Sequence[int]], within: int, language: str = "") -> float:
    """The share of those that are among the first so many."""
    chosen = [places[language]] if language else places.values()
    return float((np.array([place for each in chosen for place in each]) < within).mean())


async def measured(made: Sequence[Meme], out: Path) -> Measured:
    """Write memes to a folder, index and read them, and ask for each."""
    # Here, so that the generator alone needs none of it.
    from bot.engine.engine import open_engine  # noqa: PLC0415
    from config.settings import load  # noqa: PLC0415
    from core.search.query import SearchQuery  # noqa: PLC0415

    gallery = out / "gallery"
    gallery.mkdir(parents=True, exist_ok=True)
    for meme in made:
        if not (gallery / meme.name).exists():
            (gallery / meme.name).write_bytes(meme.jpeg)
    settings = load(
        environ={}, look=False, data_dir=out / "data", gallery=gallery, model="mini",
        encoder={"backend": "torch"}, search={"timeout_s": 600}, pictures={"workers": 1},
        words={"timeout_s": 600},
    )  # fmt: skip
    found = Measured({}, {}, 0.0)
    async with open_engine(settings) as engine:
        await engine.reindexer.reindex(engine.collection_name(None))
        assert engine.word_reading is not None
        began = time.perf_counter()
        read = await engine.word_reading.fill()
        rate = read / (time.perf_counter() - began)
        for meme in made:
            for asked, places in ((meme.asked, found.places), (meme.paraphrase, found.meant)):
                query = SearchQuery(asked)
                result = await engine.search.find(query, community="local", k=_SHOWN)
                names = [hit.picture.path for hit in result.hits]
                place = names.index(meme.name) if meme.name in names else _SHOWN
                places.setdefault(meme.language, []).append(place)
    return replace(found, rate=rate)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make them, read them, ask for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".cache/memes"))
    parser.add_argument("--held-out", action="store_true", help="those by which nothing was chosen")
    options = parser.parse_args(arguments)
    more = further_fonts(options.fonts) if options.fonts else ()
    seed, sentences = (1, HELD_OUT) if options.held_out else (0, TUNED)
    made = list(memes(options.count, seed=seed, fonts=more, sentences=sentences))
    found = asyncio.run(measured(made, options.out / ("held-out" if seed else "tuned")))
    print(f"{len(own_fonts()) + len(more)} fonts; {found.rate:.2f} pictures read a second")
    print(f"| | three words: R@1 | R@{_SHOWN} | a paraphrase: R@1 | R@{_SHOWN} |")
    print("|---|---|---|---|---|")
    for name in (*found.places, ""):
        shares = [
            recall(places, within, name)
            for places in (found.places, found.meant)
            for within in (1, _SHOWN)
        ]
        print(f"| {name or 'all'} |", *(f"{100 * share:.1f} % |" for share in shares))


if __name__ == "__main__":
    main(sys.argv[1:])
