"""A picture and a text in one query: the vector, the words, and what hits are worth."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.types import Band, Vectors
from core.search.calibration import BEST_FIRST, Calibration, Thresholds
from core.search.captions import CaptionScale
from core.search.mixed_calibration import WORDS_SUFFICE, MixedThresholds, mixed_thresholds, said
from core.search.mixed_query import mix, wish
from core.search.rules import SearchRules
from core.search.service import Search
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fakes import COLOURS, FakeDecoder, FakeEmbedder, picture_bytes

_PICTURE = np.array([0.0, 0.6, 0.8], dtype=np.float32)
_TEXT = np.array([1.0, 0.0, 0.0], dtype=np.float32)


def calibration(captions: list[list[float]]) -> Calibration:
    """A collection with these caption vectors."""
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(64, 3)).astype(np.float32)
    none = Thresholds(fair=0.0, strong=0.0)
    told: Vectors = np.array(captions, dtype=np.float32).reshape(-1, 3)
    return Calibration(sample, none, none, CaptionScale(told))


@pytest.mark.parametrize("captions", [[[0.6, 0.8, 0.0]], [[0.6, 0.8, 0.0], [0.0, 1.0, 0.0]]])
def test_what_no_text_sees_of_a_picture_is_left_out_of_a_mixture(
    captions: list[list[float]],
) -> None:
    """A coordinate in which neither the text nor any caption has anything says no meaning."""
    mixed = mix(_PICTURE, _TEXT, 0.5, calibration(captions)).vector
    assert mixed[2] == 0
    assert min(mixed[0], mixed[1]) > 0
    assert np.linalg.norm(mixed) == pytest.approx(1)


def test_what_one_caption_sees_stays() -> None:
    """The text at hand may lack it by chance."""
    mixed = mix(_PICTURE, _TEXT, 0.5, calibration([[0.6, 0.8, 0.0], [0.0, 0.6, 0.8]])).vector
    assert mixed[2] / mixed[1] == pytest.approx(0.8 / 0.6)


def test_the_weight_of_the_text_goes_from_nothing_to_all() -> None:
    """At 0 the picture alone, at 1 the text alone."""
    known = calibration([[1.0, 1.0, 1.0]])
    assert mix(_PICTURE, _TEXT, 0.0, known).vector == pytest.approx(_PICTURE)
    assert mix(_PICTURE, _TEXT, 1.0, known).vector == pytest.approx(_TEXT)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("but red", "red"),
        ("The same, but red", "red"),
        ("like this one but in blue", "in blue"),
        ("aber rot", "rot"),
        ("das gleiche in rot", "in rot"),
        ("lo mismo pero rojo", "rojo"),
        ("mas vermelho", "vermelho"),
        ("でも赤い", "赤い"),
        ("butter", "butter"),
        ("a masala, but red", "a masala, but red"),
        ("but", "but"),
    ],
)
def test_words_that_only_lead_in_are_no_wish(words: str, wanted: str) -> None:
    """In every language of the replies, and where something follows them."""
    assert wish(words) == wanted


@pytest.mark.parametrize(
    ("looks", "words", "band"),
    [
        (4.0, 4.0, Band.STRONG),
        (12.0, 1.0, Band.STRONG),
        (2.0, 2.0, Band.FAIR),
        (9.0, 0.3, Band.WEAK),
        (0.3, 9.0, Band.WEAK),
        (10.0, 0.0, Band.FAIR),
        (-1.0, 11.0, Band.FAIR),
        (1.0, 1.0, Band.WEAK),
        (-3.0, -3.0, Band.WEAK),
    ],
)
def test_a_strong_hit_fits_both(looks: float, words: float, band: Band) -> None:
    """One of the two alone makes it fair at most, and only where it fits that very well."""
    thresholds = MixedThresholds(fair=2.0, strong=3.4, enough=5.0)
    place = thresholds.places(np.array([looks]), np.array([words]))[0]
    assert BEST_FIRST[place] is band


def test_captions_raise_words_so_far_that_they_suffice() -> None:
    """Beyond that the looks decide; without a lift, and above it, scores stay as they are."""
    scores, lifts = np.array([1.0, 1.0, 12.0, 12.0]), np.array([0.0, 50.0, 50.0, 0.0])
    assert said(scores, lifts).tolist() == [1.0, WORDS_SUFFICE, 12.0, 12.0]


def test_thresholds_are_what_noise_reaches() -> None:
    """Fair by pictures related to neither part, the others by what need not be related to both."""
    looks = np.tile([[9.0, 1.0, 4.0, 16.0]], (40, 1))
    words = np.tile([[9.0, 1.0, 9.0, 1.0]], (40, 1))
    picture = np.tile([[True, False, False, True]], (40, 1))
    text = np.tile([[True, False, True, False]], (40, 1))
    same = np.tile([[True, False, False, False]], (40, 1))
    found = mixed_thresholds(looks, words, picture, text, same)
    assert (found.fair, found.strong, found.enough) == pytest.approx((1.0, 6.0, 8.5))


async def test_of_pictures_that_look_the_same_words_find_the_other() -> None:
    """The posted picture is no answer, nor its copies, but what the words are said of is."""
    plain = [(colour, f"plain {colour} {n}") for n in range(9) for colour in COLOURS]
    snapshot = FakeSnapshot.of([*plain, ("red", "zebra crossing")])
    search = Search(
        FakeLibrary({"gallery": snapshot}),
        FakeEmbedder(),
        FakeDecoder(),
        rules=SearchRules(duplicate_cosine=0.5),
    )
    posted = picture_bytes("red", seed=999)
    hits = (await search.similar(posted, community="web", text="zebra crossing", k=40)).hits
    red = [hit.picture.caption for hit in hits if hit.picture.path.startswith("red")]
    assert red == ["zebra crossing"]
    assert hits[0].picture.caption == "zebra crossing"
