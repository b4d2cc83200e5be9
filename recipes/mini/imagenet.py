"""The thousand classes of ImageNet as WordNet describes them, in the classifier's order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WORDNET = "usr/share/wordnet/data.noun"
SYNSETS = "timm/data/_info/imagenet_synsets.txt"

_TOO_GENERAL = frozenset(
    {
        "artifact",
        "chordate",
        "entity",
        "instrumentality",
        "living thing",
        "matter",
        "object",
        "organism",
        "physical entity",
        "placental",
        "substance",
        "unit",
        "vertebrate",
        "whole",
    }
)
"""Hypernyms that nobody would ask for."""

_HYPERNYMS = 4
"""How far up: from "tench" over "cyprinid" and "soft-finned fish" to "fish"."""


@dataclass(frozen=True)
class Synset:
    """Names, first one best; what it is; the synset above it."""

    names: tuple[str, ...]
    definition: str
    above: str | None


def class_texts(wordnet: Path, synsets: Path) -> list[tuple[str, ...]]:
    """Texts of each class: its names, name with definition, and names of what it is a kind of.

    Args:
        wordnet: the unpacked package ``wordnet-base`` (WordNet 3.0, as ImageNet's).
        synsets: the unpacked wheel of timm, whose list has the classifier's order.

    """
    synset_of = dict(_nouns(wordnet / WORDNET))
    texts = []
    for line in (synsets / SYNSETS).read_text().split():
        synset = synset_of[line.removeprefix("n")]
        first = synset.names[0]
        kinds = [name for name in _above(synset_of, synset) if name not in _TOO_GENERAL]
        texts.append(
            (
                *synset.names[:3],
                f"{first}, {synset.definition}",
                *(f"{first}, {kind}" for kind in kinds[:1]),
                *kinds[:_HYPERNYMS],
            )
        )
    return texts


def nouns(wordnet: Path) -> set[str]:
    """Every noun that WordNet has, in small letters."""
    return {name.lower() for _, synset in _nouns(wordnet / WORDNET) for name in synset.names}


def _above(synset_of: dict[str, Synset], synset: Synset) -> Iterator[str]:
    """The first names of the synsets above, nearest first."""
    while synset.above is not None:
        synset = synset_of[synset.above]
        yield synset.names[0]


def _nouns(path: Path) -> Iterator[tuple[str, Synset]]:
    """WordNet's nouns by offset; the format is told by wndb(5WN)."""
    with path.open(encoding="ascii") as lines:
        for line in lines:
            if line.startswith("  "):
                continue  # the licence
            fields, _, gloss = line.partition("|")
            parts = fields.split()
            count = int(parts[3], 16)
            names = [parts[4 + 2 * n].replace("_", " ") for n in range(count)]
            above = re.search(r"@i? (\d{8}) n", fields)
            definition = gloss.split(";")[0].strip()
            yield parts[0], Synset(tuple(names), definition, above[1] if above else None)
