"""Work that is done again and again, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from core.domain.errors import CatalogueError, TangerineError

_log = structlog.get_logger(__name__)


async def repeated(
    work: Callable[[], Awaitable[object]],
    failure: str,
    every_s: float,
    *,
    first_s: float = 0.0,
    quotes_people: bool = False,
    **facts: str,
) -> NoReturn:
    """Do this ``first_s`` seconds from now, and again so long after its end, until cancelled.

    An error is logged as ``failure``, with the facts, and does not end it; one that comes time
    after time, as from a database that is away for hours, is logged once until all is well again.
    ``quotes_people``: its unexpected errors may, as a platform's do, so that their kind is logged
    alone.
    """
    told = ""
    await asyncio.sleep(first_s)
    while True:
        try:
            await work()
            told = ""
        except TangerineError as error:
            if told != error.code:
                # What a database says of itself; other errors may quote people.
                reason = {"reason": error.message} if isinstance(error, CatalogueError) else {}
                _log.warning(failure, code=error.code, **reason, **facts)
            told = error.code
        except Exception as error:  # noqa: BLE001 - one defect must not end it for good
            kind = type(error).__name__
            if told != kind and quotes_people:
                _log.error(failure, error=kind, **facts)
            elif told != kind:
                _log.exception(failure, **facts)
            told = kind
        await asyncio.sleep(every_s)
