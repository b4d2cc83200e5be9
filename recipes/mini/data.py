"""Everything that the heads are trained on, as cached features: fetched, drawn, encoded, split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import normalize

from core.encoder.mini.split import is_held_out
from core.encoder.mini.towers import imagenet_classifier
from recipes.mini import sources
from recipes.mini.drawings import draw_stamps
from recipes.mini.features import ImageTower, cached_features
from recipes.mini.fetch import Packages
from recipes.mini.imagenet import class_texts
from recipes.mini.sources import Captioned

STAMP_SOURCES = ("stamps", "drawn-stamps")

SAME_PICTURE = 0.95
"""Cosine (of features around their mean) from which a picture is a held-out stamp in other
clothes, and is not trained with either."""

Held = Callable[[str], bool]


@dataclass(frozen=True, eq=False)
class Item:
    """A picture's views, float32 [views, 1280], and its captions; ``source`` names its kind."""

    source: str
    views: torch.Tensor
    captions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Collection:
    """All items, and the texts of ImageNet's classes with the classifier's weights."""

    items: list[Item]
    classes: list[tuple[str, ...]]
    classifier: torch.Tensor
    bias: torch.Tensor

    def split(self, held: Held = is_held_out) -> tuple[list[Item], list[Item]]:
        """Items to train with, and held-out stamps; nothing of the second is in the first."""
        stamps = [item for item in self.items if item.source in STAMP_SOURCES]
        test = [item for item in stamps if held(item.captions[0])]
        learn = [item for item in stamps if not held(item.captions[0])]
        others = [item for item in self.items if item.source not in STAMP_SOURCES]
        return (learn + unlike(others, test), test) if test else (learn + others, [])


def unlike(items: Sequence[Item], test: Sequence[Item]) -> list[Item]:
    """Those of the items that are none of some others in other clothes; at least one is given."""
    seen = _plain(test)
    centre = seen.mean(dim=0)
    alike = (normalize(_plain(items) - centre, dim=1) @ normalize(seen - centre, dim=1).T).amax(
        dim=1
    )
    return [item for item, most in zip(items, alike, strict=True) if most <= SAME_PICTURE]


def collect(packages: Packages, cache: Path) -> Collection:
    """Encode all sources (about 25 minutes on one core the first time)."""
    drawn = draw_stamps(packages.stamps, cache / "drawn-stamps")
    kinds: list[tuple[str, list[Captioned], int]] = [
        ("stamps", sources.stamps(packages.stamps), 6),
        ("drawn-stamps", sources.stamps(drawn), 6),
        ("flash-cards", sources.flash_cards(packages.flash_cards), 3),
        ("sprites", sources.sprites(packages.sprites), 3),
    ]
    for style, (folder, extension) in packages.emoji.items():
        pictures = sources.emoji(folder, packages.emojibase, extension)
        kinds.append((f"emoji-{style}", pictures, 3 if style == "fluent" else 2))
    kinds.append(("clip-art", sources.clip_art(packages.clip_art), 2))
    tower = ImageTower()
    weight, bias = imagenet_classifier()
    return Collection(
        items=[
            item
            for name, pictures, views in kinds
            for item in _items(name, pictures, views, cache / "features", tower)
        ],
        classes=class_texts(packages.wordnet, packages.timm),
        classifier=weight,
        bias=bias,
    )


def all_texts(items: Iterable[Item], classes: Sequence[tuple[str, ...]]) -> list[str]:
    """Every caption once, in a stable order."""
    captions = [caption for item in items for caption in item.captions]
    return list(dict.fromkeys([*captions, *(text for texts in classes for text in texts)]))


def _items(
    name: str, pictures: Sequence[Captioned], views: int, cache: Path, tower: ImageTower
) -> list[Item]:
    features = cached_features(name, pictures, views, cache, tower)
    captions = {picture.key: picture.captions for picture in pictures}
    return [
        Item(name, torch.from_numpy(rows).float(), captions[key])
        for key, rows in zip(features.keys, features.vectors, strict=True)
    ]


def _plain(items: Sequence[Item]) -> torch.Tensor:
    """The plain view of each item: float32 [n, 1280]."""
    return torch.stack([item.views[0] for item in items])
