"""What a criterion is worth on a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadSetting
from core.domain.viewer import Viewer, is_person
from core.search.moderation import (
    MAX_CRITERION,
    THRESHOLDS,
    Level,
    Meaning,
    Strictness,
    average_precision,
    meaning_of,
    prompts_of,
    tidy_criterion,
)
from tests.fakes import FakeEncoder, unit

DIMENSION = 64


def meaning(seed: int = 0) -> Meaning:
    """A criterion that a model understands somehow."""
    rng = np.random.default_rng(seed)
    return meaning_of(list(unit(rng.standard_normal((len(prompts_of("weapon")), DIMENSION)))))


def pictures(count: int, seed: int = 1) -> np.ndarray:
    """So many pictures of nothing."""
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


def test_a_picture_of_the_criterion_stands_far_out() -> None:
    """Among many pictures, and among a few, the one that shows it is held and the others not."""
    criterion = meaning()
    wanted = unit(criterion.words[None])
    for count in (500, 5):
        shown = np.vstack([pictures(count), wanted])
        scores = criterion.scorer(criterion.scores(shown))(shown)
        assert scores[-1] > THRESHOLDS[Strictness.LOW]
        assert np.argmax(scores) == count
        assert np.mean(scores[:-1] >= THRESHOLDS[Strictness.NORMAL]) < 0.05
        assert scores.dtype == np.float32


def test_scores_count_deviations_below_the_median() -> None:
    """A collection of which a fifth meets a criterion does not hide them from it."""
    criterion = meaning()
    direction = unit(criterion.direction[None])
    rare = np.vstack([pictures(400), np.repeat(direction, 4, axis=0)])
    common = np.vstack([pictures(400), np.repeat(direction, 100, axis=0)])
    for collection in (rare, common):
        scores = criterion.scorer(criterion.scores(collection))(direction)
        assert scores[0] >= THRESHOLDS[Strictness.NORMAL]


@given(st.integers(0, 2**16), st.integers(60, 200))
def test_the_scale_of_scores_is_of_no_account(seed: int, count: int) -> None:
    """Standard scores of a collection do not change where all its scores grow alike."""
    criterion = meaning(seed)
    shown = pictures(count, seed + 1)
    louder = Meaning(3 * criterion.direction, criterion.words, criterion.everyday)
    plain = criterion.scorer(criterion.scores(shown))(shown)
    assert np.allclose(louder.scorer(louder.scores(shown))(shown), plain, atol=1e-3)


def test_stricter_holds_more() -> None:
    """Whatever a low strictness holds, a higher one does too."""
    assert THRESHOLDS[Strictness.LOW] > THRESHOLDS[Strictness.NORMAL] > THRESHOLDS[Strictness.HIGH]


def test_a_meaning_contrasts_the_words_with_neutral_ones() -> None:
    """Of two pictures, the one of the named colour scores higher, by direction and alone."""
    encoder = FakeEncoder()
    red = meaning_of(list(encoder.encode_texts(prompts_of("red"))))
    colours = encoder.encode_texts(["red", "green"])
    assert red.scores(colours)[0] > red.scores(colours)[1] + 0.3
    few = red.scorer(np.empty(0, np.float32))(colours)
    assert few[0] > THRESHOLDS[Strictness.LOW] > few[1]


def test_average_precision_is_the_textbooks() -> None:
    """Right pictures at ranks 1 and 3 give (1 + 2/3) / 2; none gives 0; ties keep their order."""
    scores = np.array([4.0, 3.0, 2.0, 1.0], dtype=np.float32)
    assert average_precision(scores, np.array([True, False, True, False])) == pytest.approx(5 / 6)
    assert average_precision(scores, np.zeros(4, dtype=bool)) == 0
    assert average_precision(np.zeros(2, np.float32), np.array([False, True])) == 0.5


def test_precision_needs_decisions() -> None:
    """Without any decision there is no precision, rather than a good or a bad one."""
    assert Level(Strictness.LOW, held=3, removed=0, approved=0).precision is None
    assert Level(Strictness.LOW, held=3, removed=1, approved=3).precision == 0.25


def test_a_criterion_is_one_line_of_words() -> None:
    """White space is joined; nothing, and too much, are refused with what to do."""
    assert tidy_criterion("  naked \n people ") == "naked people"
    assert tidy_criterion("x" * MAX_CRITERION) == "x" * MAX_CRITERION
    for text in ("", " \n\0 ", "x" * (MAX_CRITERION + 1)):
        with pytest.raises(BadSetting) as refused:
            tidy_criterion(text)
        assert refused.value.remedy


def test_a_community_stands_for_itself_in_a_place_for_everybody() -> None:
    """Its name is enough for that; a place for adults alone is said."""
    assert Viewer.of("discord:5") == Viewer("discord:5", adults=False)
    assert Viewer.of(Viewer("discord:5", adults=True)).adults


@pytest.mark.parametrize(
    ("community", "alone"),
    [
        ("discord:dm:7", True),
        ("telegram:11", True),
        ("telegram:-1001", False),
        ("discord:5", False),
        ("web", False),
        ("local", False),
    ],
)
def test_who_is_alone_with_the_bot(community: str, *, alone: bool) -> None:
    """Private chats are told from groups and servers by their names."""
    assert Viewer(community).person is is_person(community) is alone
