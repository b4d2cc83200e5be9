"""Groups of a map: which pictures belong together, and what a group is called."""

from __future__ import annotations

import numpy as np
import pytest

from core.search.clusters import candidates_of, group, k_means
from tests.core.search.test_projection import in_pieces
from tests.fakes import FakeEncoder


def test_groups_are_those_that_lie_together() -> None:
    """Separate clouds become separate groups, the largest first, the same ones every time."""
    rng = np.random.default_rng(5)
    sizes = (40, 90, 20)
    clouds = [rng.normal(size=(n, 6)) * 0.1 + 3 * np.eye(6)[i] for i, n in enumerate(sizes)]
    vectors = np.concatenate(clouds).astype(np.float32)
    found, again = group(in_pieces(vectors), (), 3), group(in_pieces(vectors, 50), (), 3)
    assert found.of.tolist() == [1] * 40 + [0] * 90 + [2] * 20
    assert np.array_equal(found.of, again.of)
    assert found.named([]).names == ("", "", "")


def test_no_more_groups_than_pictures_differ() -> None:
    """Equal pictures make one group, none make none, whatever was asked for."""
    equal = np.ones((9, 4), dtype=np.float32)
    assert group(in_pieces(equal), (), 5).named([]).names == ("",)
    assert len(k_means(np.eye(3, dtype=np.float32), 12)) == 3
    assert group(in_pieces(equal[:0]), (), 5).named([]).names == ()


def test_centres_are_means_of_their_points() -> None:
    """No point lies nearer to another centre, and each centre is in the middle of its own."""
    points = np.random.default_rng(2).normal(size=(300, 3)).astype(np.float32)
    centres = k_means(points, 5)
    nearest = np.linalg.norm(points[:, None] - centres[None], axis=2).argmin(axis=1)
    means = np.stack([points[nearest == number].mean(axis=0) for number in range(5)])
    assert np.abs(centres - means).max() < 0.05


def test_candidates_are_words_of_this_group_alone() -> None:
    """Words of all groups and words used once are none; capitals are those used least."""
    apples = [f"The apple in number {once}" for once in ("one", "two", "three", "four")]
    pears = ["the pear", "the Pear, ripe", "a Pear in the sun", "the Pear, cut"]
    captions = [(text, row) for row, text in enumerate((*apples, *pears))]
    of = np.repeat([0, 1], 4)
    first, second = candidates_of(captions, of, 2)
    assert first == ("apple", "number", "in")
    assert second == ("pear",)


def test_a_name_is_the_word_that_means_the_pictures() -> None:
    """Of equally frequent words the model takes the one in the group's direction."""
    encoder = FakeEncoder()
    # Only the meaning tells the two words of a caption apart; the other one comes first in ABC.
    captions = [(f"some a{colour} {colour}", row) for row, colour in enumerate(["red", "blue"] * 4)]
    vectors = encoder.encode_texts([("red", "blue")[row % 2] for row in range(8)])
    unnamed = group(in_pieces(vectors), captions, 2)
    assert {"red", "ared"} <= set(unnamed.words)
    names = unnamed.named(list(encoder.encode_texts(unnamed.words))).names
    assert sorted(names) == ["blue", "red"]


@pytest.mark.parametrize(
    ("captions", "names"),
    [
        ([("赤い果物の絵", 0), ("青い空", 1)], ("赤い果物の絵",)),
        ([("a very long caption that says many things at once", 0)], ("a",)),
        ([], ("",)),
    ],
)
def test_a_group_without_common_words_has_its_first_caption(
    captions: list[tuple[str, int]], names: tuple[str, ...]
) -> None:
    """Text without spaces repeats no words; without captions there is no name."""
    unnamed = group(in_pieces(np.ones((2, 4), dtype=np.float32)), captions, 1)
    assert unnamed.words == ()
    (name,) = unnamed.named([]).names
    assert name.startswith(names[0])
    assert len(name) <= 28
