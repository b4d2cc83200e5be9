"""What answers say where captions tell nothing: none, few, all alike, or none that fits."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.errors import Busy
from core.domain.types import Band, SearchResult, Vectors
from core.search.calibration import calibrate, refer
from core.search.captions import fits
from core.search.references import REFERENCES, UNSEEN, reference_thresholds
from core.search.service import Search
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fakes import COLOURS, FakeDecoder, FakeEmbedder, FakeEncoder, unit


def search_over(captioned: list[tuple[str, str]], embedder: FakeEmbedder | None = None) -> Search:
    """A search over flat pictures: each a colour and a caption, which may be empty."""
    library = FakeLibrary({"gallery": FakeSnapshot.of(captioned)})
    return Search(library, embedder or FakeEmbedder(), FakeDecoder())


async def found(search: Search, text: str) -> SearchResult:
    """The first page of a find."""
    return await search.find(text, community="web", k=5)


@pytest.mark.parametrize("caption", ["", "signal", "Signal"])
@pytest.mark.parametrize("text", ["???", "nuclear reactor"])
async def test_thirty_equal_captions_make_nothing_strong(caption: str, text: str) -> None:
    """Nor do none: where nothing can be learnt from captions, noise is neither strong nor fair."""
    colours = [*sorted(COLOURS), *sorted(COLOURS), *sorted(COLOURS)] * 2
    result = await found(search_over([(colour, caption) for colour in colours]), text)
    assert {hit.band for hit in result.hits} <= {Band.WEAK}
    assert not result.close_match


async def test_the_right_one_of_a_few_bare_pictures_is_shown() -> None:
    """By its own name each colour is found, and shown, if with a word of doubt."""
    search = search_over([(colour, "") for colour in sorted(COLOURS)])
    for colour in COLOURS:
        result = await found(search, colour)
        assert result.hits[0].picture.path.startswith(colour)
        assert result.close_match or result.doubtful


async def test_references_are_encoded_once_and_only_where_captions_tell_nothing() -> None:
    """Later questions, also to other collections, encode their own text alone."""
    embedder = FakeEmbedder()
    library = FakeLibrary(
        {
            "bare": FakeSnapshot.of([(colour, "") for colour in COLOURS], collection="bare"),
            "more": FakeSnapshot.of([("red", "")], collection="more"),
        }
    )
    search = Search(library, embedder, FakeDecoder())
    for number, collection in enumerate(("bare", "bare", "more"), start=1):
        await search.find("red", community="web", collection=collection)
        assert embedder.texts_encoded == number + len(REFERENCES)


async def test_a_failure_to_encode_them_is_the_questions_and_not_kept() -> None:
    """While the model is busy a question is told so; the next one starts anew."""
    embedder = FakeEmbedder()
    search = search_over([("red", "")], embedder)
    embedder.error = Busy("Too much is asked.", remedy="Ask again.")
    with pytest.raises(Busy):
        await found(search, "red")
    embedder.error = None
    assert (await found(search, "red")).hits


def _directions(count: int, *, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    return unit(rng.standard_normal((count, 64)).astype(np.float32))


@pytest.mark.parametrize("count", [1, 2, 10, 300, 2000])
def test_the_cuts_rise_from_doubt_to_strong(count: int) -> None:
    """Of any number of pictures, and of equal ones."""
    references = _directions(len(REFERENCES))
    for pictures in (_directions(count, seed=1), np.repeat(_directions(1, seed=2), count, axis=0)):
        middles = np.median(references @ pictures.T, axis=1)
        found = reference_thresholds(pictures, middles, references)
        cuts = found.cuts(found.middle, 1.0)
        assert -1 <= cuts.doubt <= cuts.fair <= cuts.strong <= 1
        assert 0 <= found.pull <= 1


def test_what_a_query_adds_to_all_pictures_tells_nothing() -> None:
    """Of many pictures the cuts of a query move with the middle of its cosines."""
    references = _directions(len(REFERENCES))
    common = unit(np.ones((1, 64), dtype=np.float32))
    pictures = unit(_directions(200, seed=1) + 2 * common)
    middles = np.median(references @ pictures.T, axis=1)
    found = reference_thresholds(pictures, middles, references)
    assert found.pull > 0.9
    low, high = found.cuts(found.middle, 1.0), found.cuts(found.middle + 0.3, 1.0)
    assert high.fair - low.fair == pytest.approx(0.3 * found.pull)


def test_captions_that_differ_and_fit_teach_by_themselves() -> None:
    """Then references are not asked; captions that fit no picture teach nothing of pictures."""
    fitting = [(c, f"something {c} number {n}") for n in range(6) for c in COLOURS]
    assert calibrate(FakeSnapshot.of(fitting)).learnt
    junk = [(c, f"holiday part {n} {c[::-1]}") for n in range(6) for c in COLOURS]
    bare = FakeSnapshot.of(junk)
    calibration = calibrate(bare)
    assert not calibration.learnt
    references = FakeEncoder().encode_texts(list(REFERENCES))
    assert refer(bare, calibration, references).text != calibration.text
    assert len(UNSEEN) == len(set(UNSEEN))


def test_captions_like_one_text_fit_no_better_than_chance() -> None:
    """Names of programs lie close together: what one fits, all fit, and none its own picture."""
    rng = np.random.default_rng(5)
    fifth = np.where(rng.random(40) < 0.25, 2.0, 0.0).astype(np.float32)
    alike = fifth + rng.normal(0, 0.1, (40, 40)).astype(np.float32)
    assert (alike.diagonal() >= 1.5).mean() > 0.2
    assert fits(alike.diagonal(), alike) < 0.12
    own = 3 * np.eye(40, dtype=np.float32)
    assert fits(own.diagonal(), own) == 1
