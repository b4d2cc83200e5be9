"""The towers on a GPU: half precision, recorded batches, and one wait for each call.

Pixels travel as bytes, from pinned memory, and become numbers on the device. Nothing but
:meth:`CudaTowers.gather` waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from cachetools import LRUCache
from numpy.typing import NDArray

from core.domain.types import PixelBatch, Vectors
from core.encoder.backends.base import BatchSizes, Inputs
from core.encoder.backends.clip import ClipTexts
from core.encoder.backends.sequence_packing import IDS
from core.encoder.backends.torch import PictureTower, TextTower, unit
from core.encoder.batch_limit import is_out_of_memory
from core.encoder.preprocessor_config import Preprocessing

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


_SIZES = BatchSizes(texts=256, pictures=256, length_step=8)
"""Lengths are rounded up: few shapes, and tensor cores like multiples of 8."""

_WARM_UP = 2
"""Runs before a recording, in which libraries choose kernels and take their workspace."""


class CudaRecorder:
    """Records CUDA graphs that share one pool of memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def stage(self, array: NDArray[Any]) -> torch.Tensor:
        """Through pinned memory, which torch gives out again once the copy is done."""
        dtype = torch.uint8 if array.dtype.name == "uint8" else torch.int64
        buffer = torch.empty(array.shape, dtype=dtype, pin_memory=True)
        buffer.numpy()[...] = array
        return buffer.to(self._device, non_blocking=True)

    def record(
        self, function: Function, inputs: Sequence[torch.Tensor]
    ) -> Callable[[], torch.Tensor] | None:
        """A graph of the function; None where it waits for the GPU or allocates on the host."""
        graph = torch.cuda.CUDAGraph()
        try:
            # As torch's documentation prescribes: on a side stream, or capturing is refused.
            side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # theirs
            side.wait_stream(torch.cuda.current_stream(self._device))
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    function(*inputs)
            torch.cuda.current_stream(self._device).wait_stream(side)
            with torch.cuda.graph(graph, pool=self._pool):
                output = function(*inputs)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            return None

        def replay() -> torch.Tensor:
            graph.replay()
            found: torch.Tensor = output
            return found

        return replay


class CudaTowers:
    """The towers as transformers runs them (``core.encoder.backends.base.Towers``), on a GPU.

    ``model`` is in eval mode on its device, in the precision that it is to compute in.
    """

    backend = "torch"
    sizes = _SIZES

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        self._model = model
        self._recorder = CudaRecorder(model.device)
        tower = PictureTower(model, preprocessing)
        self._pictures = self._recorded(tower)
        self._texts: Recorded | None = None
        # In rows of their own: recordings are of a few shapes, which single rows are not.
        self._clip = ClipTexts.of(model)
        self._clip_texts = self._recorded(self._clip.padded) if self._clip is not None else None
        self.device = str(model.device)
        self.precision = str(model.dtype).removeprefix("torch.")

    def texts(self, inputs: Inputs) -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor
            if self._clip_texts and self._clip and self._clip.packing.knows(inputs):
                found = self._clip_texts(inputs[IDS])
            else:
                if self._texts is None:
                    # A tokenizer gives the same arrays every time.
                    self._texts = self._recorded(TextTower(self._model, tuple(inputs)))
                found = self._texts(*inputs.values())
        return found

    def pictures(self, pixels: PixelBatch) -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = self._pictures(pixels)
        return found

    def gather(self, parts: Sequence[torch.Tensor]) -> Vectors:
        """All vectors of these parts; waits for the GPU."""
        vectors: Vectors = torch.cat(list(parts)).cpu().numpy()
        return vectors

    def release(self) -> None:
        """Drop recordings and cached blocks."""
        self._pictures.forget()
        for recorded in (self._texts, self._clip_texts):
            if recorded is not None:
                recorded.forget()
        torch.cuda.empty_cache()

    def _recorded(self, tower: Callable[..., torch.Tensor]) -> Recorded:
        return Recorded(lambda *arrays: unit(tower(*arrays)), self._recorder)
