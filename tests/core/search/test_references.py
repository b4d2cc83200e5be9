"""What answers say where captions tell nothing: none, few, all alike, or none that fits."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.errors import Busy
from core.domain.types import SearchResult, Vectors
from core.search.calibration import calibrate, refer
from core.search.captions import fits
from core.search.references import (
    LOOKED_AT,
    REFERENCES,
    UNSEEN,
    Cuts,
    ReferenceThresholds,
    reference_thresholds,
)
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


NONSENSE = (
    *("???", "nuclear reactor", "jealousy", "an unpaid bill", "interest rates", "42", "why not"),
    *("insurance", "error 404", "best regards", "tomorrow", "voting", "yes", "lorem ipsum"),
    *("a treaty", "zzz", "version two", "the past", "grammar", "half past nine"),
)


@pytest.mark.parametrize("caption", ["", "signal", "Signal"])
async def test_thirty_equal_captions_make_nothing_strong(caption: str) -> None:
    """Nor do none: what has nothing to do with any of nine pictures is rarely fair by chance."""
    colours = [*sorted(COLOURS), *sorted(COLOURS), *sorted(COLOURS)] * 2
    search = search_over([(colour, caption) for colour in colours])
    results = [await found(search, text) for text in NONSENSE]
    assert sum(result.strong > 0 for result in results) <= 1
    assert sum(result.close_match for result in results) <= 3


async def test_the_right_one_of_a_few_bare_pictures_is_shown() -> None:
    """By its own name each colour is found, and shown, if with a word of doubt."""
    search = search_over([(colour, "") for colour in sorted(COLOURS)])
    for colour in COLOURS:
        result = await found(search, colour)
        assert result.hits[0].picture.path.startswith(colour)
        assert result.close_match or result.doubtful


async def test_references_are_encoded_once() -> None:
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


def _cuts(found: ReferenceThresholds, query: Vectors, pictures: Vectors) -> Cuts:
    cosines = pictures @ query
    best = np.argsort(-cosines)[:LOOKED_AT]
    middle = float(np.median(cosines))
    spread = middle, middle - float(np.quantile(cosines, 0.16))
    return found.cuts(spread, lambda: (cosines[best], pictures[best]))


@pytest.mark.parametrize("count", [1, 2, 10, 300, 2000])
def test_the_cuts_rise_from_doubt_to_strong(count: int) -> None:
    """Of any number of pictures, and of equal ones."""
    references = _directions(len(REFERENCES))
    for pictures in (_directions(count, seed=1), np.repeat(_directions(1, seed=2), count, axis=0)):
        found = reference_thresholds(pictures, references, 1.0)
        assert found.doubt <= found.fair <= found.strong
        cuts = _cuts(found, pictures[0], pictures)
        assert -1 <= cuts.doubt <= cuts.fair <= cuts.strong <= 1


def test_what_half_of_the_pictures_show_stands_out() -> None:
    """However many fit, and although some pictures are near to whatever is asked."""
    rng = np.random.default_rng(4)
    references, bird = _directions(len(REFERENCES)), _directions(1, seed=7)[0]
    hub = references.mean(axis=0) / np.linalg.norm(references.mean(axis=0))
    birds = np.arange(40) % 2 == 0
    shown = _directions(40, seed=1) + np.outer(rng.random(40), hub) + 2 * birds[:, None] * bird
    pictures = unit(shown.astype(np.float32))
    found = reference_thresholds(pictures, references, 1.0)
    cosines = pictures @ bird
    assert (cosines[birds] >= _cuts(found, bird, pictures).fair).mean() > 0.9
    assert (cosines[~birds] < _cuts(found, bird, pictures).fair).all()
    assert not np.isfinite(_cuts(found, _directions(1, seed=9)[0], pictures).strong)


def test_what_a_query_adds_to_all_pictures_tells_nothing() -> None:
    """What its cosines lie above those of all references, its cuts do, too."""
    references, pictures = _directions(len(REFERENCES)), _directions(200, seed=1)
    found = reference_thresholds(pictures, references, usual=-0.1)
    cosines = pictures @ pictures[0]
    best = np.argsort(-cosines)[:1]
    low, high = (
        found.cuts((added, 0.1), lambda added=added: (cosines[best] + added, pictures[best]))
        for added in (0.0, 0.3)
    )
    assert high.fair - low.fair == pytest.approx(0.3, abs=1e-4)


def test_captions_that_differ_and_fit_teach_by_themselves() -> None:
    """Captions that fit no picture teach nothing of pictures: then references tell alone."""
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
