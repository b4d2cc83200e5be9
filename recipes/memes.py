"""Made memes: sentences of six languages in many fonts, on noise and colours, saved as JPEG.

    python -m recipes.memes --count 300 [--fonts /usr/share/fonts] [--out FOLDER]

measures how often three words of a picture find it. Fonts are those that come with the program's
own packages; ``--fonts`` takes all of a folder as well.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import io
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

LANGUAGES = {
    "en": (
        ("when the tests", "one does not simply", "nobody told me", "still waiting until"),
        ("kittens", "engineers", "pirates", "neighbours", "robots", "penguins", "teachers"),
        ("deploy on Friday", "forget the password", "dance in the kitchen", "drink cold coffee"),
    ),
    "de": (
        ("wenn plötzlich", "niemand glaubt dass", "gestern haben", "ich wusste nicht dass"),
        ("Katzen", "Nachbarn", "Köche", "Lehrer", "Gärtner", "Roboter", "Flöhe"),
        ("früh aufstehen müssen", "Käse stehlen", "über Brücken laufen", "Türen zählen"),
    ),
    "es": (
        ("cuando todavía", "nadie imagina que", "mañana dicen que", "resulta que"),
        ("gatos", "vecinos", "piratas", "niños", "pingüinos", "abuelos", "ratones"),
        ("bailan en el baño", "pierden la contraseña", "comen piñas", "duermen después"),
    ),
    "pt": (
        ("quando finalmente", "ninguém esperava que", "amanhã talvez", "até parece que"),
        ("gatos", "vizinhos", "irmãos", "cães", "professores", "aviões", "leões"),
        ("tomam café frio", "esquecem a reunião", "dançam na cozinha", "comem pão"),
    ),
    "pl": (
        ("kiedy nagle", "nikt nie wierzy że", "podobno jutro", "zawsze myślałem że"),
        ("koty", "sąsiedzi", "żółwie", "święci", "źrebięta", "łabędzie", "bracia"),
        ("jedzą pączki", "gubią hasło", "śpią w łóżku", "piją zimną kawę"),
    ),
    "ja": (
        ("月曜日の朝に", "誰も知らない", "まさか今夜も", "会議の途中で"),
        ("子猫が", "隣人が", "海賊が", "先生が", "ロボットが", "恐竜が", "忍者が"),
        ("冷たい珈琲を飲む", "電車に乗り遅れる", "洗濯物を忘れる", "宿題を食べる"),
    ),
}  # fmt: skip
"""Openings, who, and what: a meme has one of each."""

_SIZES = ((640, 480), (800, 600), (500, 700), (1080, 1080), (480, 360))
_SOME = 0.3
"""The share that is turned, dark on light, or on one colour."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Meme:
    """A made picture with its lines, and three words of its own to ask for."""

    name: str
    language: str
    lines: tuple[str, str]
    asked: str
    jpeg: bytes


def memes(count: int, *, seed: int = 0, fonts: Sequence[Path] = ()) -> Iterator[Meme]:
    """So many different ones, the languages in turn."""
    chance = random.Random(seed)
    files = (*own_fonts(), *fonts)
    seen: set[tuple[str, str]] = set()
    for number in range(count):
        language = tuple(LANGUAGES)[number % len(LANGUAGES)]
        while True:
            opening, who, what = map(chance.choice, LANGUAGES[language])
            lines = f"{opening} {who}" if language != "ja" else f"{opening}{who}", what
            if lines not in seen:
                break
        seen.add(lines)
        asked = " ".join(_longest(part) for part in (opening, who, what))
        shown = tuple(line.upper() for line in lines) if chance.choice((True, False)) else lines
        image = drawn(
            shown,
            seed=chance.randrange(1 << 30),
            size=chance.choice(_SIZES),
            font=chance.choice(_able(files, language)),
            turned=chance.uniform(-10, 10) if chance.random() < _SOME else 0.0,
        )
        out = io.BytesIO()
        image.save(out, "JPEG", quality=chance.randint(30, 95))
        yield Meme(f"IMG_{number:04}.jpg", language, lines, asked, out.getvalue())


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


def _able(fonts: Sequence[Path], language: str) -> Sequence[Path]:
    letters = frozenset("".join("".join(part) for part in LANGUAGES[language])) - {" "}
    wanted = letters | {letter.upper() for letter in letters if len(letter.upper()) == 1}
    return [font for font in fonts if wanted <= _letters(font)]


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

    ``places`` by language, ``rate`` in pictures a second of one thread.
    """

    places: dict[str, list[int]]
    rate: float

    def recall(self, within: int, language: str = "") -> float:
        """The share of those that are among the first so many."""
        chosen = [self.places[language]] if language else self.places.values()
        return float((np.array([place for each in chosen for place in each]) < within).mean())


async def measured(count: int, out: Path, fonts: Sequence[Path] = ()) -> Measured:
    """Make memes in a folder, index and read them, and ask for each."""
    # Here, so that the generator alone needs none of it.
    from bot.engine.engine import open_engine  # noqa: PLC0415
    from config.settings import load  # noqa: PLC0415
    from core.search.query import SearchQuery  # noqa: PLC0415

    made = list(memes(count, fonts=fonts))
    gallery = out / "gallery"
    gallery.mkdir(parents=True, exist_ok=True)
    for meme in made:
        (gallery / meme.name).write_bytes(meme.jpeg)
    settings = load(
        environ={}, look=False, data_dir=out / "data", gallery=gallery, model="mini",
        encoder={"backend": "torch"}, search={"timeout_s": 600}, pictures={"workers": 1},
        words={"timeout_s": 600},
    )  # fmt: skip
    places: dict[str, list[int]] = {}
    async with open_engine(settings) as engine:
        await engine.reindexer.reindex(engine.collection_name(None))
        assert engine.word_reading is not None
        began = time.perf_counter()
        await engine.word_reading.fill()
        rate = count / (time.perf_counter() - began)
        for meme in made:
            query = SearchQuery(meme.asked)
            result = await engine.search.find(query, community="local", k=_SHOWN)
            names = [hit.picture.path for hit in result.hits]
            place = names.index(meme.name) if meme.name in names else _SHOWN
            places.setdefault(meme.language, []).append(place)
            if place:
                print(meme.name, meme.lines, "place", place, [hit.text for hit in result.hits[:1]])
    return Measured(places, rate)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make them, read them, ask for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".cache/memes"))
    options = parser.parse_args(arguments)
    more = sorted(options.fonts.rglob("*.[to]tf")) if options.fonts else ()
    found = asyncio.run(measured(options.count, options.out, more))
    print(f"{found.rate:.2f} pictures a second, one thread")
    for name in (*found.places, ""):
        first, shown = found.recall(1, name), found.recall(_SHOWN, name)
        print(f"{name or 'all'}: R@1 {first:.3f}, R@{_SHOWN} {shown:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
