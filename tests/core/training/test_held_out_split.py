"""What teaches and what measures have nothing in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.training.pairs import held_out_split


@settings(deadline=None, max_examples=150)
@given(
    edges=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=80),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 1000),
)
def test_neither_caption_nor_picture_is_on_both_sides(
    edges: list[tuple[int, int]], share: float, seed: int
) -> None:
    """By caption, both are new to the model; by picture, the pictures are."""
    # Twenty pairs apart from all others, so that there always is something to hold out.
    edges = [*edges, *((40 + n, 40 + n) for n in range(20))]
    pictures, captions = (
        np.unique([e[side] for e in edges], return_inverse=True)[1] for side in (0, 1)
    )
    split = held_out_split(pictures, captions, share, seed)
    assert sorted([*split.learn, *split.test]) == list(range(len(edges)))
    assert not set(pictures[split.learn]) & set(pictures[split.test])
    if split.by == "caption":
        assert not set(captions[split.learn]) & set(captions[split.test])
        held = len(set(captions[split.test]))
        assert 2 <= held <= max(2, round(share * len(set(captions))))


def test_the_share_is_met_where_captions_are_apart() -> None:
    """A hundred pairs and a quarter: 25 captions, other ones with another seed."""
    each = np.arange(100)
    first, again, other = (held_out_split(each, each, 0.25, seed) for seed in (0, 0, 1))
    assert (len(first.test), first.by) == (25, "caption")
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize("per_label", [4, 300])
def test_of_labels_pictures_are_held_out(per_label: int) -> None:
    """Ten classes are all trained with; what is new are pictures of them."""
    pictures = np.arange(10 * per_label)
    split = held_out_split(pictures, pictures % 10, 0.2, 0)
    assert (split.by, len(split.test)) == ("picture", 2 * per_label)


def test_captions_that_all_hang_together_leave_pictures_to_hold_out() -> None:
    """A chain: each picture shares a caption with the next."""
    pictures = np.repeat(np.arange(30), 2)
    captions = np.array([n for p in range(30) for n in (p, p + 1)])
    split = held_out_split(pictures, captions, 0.2, 0)
    assert split.by == "picture"
    assert len(set(pictures[split.test])) == 6
    assert not set(pictures[split.learn]) & set(pictures[split.test])
