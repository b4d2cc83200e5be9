"""How many items go through a model at once, learnt from running out of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from core.domain.errors import EncodingFailed
from core.encoder.hub import first_line

T = TypeVar("T")

_OUT_OF_MEMORY = (
    # A GPU's is torch.OutOfMemoryError; a CPU without memory is a bare RuntimeError of
    # torch's allocator, and cuBLAS without memory one of its own.
    "ALLOC_FAILED",
    "DefaultCPUAllocator",
    "Failed to allocate",  # OpenVINO and ONNX Runtime
    "can't alloc",
    "not enough memory",
    "out of memory",
)

_RECOVERY = 64
"""Batches that have to succeed before a larger one is tried again: memory that another
program took for a while comes back, and one failed try in 64 costs next to nothing."""


class BatchLimit:
    """A batch size that halves when memory runs out and finds back when it lasts.

    ``most`` is where it starts and what it never exceeds.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError(f"a batch holds at least one item, not {most}")
        self._most = most
        self._successes = 0
        self.size = most

    def failed(self, items: int) -> None:
        """A batch of ``items`` did not fit: from now on half of it, at least one."""
        self._successes = 0
        self.size = max(1, items // 2)

    def succeeded(self) -> None:
        self._successes += 1
        if self.size < self._most and self._successes >= _RECOVERY:
            self._successes = 0
            self.size = min(self._most, 2 * self.size)


def in_batches(
    order: Sequence[int],
    limit: BatchLimit,
    forward: Callable[[Sequence[int]], T],
    release: Callable[[], None] | None = None,
) -> list[T]:
    """What ``forward`` returns for successive slices of ``order``, none larger than the limit.

    A slice that runs out of memory is tried again by halves, down to one item; ``release`` is
    called in between. Raises EncodingFailed for one item that does not fit, and for any other
    RuntimeError of the model.
    """
    done: list[T] = []
    start = 0
    while start < len(order):
        chosen = order[start : start + limit.size]
        try:
            done.append(forward(chosen))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise EncodingFailed(
                    "The model failed on this input ({reason}).", reason=first_line(error)
                ) from error
            if len(chosen) == 1:
                raise EncodingFailed(
                    "There is not enough memory to run the model on this input.",
                    remedy="Close other programs, or choose a smaller model.",
                ) from error
        else:
            limit.succeeded()
            start += len(chosen)
            continue
        # Only here, outside the handler, does nothing hold the tensors of the failed try.
        limit.failed(len(chosen))
        if release is not None:
            release()
    return done


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch (on any device) or numpy lacked memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return any(sign in str(error) for sign in _OUT_OF_MEMORY)
