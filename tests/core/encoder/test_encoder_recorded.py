"""Batches of any size run from recordings of a few; what was added is never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.encoder.backends.cuda import BUCKETS, Recorded, bucket_of, padded

pytestmark = pytest.mark.model


class Tape:
    """Records on the CPU (``core.encoder.backends.cuda.Recorder``), with a GPU's rules.

    A replay reads what its inputs hold at the time and writes to one place, over and over.
    """

    def __init__(self, *, possible: bool = True) -> None:
        self.possible = possible
        self.recorded: list[tuple[int, ...]] = []
        self.replays = 0

    def stage(self, array: NDArray[Any]) -> torch.Tensor:
        """A copy."""
        return torch.from_numpy(array.copy())

    def record(
        self, function: Callable[..., Any], inputs: Sequence[Any]
    ) -> Callable[[], Any] | None:
        """The function over the inputs, into one tensor."""
        if not self.possible:
            return None
        self.recorded.append(tuple(inputs[0].shape))
        output = torch.full_like(function(*inputs), torch.nan)

        def replay() -> torch.Tensor:
            self.replays += 1
            return output.copy_(function(*inputs))

        return replay


def sums(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """A row for each row, of both."""
    return (first.float() * 3 + second.float()).sum(dim=1, keepdim=True)


def batch(rows: int, seed: int, length: int = 5) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two arrays of whole numbers."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 99, (rows, length)), rng.integers(0, 99, (rows, length))


@pytest.mark.parametrize(
    ("items", "size"), [(1, 1), (2, 2), (3, 4), (5, 8), (32, 32), (33, 64), (256, 256), (300, 300)]
)
def test_a_batch_takes_the_next_size(items: int, size: int) -> None:
    """Beyond the largest it stays as it is."""
    assert bucket_of(items) == size
    assert list(BUCKETS) == sorted(BUCKETS)


def test_padding_repeats_the_last_row() -> None:
    """Nothing is invented that a model might choke on; a full batch is not copied."""
    array = np.arange(6).reshape(3, 2)
    assert padded(array, 3) is array
    np.testing.assert_array_equal(padded(array, 5), [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from([3, 5])), max_size=30))
def test_every_batch_gets_its_own_rows(batches: list[tuple[int, int]]) -> None:
    """In any order of sizes: as many rows as asked, none of another batch, none overwritten."""
    tape = Tape()
    run = Recorded(sums, tape, kept=3)
    made = [batch(rows, seed, length) for seed, (rows, length) in enumerate(batches)]
    found = [run(*arrays) for arrays in made]
    for arrays, result in zip(made, found, strict=True):
        wanted = sums(*(torch.from_numpy(array) for array in arrays))
        assert torch.equal(result, wanted)


def test_a_shape_is_recorded_when_it_comes_again() -> None:
    """Once is no habit; three and four items share a size, another length is another shape."""
    tape = Tape()
    run = Recorded(sums, tape)
    run(*batch(3, 0))
    assert tape.recorded == []
    run(*batch(4, 1))
    assert tape.recorded == [(4, 5)]
    run(*batch(3, 2, length=6))
    run(*batch(3, 3))
    assert tape.recorded == [(4, 5)]
    assert tape.replays == 2


def test_recordings_are_bounded_and_can_be_dropped() -> None:
    """Memory of a GPU is what they cost: the least used goes, and all of them on demand."""
    tape = Tape()
    run = Recorded(sums, tape, kept=2)
    for rows in (1, 2, 4, 4, 2, 1, 1):
        run(*batch(rows, rows))
    assert tape.recorded == [(4, 5), (2, 5), (1, 5)]
    run(*batch(4, 0))
    assert len(tape.recorded) == 4
    run.forget()
    run(*batch(4, 0))
    assert len(tape.recorded) == 4


def test_what_cannot_be_recorded_runs_as_it_is() -> None:
    """A model that waits for the GPU inside is slower, not broken; it is tried once."""
    tape = Tape(possible=False)
    run = Recorded(sums, tape)
    for seed in range(4):
        arrays = batch(3, seed)
        assert torch.equal(run(*arrays), sums(*map(torch.from_numpy, arrays)))
    assert tape.recorded == []
    tape.possible = True
    run(*batch(3, 0))
    assert tape.recorded == []
