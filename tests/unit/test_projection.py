"""The map: principal components, what is drawn, and what is stated."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.collection_map import draw_map
from core.projection import principal_plane, spaced
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fakes import FakeDecoder, picture_bytes


def test_the_plane_is_that_of_greatest_variance() -> None:
    """Points of a tilted ellipse come back along its axes, with its shares of variance."""
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(500, 2)) * [3.0, 1.0]
    basis = np.linalg.qr(rng.normal(size=(16, 2)))[0]
    plane = principal_plane((flat @ basis.T).astype(np.float32))
    assert np.allclose(np.abs(np.corrcoef(plane.points[:, 0], flat[:, 0])[0, 1]), 1, atol=0.01)
    assert abs(plane.explained[0] - 0.9) < 0.02
    assert abs(sum(plane.explained) - 1) < 1e-4


def test_little_to_project_lies_at_the_origin() -> None:
    """None, one, or equal pictures make a map without an error."""
    for vectors in (np.zeros((0, 4)), np.ones((1, 4)), np.ones((5, 4))):
        plane = principal_plane(vectors.astype(np.float32))
        assert plane.points.shape == (len(vectors), 2)
        assert np.allclose(plane.points, 0)
        assert plane.explained == (0.0, 0.0)


@given(seed=st.integers(0, 1000), count=st.integers(0, 80), distance=st.floats(0.01, 0.5))
@settings(max_examples=40, deadline=None)
def test_what_is_drawn_keeps_its_distance(seed: int, count: int, distance: float) -> None:
    """No two chosen points are closer than asked, and no free place is left empty."""
    points = np.random.default_rng(seed).uniform(size=(count, 2)).astype(np.float32)
    kept = spaced(points, distance, most=10_000)
    if not count:
        assert kept == []
        return
    scaled = (points - points.min(0)) / np.maximum(np.ptp(points, axis=0), 1e-9)
    apart = np.abs(scaled[:, None] - scaled[None, kept]).max(axis=2)
    among = apart[kept] + 9 * np.eye(len(kept))
    assert among.min() >= distance or len(kept) == 1
    assert (apart.min(axis=1) < distance).all()


async def test_the_map_is_a_picture_with_thumbnails(tmp_path: Path) -> None:
    """A PNG of the stated size in which the colours of the collection can be seen."""
    captioned = [(c, f"$x_{n}$ {c}") for n in range(4) for c in ("red", "blue", "green")]
    snapshot = FakeSnapshot.of(captioned)
    library = FakeLibrary({"gallery": snapshot})
    for number, picture in enumerate(snapshot.pictures):
        file = tmp_path / picture.path
        file.write_bytes(picture_bytes(captioned[number][0], seed=number, edge=48))
        library.files[picture.id] = file
    png = await draw_map(library, FakeDecoder(), collection=None, community="web")
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (1400, 1100)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((220, 20, 30), (20, 60, 220), (20, 150, 40)):
        assert (np.abs(pixels - colour).sum(axis=1) < 60).sum() > 200
