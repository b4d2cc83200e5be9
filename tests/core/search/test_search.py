"""The use cases over fakes of the ports: what is found, in which order, and what is refused."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.domain.errors import (
    BadCount,
    BadLabels,
    CommunityUnknown,
    EmptyCollection,
    EmptyQuery,
    NotAPicture,
    NotFound,
    QueryTooLong,
    Unavailable,
)
from core.domain.types import Band, Pixels, Vectors
from core.encoder.embedder import BatchedEmbedder
from core.search.calibration import calibrate
from core.search.query import SearchQuery
from core.search.rules import SearchRules
from core.search.service import Search
from tests.fake_collections import FakeLibrary, FakeSnapshot, FakeVectorIndex
from tests.fakes import COLOURS, FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes, unit

_MANY = [(colour, f"something {colour} number {n}") for n in range(12) for colour in COLOURS]


def _search(
    captioned: list[tuple[str, str]] | None = None, **rules: float
) -> tuple[Search, FakeSnapshot]:
    snapshot = FakeSnapshot.of(_MANY if captioned is None else captioned)
    library = FakeLibrary({"gallery": snapshot}, {"gallery": frozenset({"web"})})
    search = Search(library, FakeEmbedder(), FakeDecoder(), rules=SearchRules(**rules))
    return search, snapshot


def _colours(hits: object) -> list[str]:
    return [hit.picture.path.split("-")[0] for hit in hits]


async def test_find_returns_the_best_first() -> None:
    """The best k, ranked from 1, scores falling, of the colour that was asked for."""
    search, _ = _search()
    result = await search.find("  something\n red ", community="web", k=5)
    assert result.query == "something red"
    assert _colours(result.hits) == ["red"] * 5
    assert [hit.rank for hit in result.hits] == [1, 2, 3, 4, 5]
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)
    assert result.has_more
    assert result.close_match


async def test_pages_continue_without_gap_or_repeat() -> None:
    """Two pages of five are the one page of ten, with the same bands."""
    search, _ = _search()
    whole = await search.find("blue", community="web", k=10)
    first = await search.find("blue", community="web", k=5)
    second = await search.find("blue", community="web", k=5, offset=5)
    assert first.hits + second.hits == whole.hits


async def test_the_last_page_says_so() -> None:
    """No more is promised than there is, and a page past the end is empty."""
    search, _ = _search([("red", ""), ("blue", ""), ("green", "")])
    result = await search.find("red", community="web", k=3)
    assert (len(result.hits), result.has_more) == (3, False)
    beyond = await search.find("red", community="web", k=3, offset=3)
    assert (len(beyond.hits), beyond.has_more) == (0, False)


async def test_exclude_ranks_its_matches_below_the_rest() -> None:
    """What the excluded text describes comes after all else, however well it matches."""
    search, _ = _search()
    plain = await search.find("red orange", community="web", k=24)
    assert "orange" in _colours(plain.hits)
    result = await search.find(SearchQuery("red orange", exclude="orange"), community="web", k=24)
    assert "orange" not in _colours(result.hits)[:12]
    assert _colours(result.hits)[:5] == ["red"] * 5


async def test_near_duplicates_are_shown_once() -> None:
    """Equal files, and vectors at least duplicate_cosine alike, collapse onto the best."""
    captioned = [("red", ""), ("red", ""), ("red", ""), ("blue", "")]
    search, snapshot = _search(captioned, duplicate_cosine=0.5)
    result = await search.find("red", community="web", k=4)
    assert _colours(result.hits) == ["red", "blue"]
    strict, _ = _search(captioned, duplicate_cosine=1.0)
    assert len((await strict.find("red", community="web", k=4)).hits) == 4
    assert len(snapshot.pictures) == 4


async def test_similar_finds_the_picture_and_its_like() -> None:
    """A posted picture brings back its own kind, itself first when it is in there."""
    search, snapshot = _search()
    picture = picture_bytes("purple", seed=_MANY.index(next(m for m in _MANY if m[0] == "purple")))
    result = await search.similar(picture, community="web", k=5)
    assert _colours(result.hits) == ["purple"] * 5
    assert result.query is None
    assert result.hits[0].score > result.hits[1].score
    assert snapshot.pictures


def _corner(turns: int = 0) -> bytes:
    """Red but for a blue corner, turned counter-clockwise by so many quarters."""
    pixels = np.full((24, 24, 3), COLOURS["red"], dtype=np.uint8)
    pixels[:12, :12] = COLOURS["blue"]
    out = io.BytesIO()
    Image.fromarray(np.rot90(pixels, turns)).save(out, "PNG")
    return out.getvalue()


class _SeesPlaces(FakeEncoder):
    """Tells which corner is blue, as a real tower would and colours alone cannot."""

    def _image(self, picture: Pixels) -> Vectors:
        corners = [picture[y, x] for y in (0, -1) for x in (0, -1)]
        blue = [float(int(corner[2]) - int(corner[0]) > 100) for corner in corners]
        return unit(np.array([*(3 * np.array(blue)), *np.ones(28)], dtype=np.float32))


async def test_a_turned_picture_finds_its_original() -> None:
    """Where nothing is close, further views are tried; where something is, none is encoded."""
    encoder = _SeesPlaces()
    library = FakeLibrary({"gallery": FakeSnapshot.of(_MANY, encoder=encoder)})
    embedder, decoder = FakeEmbedder(encoder), FakeDecoder()
    pixels = (await decoder.decode(_corner(), encoder.pixel_spec)).pixels
    snapshot = library.snapshots["gallery"]
    vectors = snapshot.picture_index.vectors.copy()
    vectors[7] = encoder.encode_images(pixels[None])[0]
    library.snapshots["gallery"] = replace(snapshot, picture_index=FakeVectorIndex(vectors))
    rules = SearchRules(sure_cosine=0.99)
    search = Search(library, embedder, decoder, rules=rules)
    before = embedder.pictures_encoded
    upright = await search.similar(_corner(), community="web", k=1)
    assert upright.hits[0].picture.id == snapshot.pictures[7].id
    assert embedder.pictures_encoded == before + 1
    turned = await search.similar(_corner(turns=1), community="web", k=1)
    assert turned.hits[0].picture.id == snapshot.pictures[7].id
    assert turned.hits[0].score == pytest.approx(1, abs=1e-5)
    assert embedder.pictures_encoded == before + 1 + 6
    never = Search(library, embedder, decoder, rules=SearchRules(sure_cosine=-1))
    assert (await never.similar(_corner(turns=1), community="web", k=1)).hits[0].score < 0.99


async def test_a_text_shifts_what_is_similar() -> None:
    """Picture and text together bring what is like both, which the picture alone does not."""
    search, _ = _search()
    picture = picture_bytes("purple", seed=999)
    mixed = await search.similar(picture, community="web", k=24, text="yellow")
    assert {"purple", "yellow"} <= set(_colours(mixed.hits))
    assert mixed.query == "yellow"


async def test_with_a_text_the_posted_picture_is_no_answer() -> None:
    """Who asks for this one changed does not ask for this one; without a text it comes first."""
    search, snapshot = _search()
    number = next(n for n, (colour, _) in enumerate(_MANY) if colour == "purple")
    posted = picture_bytes("purple", seed=number, edge=8)  # as the snapshot has it
    itself = (await search.similar(posted, community="web", k=1)).hits[0].picture.id
    assert itself == snapshot.pictures[number].id
    changed = await search.similar(posted, community="web", k=100, text="number 3")
    assert itself not in {hit.picture.id for hit in changed.hits}
    assert _colours(changed.hits[:3]) == ["purple"] * 3


async def test_more_like_leaves_the_picture_itself_out() -> None:
    """Neither the picture nor a copy of its file is an answer to itself."""
    search, snapshot = _search()
    library = search._library
    asked = snapshot.pictures[3]
    assert isinstance(library, FakeLibrary)
    library.files[asked.id] = None  # type: ignore[assignment] - never opened here
    result = await search.more_like(asked.id, community="web", k=5)
    assert asked.id not in {hit.picture.id for hit in result.hits}
    assert _colours(result.hits) == [asked.path.split("-")[0]] * 5
    with pytest.raises(NotFound):
        await search.more_like(asked.id, community="discord:1", k=5)


async def test_describe_names_each_caption_once() -> None:
    """Captions come best first; the same words on two pictures are one answer."""
    search, _ = _search(
        [("red", "A red thing"), ("red", "a RED thing"), ("blue", "a blue thing"), ("green", "")]
    )
    result = await search.describe(picture_bytes("red"), community="web", k=5)
    assert [hit.caption.lower() for hit in result.hits] == ["a red thing", "a blue thing"]
    assert [hit.rank for hit in result.hits] == [1, 2]
    assert result.hits[0].score > result.hits[1].score


async def test_classify_orders_labels_by_probability() -> None:
    """Probabilities sum to 1, the right label leads, repeated labels count once."""
    search, _ = _search()
    result = await search.classify(picture_bytes("green"), ["red", "green", "blue", "green"])
    assert result.labels[0].label == "green"
    assert len(result.labels) == 3
    assert sum(label.probability for label in result.labels) == pytest.approx(1)
    assert not result.none_fits


async def test_classify_says_when_nothing_fits() -> None:
    """Labels that have nothing to do with the picture are not sold as an answer."""
    search, _ = _search()
    result = await search.classify(picture_bytes("green"), ["spanner", "sonata"])
    assert result.none_fits


@pytest.mark.parametrize(
    "labels", [["one"], [], ["a", "a"], ["a", " "], [str(n) for n in range(21)]]
)
async def test_labels_out_of_bounds_are_refused(labels: list[str]) -> None:
    """2 to 20 different labels, none of them empty."""
    search, _ = _search()
    with pytest.raises(BadLabels):
        await search.classify(picture_bytes("green"), labels)


async def test_wrong_requests_are_refused_with_a_remedy() -> None:
    """Each mistake has its own error, and every error says what to do."""
    search, _ = _search()
    for error, request in [
        (EmptyQuery, search.find(" \n\t", community="web")),
        (EmptyQuery, search.find("\0", community="web")),
        (QueryTooLong, search.find("x" * 201, community="web")),
        (BadCount, search.find("x", community="web", k=0)),
        (BadCount, search.find("x", community="web", k=101)),
        (BadCount, search.find("x", community="web", offset=-1)),
        (BadCount, search.find("x", community="web", offset=100_000)),
        (NotFound, search.find("x", community="web", collection="other")),
        (CommunityUnknown, search.find("x", community="telegram:5")),
        (NotAPicture, search.similar(b"no picture", community="web")),
    ]:
        with pytest.raises(error) as caught:
            await request
        assert caught.value.remedy, error


async def test_an_empty_collection_says_so() -> None:
    """Nothing indexed is told, instead of an empty answer."""
    search, _ = _search([])
    with pytest.raises(EmptyCollection):
        await search.find("red", community="web")


async def test_a_search_that_hangs_is_given_up() -> None:
    """Past the timeout the caller is told when to try again."""
    snapshot = FakeSnapshot.of(_MANY)
    search = Search(
        FakeLibrary({"gallery": snapshot}),
        FakeEmbedder(delay=30),
        FakeDecoder(),
        rules=SearchRules(timeout_s=0.05),
    )
    with pytest.raises(Unavailable) as given_up:
        await search.find("red", community="web")
    assert given_up.value.retry_after > 0


async def test_a_new_snapshot_is_searched_and_calibrated_at_once() -> None:
    """A generation that was swapped in between two searches answers the second."""
    search, _ = _search([("blue", "")])
    assert _colours((await search.find("red", community="web", k=1)).hits) == ["blue"]
    assert isinstance(search._library, FakeLibrary)
    search._library.snapshots["gallery"] = FakeSnapshot.of(
        [("red", ""), ("blue", "")], generation=2
    )
    assert _colours((await search.find("red", community="web", k=1)).hits) == ["red"]


def test_true_matches_are_strong_and_noise_is_weak() -> None:
    """Bands learnt from the captions tell a match from the best of what does not match."""
    snapshot = FakeSnapshot.of(_MANY)
    calibration = calibrate(snapshot)
    encoder = FakeEncoder()
    query = encoder.encode_texts(["something red"])[0]
    scores, rows = snapshot.picture_index.search(query[None], len(_MANY))
    bands = calibration.bands(query, scores[0], calibration.text)
    for row, band in zip(rows[0], bands, strict=True):
        if not snapshot.pictures[row].path.startswith("red"):
            assert band is Band.WEAK
    assert bands[0] is not Band.WEAK
    nonsense = encoder.encode_texts(["zxqv"])[0]
    scores, _ = snapshot.picture_index.search(nonsense[None], 5)
    assert set(calibration.bands(nonsense, scores[0], calibration.text)) == {Band.WEAK}


async def test_bands_never_rise_with_rank() -> None:
    """Further down the list nothing is called stronger."""
    search, _ = _search()
    order = [Band.STRONG, Band.FAIR, Band.WEAK]
    result = await search.find("green", community="web", k=100)
    bands = [order.index(hit.band) for hit in result.hits]
    assert bands == sorted(bands)


@given(k=st.integers(1, 30), offset=st.integers(0, 160), colour=st.sampled_from(sorted(COLOURS)))
@settings(max_examples=25, deadline=None)
@pytest.mark.slow
def test_any_page_is_a_slice_of_the_whole(k: int, offset: int, colour: str) -> None:
    """Paging by any step shows every hit once and in the same order."""

    async def ask() -> None:
        search, _ = _search()
        whole = []
        for start in (0, 100):
            page = await search.find(colour, community="web", k=100, offset=start)
            whole += [hit.picture.id for hit in page.hits]
        page = await search.find(colour, community="web", k=k, offset=offset)
        assert [hit.picture.id for hit in page.hits] == whole[offset : offset + k]
        assert page.has_more == (len(whole) > offset + k)

    asyncio.run(ask())


async def test_64_finds_share_batches_and_keep_their_own_answers() -> None:
    """Concurrent questions run together; each answer equals the single one within 1e-4."""
    sizes: list[int] = []
    texts = [f"{colour} {n}" for n in range(6) for colour in COLOURS][:64]
    snapshot = FakeSnapshot.of(_MANY)
    library = FakeLibrary({"gallery": snapshot})
    async with BatchedEmbedder(
        FakeEncoder(), cached_texts=0, observe=lambda record: sizes.append(record.size)
    ) as embedder:
        search = Search(library, embedder, FakeDecoder())
        single = [await search.find(text, community="web") for text in texts]
        sizes.clear()
        together = await asyncio.gather(*(search.find(text, community="web") for text in texts))
    assert sum(sizes) / len(sizes) > 8
    for alone, shared in zip(single, together, strict=True):
        assert [h.picture.id for h in alone.hits] == [h.picture.id for h in shared.hits]
        assert np.allclose([h.score for h in alone.hits], [h.score for h in shared.hits], atol=1e-4)


async def test_a_text_asked_again_comes_from_the_cache() -> None:
    """A repeated query costs no encoding; equal texts of one batch are encoded once."""
    encoder, lookups = FakeEncoder(), []
    async with BatchedEmbedder(encoder, observe_cache=lookups.append) as embedder:
        await asyncio.gather(*(embedder.embed_text("same") for _ in range(10)))
        await embedder.embed_text("same")
    assert encoder.texts == ["same"]
    assert lookups == [False] * 10 + [True]


async def test_pixels_of_another_size_are_the_callers_fault() -> None:
    """A wrong shape is told to its caller and never reaches a batch."""
    async with BatchedEmbedder(FakeEncoder()) as embedder:
        with pytest.raises(ValueError, match="expected uint8 pixels"):
            await embedder.embed_pixels(np.zeros((3, 3, 3), dtype=np.uint8))
