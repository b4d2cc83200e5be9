"""A thing that comes into sight in the last third only is found by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.types import DecodedPicture
from core.encoder.load import TransformersEncoder
from core.images.formats import reads_videos
from core.images.pool import DecodePool
from core.search.frames import FrameRows, frame_vectors
from core.search.service import Search
from index.demo.packages import fetch_debian
from recipes.mini.sources import STAMPS
from tests.evaluation.conftest import Stamps
from tests.evaluation.galleries import KnownVectors, gallery
from tests.evaluation.texts import Texts
from tests.fake_collections import FakeVectorIndex
from tests.moving import ANIMATIONS, VIDEOS, animation, in_last_third, video

pytestmark = [
    pytest.mark.process,
    pytest.mark.model,
    pytest.mark.skipif(not reads_videos(), reason="the extra video is not installed"),
]

MADE = 30
_ANIMATED = 20


def _things(stamps: Stamps) -> list[int]:
    """Rows of things with names of their own, of one word or two: all over the stamps."""
    seen: dict[str, int] = {}
    for row, caption in enumerate(stamps.captions):
        name = caption.casefold().removeprefix("a ").removeprefix("an ").rstrip(".")
        if len(name.split()) <= 2 and not any(
            word in other.split() for word in name.split() for other in seen
        ):
            seen[name] = row
    rows = list(seen.values())
    return rows[:: max(1, len(rows) // MADE)][:MADE]


async def test_what_comes_at_the_end_is_found_by_its_name(
    stamps: Stamps, texts: Texts, mini: TransformersEncoder, packages: Path
) -> None:
    """Of 20 animations and 10 videos 24 at least, among five; by first frames few."""
    folder = fetch_debian("tuxpaint-stamps-default", packages) / STAMPS
    things = _things(stamps)
    assert len(things) == MADE
    others = [row for row in range(len(stamps.paths)) if row not in things]

    def picture(row: int) -> Image.Image:
        with Image.open(folder / stamps.paths[row]) as image:
            ground = Image.new("RGBA", image.size, "white")
            ground.alpha_composite(image.convert("RGBA"))
            return ground.convert("RGB")

    async def embedded(pixels: np.ndarray) -> np.ndarray:
        return mini.encode_images(pixels[None])[0]

    moving, firsts = {}, []
    async with DecodePool(1, timeout_s=110) as pool:
        for number, row in enumerate(things):
            # Two views before it, others for each.
            before = [picture(others[(7 * number + k) % len(others)]) for k in (0, 3)]
            frames = in_last_third(before, picture(row))
            if number < _ANIMATED:
                data = animation(frames, ANIMATIONS[number % len(ANIMATIONS)])
            else:
                data = video(frames, *VIDEOS[number % len(VIDEOS)])
            decoded: DecodedPicture = await pool.decode(data, mini.pixel_spec, frames=True)
            first = await embedded(decoded.pixels)
            found = await frame_vectors(decoded, first, embedded)
            assert found is not None
            assert len(found.at_s) <= 8
            moving[number] = found
            firsts.append(first)

    async def hits(search: Search) -> list[float | None]:
        """The second at which each thing is found among five; -1 where it is not."""
        seconds: list[float | None] = []
        for row in things:
            page = await search.find(stamps.captions[row], community="web", k=5)
            mine = [hit.at_s for hit in page.hits if hit.picture.id == f"p{row}"]
            seconds.append(mine[0] if mine else -1)
        return seconds

    search = gallery(stamps, KnownVectors(texts), texts, things, [""] * MADE)
    library = search._library
    still = replace(library.snapshots["gallery"], picture_index=FakeVectorIndex(np.stack(firsts)))
    library.snapshots["gallery"] = still
    by_first = [second for second in await hits(search) if second != -1]
    library.snapshots["gallery"] = replace(still, frames=FrameRows.of(moving))
    by_any = [second for second in await hits(search) if second != -1]
    at_end = [second for second in by_any if second is not None and second >= 0.75]
    print(f"{len(by_any)} of {MADE} by any frame ({len(at_end)} at the end), {len(by_first)} by")
    print("the first")
    assert len(by_any) >= 24
    assert len(at_end) >= 22
    assert len(by_first) < len(by_any) - 8
