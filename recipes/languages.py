"""One command that measures what answers say to questions in each language.

    python -m recipes.languages --cache .cache

asks with the captions of the stamps that no training saw, and with texts about nothing, over small
folders of those stamps without captions, and over all stamps under their English captions. Writes
``docs/languages.md``. The texts about nothing are names of weekdays and languages (CLDR), and what
the bot says of itself.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from babel import Locale
from babel.messages.pofile import read_po
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import PixelBatch, Vectors
from core.encoder.load import load_encoder
from core.encoder.mini.assemble import mini_folder
from core.encoder.mini.split import is_held_out
from core.images.resize import fit_pixels
from core.search.references import REFERENCES
from core.training.feature_cache import FeatureCache
from index.demo.packages import fetch_debian
from recipes.bare_photographs import Count, Folder
from recipes.documents import DOCS, put, table
from recipes.kept_pictures import KeptPictures
from recipes.mini.languages import LANGUAGES, stamp_translations
from recipes.mini.sources import STAMPS, stamp_caption

LOCALES = Path(__file__).parents[1] / "bot" / "i18n" / "locales"

ENGLISH = "en"

FOLDERS = ((14, 8), (50, 3))
"""Held-out stamps of a folder without captions, and how many such folders are drawn."""

TONGUES = ("sw", "cy", "eu", "is", "ga", "mt", "zu", "yo", "ka", "hy", "mn", "km")
"""Languages whose names are asked for, which no picture shows."""

_SENTENCES = 20
_ABOUT_PICTURES = re.compile(
    r"[{}\n/%]|pictur|photo|image|caption|map|label|chat|video|file|colour|folder|draw",
    re.IGNORECASE,
)
_LENGTH = range(15, 61)


def about_nothing(language: str) -> list[str]:
    """Texts in a language that no picture shows; of Thai, which the bot does not speak, fewer."""
    locale = Locale.parse({"zh": "zh_Hans"}.get(language, language))
    named = [*locale.days["format"]["wide"].values(), *map(locale.languages.get, TONGUES)]
    return [text for text in named if text] + _sentences(language)


def _sentences(language: str) -> list[str]:
    template = LOCALES / "tangerine.pot"
    with template.open("rb") as file:
        asked = [
            str(message.id)
            for message in read_po(file)
            if isinstance(message.id, str)
            and len(message.id) in _LENGTH
            and not _ABOUT_PICTURES.search(message.id)
        ]
    asked = asked[:: max(1, len(asked) // _SENTENCES)][:_SENTENCES]
    if language == ENGLISH:
        return asked
    if not (LOCALES / f"{language}.po").exists():
        return []
    with (LOCALES / f"{language}.po").open("rb") as file:
        told = read_po(file)
    return [str(message.string) for text in asked if (message := told.get(text))]


class Stamps:
    """All stamps as ``mini`` sees them, and their captions in every language."""

    def __init__(self, cache: Path) -> None:
        model = mini_folder(cache / "models")
        self._encoder = load_encoder(str(model), name="mini", device="cpu", threads=1)
        root = fetch_debian("tuxpaint-stamps-default", cache)
        folder = root / STAMPS
        files = [path for path in sorted(folder.rglob("*.png")) if stamp_caption(path)]
        keys = [path.relative_to(folder).as_posix() for path in files]
        self.topics = [key.split("/")[0] for key in keys]
        self.captions = [stamp_caption(path) for path in files]
        self.held_out = np.flatnonzero([is_held_out(caption) for caption in self.captions])
        self._told = stamp_translations(root)
        with FeatureCache(cache / "training") as features:
            kept = KeptPictures(model, features)

            def pixels(number: int) -> PixelBatch:
                with Image.open(files[number]) as image:
                    return fit_pixels(image, kept.pixel_spec)[None]

            self.vectors = kept.vectors("stamps", keys, pixels)[:, 0]
        self.references = self.texts(REFERENCES)
        told = [(caption, row) for row, caption in enumerate(self.captions)]
        self.all = Folder(self.vectors, self.references, told, self.texts(self.captions))

    def texts(self, some: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, d]."""
        return np.concatenate([self._encoder.encode_texts([text]) for text in some])

    def asked(self, language: str) -> dict[int, str]:
        """The caption in a language of each held-out stamp that has one, by its row."""
        found = {}
        for row in self.held_out.tolist():
            caption = self.captions[row]
            told = (
                [caption] if language == ENGLISH else self._told.get(caption, {}).get(language, [])
            )
            if told:
                found[row] = told[0]
        return found


def bands(stamps: Stamps, language: str) -> tuple[str, ...]:
    """A row of the table for one language."""
    asked = stamps.asked(language)
    vectors = dict(zip(asked, stamps.texts(list(asked.values())), strict=True))
    nothing = stamps.texts(about_nothing(language))
    rows = np.array(list(asked))
    rng = np.random.default_rng(0)
    cells: list[str] = [language, str(len(asked))]
    for size, times in FOLDERS:
        found, absent = Count(), Count()
        for _ in range(times):
            chosen = rng.choice(rows, size, replace=False)
            there = Folder(stamps.vectors[chosen], stamps.references)
            topics = {stamps.topics[row] for row in chosen}
            for row, vector in vectors.items():
                right: NDArray[np.bool_] | None = np.array(
                    [stamps.captions[other] == stamps.captions[row] for other in chosen]
                )
                if right is not None and right.any():
                    there.ask(vector, right, found)
                elif stamps.topics[row] not in topics:
                    there.ask(vector, None, absent)
            for vector in nothing:
                there.ask(vector, None, absent)
        cells += [_share(found.hidden, found.right), _share(absent.shown, absent.noise)]
    found, absent = Count(), Count()
    for row, vector in vectors.items():
        stamps.all.ask(vector, np.array(stamps.captions) == stamps.captions[row], found, asked[row])
    for text, vector in zip(about_nothing(language), nothing, strict=True):
        stamps.all.ask(vector, None, absent, text)
    cells += [_share(found.hidden, found.right), _share(absent.shown, absent.noise)]
    return tuple(cells)


def _share(part: int, of: int) -> str:
    return f"{part / max(of, 1):.1%}"


COLUMNS: Mapping[str, str] = {
    "language": "language",
    "asked": "texts",
    "14h": "14: right ones hidden",
    "14n": "14: noise strong or fair",
    "50h": "50: hidden",
    "50n": "50: noise",
    "785h": "785 with English captions: hidden",
    "785n": "785: noise",
}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs")
    arguments = parser.parse_args()
    stamps = Stamps(arguments.cache)
    rows = []
    for language in (ENGLISH, *LANGUAGES):
        rows.append(bands(stamps, language))
        print("  ".join(rows[-1]), flush=True)
    put(DOCS / "languages.md", "bands", table(tuple(COLUMNS.values()), rows))


if __name__ == "__main__":
    main()
