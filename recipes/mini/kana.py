"""One command that makes the table of Japanese words by their kana.

    python -m recipes.mini.kana --cache ~/.cache/tangerine-recipe

takes the words of Debian's ``mecab-ipadic`` (NAIST's dictionary, 3-clause BSD with ICOT's terms)
that have Han characters and are at most two pieces of the text tower of ``mini``, and of each
reading the one that the dictionary finds likeliest: by the tower's own pieces Chinese words would
go before. Writes ``core/encoder/mini/kana.tsv.gz`` and ``kana.txt`` with the
terms.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentencepiece import SentencePieceProcessor

from core.encoder.mini.kana import WORDS
from core.encoder.mini.towers import TEXT_PACKAGE, package_file
from index.demo.packages import fetch_debian

PACKAGE = "mecab-ipadic"

KINDS = ("Noun", "Noun.adjv", "Noun.adverbal", "Noun.verbal", "Noun.demonst", "Noun.nai",
         "Noun.others", "Adj", "Adnominal", "Adverb", "Conjunction", "Interjection", "Others",
         "Verb")  # fmt: skip
"""Files of the dictionary: no names, numbers, particles and endings."""

MOST_PIECES = 2

_COST, _READING = 3, 11
"""Columns. A frequent word has a low cost."""

_INFLECTED = 10_000
"""What a form of a verb or an adjective costs more: people ask for things."""

_HAN = re.compile("[\u4e00-\u9fff]")
_START = "\u2581"
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


def words(folder: Path, model: Any) -> dict[str, str]:
    """The likeliest word with Han characters by its reading in hiragana, two letters or more."""
    best: dict[str, tuple[int, str]] = {}
    start = model.piece_to_id(_START)
    for cost, word, reading in _entries(folder):
        pieces = [piece for piece in model.encode(word) if piece != start]
        if len(pieces) <= MOST_PIECES and model.unk_id() not in pieces:
            best[reading] = min(best.get(reading, (cost, word)), (cost, word))
    return {reading: word for reading, (_, word) in sorted(best.items())}


def _entries(folder: Path) -> Iterator[tuple[int, str, str]]:
    for kind in KINDS:
        with (folder / f"{kind}.csv").open(encoding="euc_jp", errors="replace") as file:
            for row in csv.reader(file):
                reading = row[_READING].translate(_TO_HIRAGANA)
                if _HAN.search(row[0]) and len(reading) > 1:
                    yield int(row[_COST]) + _INFLECTED * (kind in {"Adj", "Verb"}), row[0], reading


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="that of recipes.mini.train")
    root = fetch_debian(PACKAGE, parser.parse_args().cache / "packages") / "usr" / "share"
    model = SentencePieceProcessor(model_file=str(package_file(TEXT_PACKAGE, "resources/sp.model")))
    found = words(root / "mecab" / "dic" / "ipadic", model)
    lines = "".join(f"{reading}\t{word}\n" for reading, word in found.items())
    WORDS.write_bytes(gzip.compress(lines.encode(), mtime=0))
    terms = (root / "doc" / PACKAGE / "copyright").read_text(encoding="utf-8")
    WORDS.with_suffix("").with_suffix(".txt").write_text(terms, encoding="utf-8")
    print(f"{len(found)} words")


if __name__ == "__main__":
    main()
