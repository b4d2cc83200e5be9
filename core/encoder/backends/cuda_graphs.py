"""Work of a few fixed shapes, recorded once and replayed: what CUDA graphs ask for.

Starting the some hundred kernels of a small batch one by one takes the CPU longer than the GPU
needs to run them. A recording starts them all at once, but only for the shapes and the memory
that it was made with: batches are padded to the next of a few sizes, copied to where the
recording reads, and the rows that were added are dropped from what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

Function = Callable[..., Any]
"""Tensors of n rows in, a tensor of n rows out."""

BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Sizes that batches are padded to: at most half of the work is wasted, a quarter on average."""

_KEPT = 48
"""Recordings kept: nine sizes of pictures, and the usual sizes and lengths of texts."""


class Recorder(Protocol):
    """The device's part (on a GPU: ``core.encoder.backends.cuda.CudaRecorder``)."""

    def stage(self, array: NDArray[Any]) -> Any:
        """A tensor of this array on the device; the copy may still be going on."""

    def record(self, function: Function, inputs: Sequence[Any]) -> Callable[[], Any] | None:
        """A way to run ``function`` on what ``inputs`` hold at the time; None if there is none.

        What it returns is overwritten by the next run.
        """


def bucket_of(items: int, buckets: Sequence[int] = BUCKETS) -> int:
    """The smallest of the ascending ``buckets`` that holds ``items``; the items where none."""
    return next((size for size in buckets if size >= items), items)


def padded(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """The array with its last row repeated up to ``rows``: valid input, whatever the model."""
    missing = rows - len(array)
    if missing == 0:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


class Recorded:
    """Runs one function over batches of any size, from recordings where there are some.

    A shape is recorded when it comes for the second time: many come only once. A function
    that cannot be recorded runs as it is, from then on.
    """

    def __init__(self, function: Function, recorder: Recorder, *, kept: int = _KEPT) -> None:
        self._function = function
        self._recorder = recorder
        self._seen: LRUCache[Hashable, bool] = LRUCache(4 * kept)
        self._kept: LRUCache[Hashable, tuple[Sequence[Any], Callable[[], Any]]] = LRUCache(kept)
        self._possible = True

    def __call__(self, *arrays: NDArray[Any]) -> Any:
        """The function's tensor for arrays of n rows: n rows, not to be overwritten."""
        rows = len(arrays[0])
        size = bucket_of(rows)
        staged = [self._recorder.stage(padded(array, size)) for array in arrays]
        shape = tuple(array.shape[1:] for array in arrays)
        found = self._recording((size, shape), staged)
        if found is None:
            return self._function(*staged)[:rows]
        inputs, replay = found
        for target, source in zip(inputs, staged, strict=True):
            target.copy_(source)
        return replay()[:rows].clone()

    def forget(self) -> None:
        """Drop all recordings and the memory that they hold."""
        self._kept.clear()
        self._seen.clear()

    def _recording(
        self, key: Hashable, staged: Sequence[Any]
    ) -> tuple[Sequence[Any], Callable[[], Any]] | None:
        found = self._kept.get(key)
        if found is not None or not self._possible:
            return found
        if key not in self._seen:
            self._seen[key] = True
            return None
        inputs = [tensor.clone() for tensor in staged]
        replay = self._recorder.record(self._function, inputs)
        if replay is None:
            self._possible = False
            return None
        self._kept[key] = (inputs, replay)
        return self._kept[key]
