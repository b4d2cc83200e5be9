"""Good and broken pictures of all formats in one folder: the good ones are found, each bad told."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.engine.engine import SystemClock
from core.domain.errors import DamagedPicture, NotAPicture
from core.images.pool import DecodePool
from index.indexing.reindexer import Reindexer
from tests.bad_pictures import whole_files
from tests.galleries import Gallery
from tests.pictures import bad_pictures, encode, good_pictures, photo

pytestmark = pytest.mark.process

_SUFFIXES = {
    "JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tiff",
    "HEIF": "heic", "AVIF": "avif",
}  # fmt: skip

_Bad = tuple[str, bytes, set[str | None]]
"""Name, bytes, and the codes that it may have; None where it may be a picture after all."""


def _good() -> Iterator[tuple[str, bytes]]:
    """Files without end that are pictures, each with other bytes: every format and mode first."""
    for each in good_pictures():
        yield f"good-{each.name}.{_SUFFIXES[each.format]}", each.data
    for seed in itertools.count(1000):
        image = photo(seed=seed)
        for format_, suffix in _SUFFIXES.items():
            source = image.quantize(64) if format_ == "GIF" else image
            yield f"good-{seed}-{format_}.{suffix}", encode(source, format_)


def _all_bad(seed: int) -> Iterator[_Bad]:
    """Every kind of file that is no usable picture; takes seconds to make."""
    chance = random.Random(seed)
    for each in bad_pictures(seed):
        suffix = chance.choice(sorted(_SUFFIXES.values()))
        codes = {kind.code if kind else None for kind in each.expected}
        yield f"bad-{each.name}.{suffix}", each.data, codes


def _some_bad() -> Iterator[_Bad]:
    """Files of each format that were cut off, and some that never were pictures."""
    cut: set[str | None] = {DamagedPicture.code}
    for name, data in whole_files().items():
        yield f"bad-half-{name}.png", data[: len(data) // 2], cut
        yield f"bad-start-{name}.jpg", data[:20], {*cut, NotAPicture.code}
    for number in range(8):
        yield f"bad-text-{number}.webp", b"This is no picture. " * number, {NotAPicture.code}


async def _try(home: Path, good: dict[str, bytes], bad: list[_Bad]) -> None:
    gallery = Gallery(home)
    for name, data in good.items():
        gallery.write(name, data)
    for name, data, _ in bad:
        gallery.write(f"deep/er/{name}", data)
    async with DecodePool(2) as pool:
        reindexer = Reindexer(
            [gallery.spec],
            catalogue=gallery.catalogue,
            store=gallery.store,
            overlays=gallery.overlays,
            embedder=gallery.embedder,
            decoder=pool,
            clock=SystemClock(),
        )
        report = await reindexer.reindex("gallery")
        encoded = gallery.embedder.pictures_encoded
        again = await reindexer.reindex("gallery")
        assert gallery.embedder.pictures_encoded == encoded, "each is tried once"
        view = await gallery.library.open(None, "web")
        rows = {picture.path: row for row, picture in enumerate(view.pictures)}
        for name in good:
            pixels = await pool.decode(gallery.pictures / name, gallery.embedder.pixel_spec)
            vector = gallery.embedder.encoder.encode_images(pixels.pixels[None])
            scores, _ = view.picture_index.search(vector, 1)
            own = view.picture_index.reconstruct(np.array([rows[name]]))
            assert scores[0, 0] == pytest.approx(1.0, abs=1e-4)
            np.testing.assert_allclose(own, vector, atol=1e-6)
    failed = {failure.path: failure for failure in report.failed}
    print(f"{len(good)} good, {len(bad)} bad: {report.added} added, {len(failed)} failed")
    for name, _, codes in bad:
        path = f"deep/er/{name}"
        assert (path in failed) != (path in rows), name
        assert (failed[path].code if path in failed else None) in codes, name
    assert all(len(failure.reason) > 10 for failure in failed.values())
    assert set(rows) >= set(good)
    assert len(rows) + len(failed) == len(good) + len(bad)
    assert gallery.catalogue.failures("gallery") == report.failed
    assert (again.added, again.unchanged, again.failed) == (0, len(rows), report.failed)
    assert gallery.verify() == []
    gallery.close()


async def test_good_and_bad_pictures_are_kept_apart(tmp_path: Path) -> None:
    """60 files of all formats: each good one is found by its vector, each bad one has a reason."""
    bad = list(_some_bad())
    many = list(itertools.islice(_good(), 98))
    good = dict(random.Random(11).sample(many, 60 - len(bad)))
    await _try(tmp_path, good, bad)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_thousand_good_and_bad_pictures_are_kept_apart(tmp_path: Path) -> None:
    """The same rule, over 1,000 files, those that are made to hurt among them."""
    bad = list(_all_bad(12))
    await _try(tmp_path, dict(itertools.islice(_good(), 1000 - len(bad))), bad)
