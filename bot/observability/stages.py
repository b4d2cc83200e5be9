"""Times the ports that a search goes through, to see where the time of an answer goes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from bot.protocol.ports import Tracer

Observe = Callable[[str, float], None]
"""Gets the name of a stage and its seconds, whether it succeeded or raised."""

_Port = TypeVar("_Port")


class Stages:
    """Records the time of each stage in a histogram, and as spans of the request."""

    def __init__(self, observe: Observe, tracer: Tracer) -> None:
        self._observe = observe
        self._tracer = tracer

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Tell of what is done inside, whether it succeeds or raises."""
        started = time.perf_counter()
        with self._tracer.span(stage):
            try:
                yield
            finally:
                self._observe(stage, time.perf_counter() - started)

    def around(self, port: _Port, **stages: str) -> _Port:
        """The port with a clock at some of its async methods: ``method="stage"``."""
        return cast("_Port", _TimedPort(port, self, stages))


class _TimedPort:
    """Everything that the port is, but for the methods that are timed."""

    def __init__(self, port: object, stages: Stages, methods: dict[str, str]) -> None:
        self._port = port
        for name, stage in methods.items():
            setattr(self, name, _timed(port, name, stages, stage))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def _timed(port: object, method: str, stages: Stages, stage: str) -> Callable[..., Awaitable[Any]]:
    async def timed(*arguments: Any, **options: Any) -> Any:
        with stages.timed(stage):
            return await getattr(port, method)(*arguments, **options)

    return timed
