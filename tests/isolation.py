"""Three communities with collections of their own, made so that a foreign picture shows.

Every picture of a community is of one hue and every caption carries a mark that no question
holds: whatever the bot says or shows can be told apart by its words and by its pixels.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

OPEN = "commons"
"""A collection that every community may search; each adds pictures that only it may see."""

ADDED = 3
"""Pictures that each community adds to the open collection, on each platform."""

TOLERANCE = 0.001
"""Share of foreign pixels below which none is meant: what scaling smears stays far below."""

_SHAPES = ("circle", "square", "triangle", "stripe")
_THINGS = ("lamp", "kite", "boat", "bottle", "cushion", "wheel", "flag", "stone")
_PER_COLLECTION = 24
_EDGE = 96
_MARK = re.compile(r"\b(zorvex|quillon|brimtal)-([a-z]?\d+)\b")
# Distances of hue on Pillow's circle of 256. The hues below lie far from each other and from those
# that contact sheets are drawn with: 17 (frames), 28 and 104 (the bands).
_NEAR, _VIVID, _BRIGHT = 24, 120, 60


@dataclass(frozen=True)
class Community:
    """One of the three: its collection, the mark of its captions, the hue of its pictures."""

    number: int
    collection: str
    mark: str
    hue: int

    @property
    def discord(self) -> int:
        """Its Discord server."""
        return 101 + self.number

    @property
    def telegram_group(self) -> int:
        """Its Telegram group."""
        return -1001 - self.number

    @property
    def telegram_user(self) -> int:
        """Somebody whose private chat with the bot may search the same."""
        return 11 + self.number

    @property
    def names(self) -> tuple[str, ...]:
        """The communities as the settings name them."""
        return (
            f"discord:{self.discord}",
            f"telegram:{self.telegram_group}",
            f"telegram:{self.telegram_user}",
        )

    def picture(self, seed: int) -> bytes:
        """A picture in the community's hue that no other seed gives."""
        return _drawn(self.hue, seed)

    def question(self, chance: random.Random) -> str:
        """What people ask: things that are in all three collections, marks sometimes too."""
        words = f"{chance.choice(_SHAPES)} {chance.choice(_THINGS)}"
        return words if chance.random() < 0.7 else f"{chance.choice(COMMUNITIES).mark} {words}"


COMMUNITIES = (
    Community(0, "north", "zorvex", 60),
    Community(1, "south", "quillon", 145),
    Community(2, "east", "brimtal", 215),
)


COLLECTIONS = tuple(c.collection for c in COMMUNITIES)

Route = Callable[[Community, random.Random], Awaitable[None]]
"""One way to ask, for a community, by chance."""


def write_galleries(home: Path) -> Path:
    """The folders of the three and of the open collection; the settings file that names them."""
    tables = []
    for community in COMMUNITIES:
        folder = home / community.collection
        folder.mkdir(parents=True)
        for seed in range(_PER_COLLECTION):
            (folder / f"p{seed}.png").write_bytes(community.picture(seed))
            shape, thing = _SHAPES[seed % 4], _THINGS[seed % 8]
            text = f"a {shape} {thing} {community.mark}-{seed}"
            (folder / f"p{seed}.txt").write_text(text, encoding="utf-8")
        tables.append((community.collection, folder, community.names))
    commons = home / OPEN
    commons.mkdir()
    for seed in range(4):
        (commons / f"grey{seed}.png").write_bytes(_drawn(None, seed))
    tables.append((OPEN, commons, ("*",)))
    path = home / "settings.toml"
    path.write_text(
        "\n".join(
            f'[[collections]]\nname = "{name}"\nfolder = "{folder}"\n'
            f"communities = {list(communities)!r}\n"
            for name, folder, communities in tables
        ),
        encoding="utf-8",
    )
    return path


def foreign_words(text: str, community: Community, origin: str) -> list[str]:
    """The marks in a text that this community must not see.

    ``origin`` is the letter of the marks that it gave to pictures which it added to the open
    collection from this very place: those added elsewhere are not for its eyes either.
    """
    return [
        match[0]
        for match in _MARK.finditer(text)
        if match[1] != community.mark or not (match[2].isdigit() or match[2][0] == origin)
    ]


def foreign_collections(names: Sequence[str], community: Community) -> set[str]:
    """The collections among these that this community must not know of."""
    return set(names) - {community.collection, OPEN}


def foreign_pixels(data: bytes, community: Community) -> float:
    """The share of a picture's pixels that have the hue of one of the other communities."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB").convert("HSV"), dtype=np.int16)
    hue, saturation, value = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    vivid = (saturation > _VIVID) & (value > _BRIGHT)
    foreign = np.zeros_like(vivid)
    for other in COMMUNITIES:
        if other is not community:
            distance = np.abs((hue - other.hue + 128) % 256 - 128)
            foreign |= vivid & (distance < _NEAR)
    return float(foreign.mean())


def _drawn(hue: int | None, seed: int) -> bytes:
    chance = random.Random(seed * 7919 + (hue if hue is not None else 999))
    saturation = 0 if hue is None else 230
    image = Image.new("HSV", (_EDGE, _EDGE), (hue or 0, saturation // 2, 245))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, size = chance.randrange(70), chance.randrange(70), chance.randrange(12, 40)
        ink = ((hue or 0) + chance.randrange(-8, 9)) % 256, saturation, chance.randrange(90, 250)
        box = (x, y, x + size, y + size)
        draw.ellipse(box, ink) if chance.random() < 0.5 else draw.rectangle(box, ink)
    out = io.BytesIO()
    image.convert("RGB").save(out, "PNG")
    return out.getvalue()
