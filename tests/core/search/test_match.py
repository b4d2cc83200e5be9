"""The number beside a hit is what hits are ordered by, whatever was asked and however."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from core.domain.types import Band, FoundBy, SearchResult, Vectors
from core.search.calibration import Calibration
from core.search.calibrations import Calibrations
from core.search.captions import told
from core.search.query import SearchQuery
from core.search.ranking import rank_page
from core.search.scoring import Ranking
from core.search.service import Search
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fake_labels import FakeLabels, labelled
from tests.fakes import COLOURS, FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes

_CAPTIONED = [
    *((colour, f"something {colour} number {n}") for n in range(8) for colour in COLOURS),
    ("grey", "zebra crossing"),
    ("grey", "a red fox in the snow"),
]
_HALF = [(colour, caption if n % 2 else "") for n, (colour, caption) in enumerate(_CAPTIONED)]
_GALLERIES = {"captions": _CAPTIONED, "half of them": _HALF, "none": [(c, "") for c, _ in _HALF]}

Ask = Callable[[Search, int, int], Awaitable[SearchResult]]

_PHOTO = picture_bytes("purple", seed=999)
_ROUTES: dict[str, Ask] = {
    "find": lambda s, k, o: s.find("a red fox", community="web", k=k, offset=o),
    "exact words": lambda s, k, o: s.find("zebra crossing", community="web", k=k, offset=o),
    "exclude": lambda s, k, o: s.find(
        SearchQuery("something red", exclude="red"), community="web", k=k, offset=o
    ),
    "label": lambda s, k, o: s.find(SearchQuery("", ("red",)), community="web", k=k, offset=o),
    "label and words": lambda s, k, o: s.find(
        SearchQuery("fox", ("red",)), community="web", k=k, offset=o
    ),
    "similar": lambda s, k, o: s.similar(_PHOTO, community="web", k=k, offset=o),
    "mixed": lambda s, k, o: s.similar(_PHOTO, community="web", k=k, offset=o, text="but red"),
    "more like, mixed": lambda s, k, o: s.more_like(
        "p0000003", community="web", k=k, offset=o, text="but red"
    ),
    "more like": lambda s, k, o: s.more_like("p0000003", community="web", k=k, offset=o),
}


def _search(captioned: list[tuple[str, str]]) -> Search:
    snapshot = FakeSnapshot.of(captioned)
    library = FakeLibrary({"gallery": snapshot})
    library.files = dict.fromkeys((each.id for each in snapshot.pictures), None)  # type: ignore[arg-type] - never opened here
    labels = FakeLabels({"gallery": labelled("red", "blue")})
    return Search(library, FakeEmbedder(), FakeDecoder(), labels=labels)


async def _calibrated(snapshot: FakeSnapshot) -> Calibration:
    async def embed(texts: Sequence[str]) -> Sequence[Vectors]:
        return list(FakeEncoder().encode_texts(list(texts)))

    return await Calibrations(embed).of(snapshot, "web")


@pytest.mark.parametrize("gallery", _GALLERIES)
@pytest.mark.parametrize("route", _ROUTES)
async def test_no_hit_matches_better_than_the_one_before_it(route: str, gallery: str) -> None:
    """On every way to search; and it does not depend on the size of the page."""
    search, ask = _search(_GALLERIES[gallery]), _ROUTES[route]
    whole = (await ask(search, 100, 0)).hits
    assert len(whole) > 5
    assert all(above.match >= below.match for above, below in pairwise(whole))
    assert all(-1 <= hit.match <= 1 for hit in whole)
    pages = [hit for o in range(0, len(whole), 4) for hit in (await ask(search, 4, o)).hits]
    assert [(h.picture.id, h.match) for h in pages] == [(h.picture.id, h.match) for h in whole]


async def test_a_picture_found_by_itself_matches_by_its_cosine() -> None:
    """One number for who looks at pictures alone, and one that a caption lifts above it."""
    bare = await _ROUTES["find"](_search(_GALLERIES["none"]), 100, 0)
    alone = await _ROUTES["similar"](_search(_CAPTIONED), 100, 0)
    for hit in (*bare.hits, *alone.hits):
        assert hit.match == pytest.approx(hit.score, abs=1e-5)
        assert hit.caption_score is None
    told_of = (await _ROUTES["exact words"](_search(_CAPTIONED), 5, 0)).hits[0]
    assert told_of.found_by is FoundBy.CAPTION
    assert told_of.match > told_of.score + 0.2
    assert told_of.caption_score == pytest.approx(1, abs=1e-5)


async def test_a_recognised_picture_matches_as_its_pixels_do() -> None:
    """It comes first whatever its cosine, and its number says why."""
    snapshot = FakeSnapshot.of(_CAPTIONED)
    calibration = await _calibrated(snapshot)
    query = FakeEncoder().encode_texts(["red"])[0]
    row = int(np.argsort(-snapshot.picture_index.vectors @ query)[9])
    ranking = Ranking(query, calibration.image, 0.97, recognised=row, agreement=0.96)
    first, second = rank_page(snapshot, calibration, ranking, k=2, offset=0).hits
    assert first.picture == snapshot.pictures[row]
    assert first.match == pytest.approx(0.96)
    assert first.score < second.score == pytest.approx(second.match, abs=1e-5)


async def test_a_better_band_never_stands_below_a_worse_one_for_its_number() -> None:
    """Where the band decides, what stands below has no more than what stands above."""
    snapshot = FakeSnapshot.of(_CAPTIONED)
    calibration = await _calibrated(snapshot)
    query = FakeEncoder().encode_texts(["a red fox"])[0]
    said = told(snapshot, calibration.captions, query, "a red fox")
    ranking = Ranking(query, calibration.text, 0.97, told=said)
    hits = rank_page(snapshot, calibration, ranking, k=100, offset=0).hits
    order = [(Band.STRONG, Band.FAIR, Band.WEAK).index(hit.band) for hit in hits]
    assert order == sorted(order)
