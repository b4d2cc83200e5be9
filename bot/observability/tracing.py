"""An id for each request, in every line of the log that is written on its behalf.

The id lies in a context variable, which tasks and :func:`asyncio.to_thread` hand on: lines of
the core and of the index carry it as those of the adapters do. A batch of the encoder serves
several requests and carries none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

from bot.protocol.ports import Span

_KEY = "request"
_BITS = 32

_scoped: ContextVar[bool] = ContextVar("scoped", default=False)


def begin_request(platform: str) -> None:
    """Name the request that this task works on from now on.

    Chat platforms give each event a task of its own, so the name also stands in what the
    adapter says once the answer is made. Inside of :func:`request_scope` it stays.
    """
    if not _scoped.get():
        bind_contextvars(**{_KEY: _new_id(), "platform": platform})


@contextmanager
def request_scope(platform: str) -> Iterator[str]:
    """Name one request of a task that serves several, as a connection's does; gives its id."""
    name = _new_id()
    scoped = _scoped.set(True)
    bound = bind_contextvars(**{_KEY: name, "platform": platform})
    try:
        yield name
    finally:
        reset_contextvars(**bound)
        _scoped.reset(scoped)


def current_request() -> str | None:
    """The id of the request that this task works on, None outside of any."""
    name = get_contextvars().get(_KEY)
    return str(name) if name is not None else None


class NoTracer:
    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[Span]:
        del name, attributes
        return _NOTHING


class _Nothing:
    def tell(self, **attributes: str | int) -> None:
        """See the port."""

    def failed(self, code: str) -> None:
        """See the port."""


_NOTHING = nullcontext(_Nothing())


def _new_id() -> str:
    # Not os.urandom: a system call lets other threads go first, which is 2 ms under load.
    return f"{random.getrandbits(_BITS):0{_BITS // 4}x}"
