"""The plane of a map: principal components, and where questions lie on it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable

import numpy as np
import pytest

from core.domain.errors import EmptyQuery, NotFound
from core.domain.types import Lane, Vectors
from core.search.map import Mapper
from core.search.projection import Chunks, principal_plane
from core.search.service import Search
from tests.fake_collections import FakeLibrary, FakeSnapshot, FakeVectorIndex
from tests.fakes import FakeDecoder, FakeEmbedder, picture_bytes

CAPTIONED = [(c, f"{c} thing {n}") for n in range(4) for c in ("red", "blue", "green")]


def in_pieces(vectors: Vectors, size: int = 7) -> Chunks:
    """The vectors as a collection gives them."""

    def read() -> Iterable[Vectors]:
        return (vectors[start : start + size] for start in range(0, len(vectors), size))

    return read


def mapper(snapshot: FakeSnapshot, **others: FakeSnapshot) -> Mapper:
    """A mapper over real search and fakes of what lies below it."""
    library = FakeLibrary(
        {"gallery": snapshot, **others}, communities={"secret": frozenset({"discord:7"})}
    )
    return Mapper(library, Search(library, FakeEmbedder(), FakeDecoder()))


def test_the_plane_is_that_of_greatest_variance() -> None:
    """Points of a tilted ellipse come back along its axes, with its shares of variance."""
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(500, 2)) * [3.0, 1.0]
    basis = np.linalg.qr(rng.normal(size=(16, 2)))[0]
    tilted = (flat @ basis.T + 5.0).astype(np.float32)
    plane = principal_plane(in_pieces(tilted))
    assert np.allclose(np.abs(np.corrcoef(plane.points[:, 0], flat[:, 0])[0, 1]), 1, atol=0.01)
    assert abs(plane.explained[0] - 0.9) < 0.02
    assert abs(sum(plane.explained) - 1) < 1e-4
    assert np.allclose(plane.place(tilted[:9]), plane.points[:9], atol=1e-5)


def test_the_same_vectors_give_the_same_plane() -> None:
    """Signs do not depend on how the vectors came, and the largest part of an axis is positive."""
    vectors = np.random.default_rng(3).normal(size=(60, 8)).astype(np.float32)
    one, other = principal_plane(in_pieces(vectors)), principal_plane(in_pieces(vectors, 60))
    assert np.allclose(one.points, other.points, atol=1e-5)
    assert (one.axes[np.abs(one.axes).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("vectors", [np.zeros((0, 4)), np.ones((1, 4)), np.ones((5, 4))])
def test_little_to_project_lies_at_the_origin(vectors: Vectors) -> None:
    """None, one, or equal pictures make a map without an error."""
    plane = principal_plane(in_pieces(vectors.astype(np.float32)))
    assert plane.points.shape == (len(vectors), 2)
    assert np.allclose(plane.points, 0)
    assert plane.explained == (0.0, 0.0)


async def test_questions_lie_among_their_answers() -> None:
    """A text and a photo are marked near the pictures of their colour, which are named first."""
    snapshot = FakeSnapshot.of(CAPTIONED)
    chart = await mapper(snapshot).draw_up(
        community="web", text="green thing", picture=picture_bytes("blue", seed=9, edge=16)
    )
    for mark, colour in ((chart.text_mark, "green"), (chart.picture_mark, "blue")):
        assert mark is not None
        assert {snapshot.pictures[row].caption.split()[0] for row in mark.nearest[:4]} == {colour}
        centres = {
            name: chart.plane.points[[c == name for c, _ in CAPTIONED]].mean(axis=0)
            for name in ("red", "blue", "green")
        }
        apart = {name: np.hypot(*(centre - (mark.x, mark.y))) for name, centre in centres.items()}
        assert min(apart, key=lambda name: apart[name]) == colour
    assert set(chart.nearest) == {*chart.text_mark.nearest, *chart.picture_mark.nearest}


class GapEmbedder(FakeEmbedder):
    """Texts lie where the picture of their row does, all moved by the same gap."""

    def __init__(self, pictures: Vectors, gap: Vectors) -> None:
        super().__init__()
        self._texts = pictures + gap

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """The vector of the row that the text names."""
        del lane
        vector: Vectors = self._texts[int(text)]
        return vector


async def test_the_gap_between_texts_and_pictures_moves_no_mark() -> None:
    """A text that says what a picture shows lies on that picture, wherever texts lie."""
    plain = FakeSnapshot.of(CAPTIONED)
    pictures = plain.picture_index.vectors
    gap = (3 * np.random.default_rng(8).normal(size=pictures.shape[1])).astype(np.float32)
    snapshot = dataclasses.replace(plain, caption_index=FakeVectorIndex(pictures + gap))
    library = FakeLibrary({"gallery": snapshot})
    search = Search(library, GapEmbedder(pictures, gap), FakeDecoder())
    for row in (0, 5):
        chart = await Mapper(library, search).draw_up(community="web", text=str(row))
        mark = chart.text_mark
        assert mark is not None
        assert np.allclose((mark.x, mark.y), chart.plane.points[row], atol=1e-4)


async def test_a_map_is_computed_once_for_a_state() -> None:
    """Whoever asks together or later gets the same plane and groups; another state another."""
    snapshot = FakeSnapshot.of(CAPTIONED)
    maps = mapper(snapshot)
    first, second = await asyncio.gather(
        *(maps.draw_up(community="web", groups=3) for _ in range(2))
    )
    assert first.plane is second.plane
    assert first.groups is second.groups
    third = await maps.draw_up(community="web", groups=2)
    assert third.plane is first.plane
    assert len(third.groups.names) == 2
    assert (await mapper(FakeSnapshot.of(CAPTIONED)).draw_up(community="web")).groups is None


async def test_who_leaves_does_not_take_the_map_from_others() -> None:
    """One of two who wait is cancelled; the other one gets the map."""
    maps = mapper(FakeSnapshot.of(CAPTIONED))
    leaving, staying = (
        asyncio.create_task(maps.draw_up(community="web", groups=3)) for _ in range(2)
    )
    await asyncio.sleep(0)
    leaving.cancel()
    assert len((await staying).groups.names) == 3


async def test_a_map_shows_only_what_the_community_may_search() -> None:
    """Another community's collection is not found; what moderation holds is in no row."""
    secret = FakeSnapshot.of([("pink", "a secret flamingo")], collection="secret")
    snapshot = FakeSnapshot.of(CAPTIONED)
    library = FakeLibrary(
        {"gallery": snapshot, "secret": secret},
        communities={"secret": frozenset({"discord:7"})},
        held={"web": {snapshot.pictures[0].id}},
    )
    maps = Mapper(library, Search(library, FakeEmbedder(), FakeDecoder()))
    with pytest.raises(NotFound):
        await maps.draw_up(community="web", collection="secret")
    chart = await maps.draw_up(community="web", groups=2)
    assert len(chart.plane.points) == len(chart.groups.of) == len(CAPTIONED) - 1
    assert snapshot.pictures[0] not in chart.snapshot.pictures
    seen = await maps.draw_up(community="discord:7")
    assert snapshot.pictures[0] in seen.snapshot.pictures
    with pytest.raises(EmptyQuery):
        await maps.draw_up(community="web", text="\0\0")
