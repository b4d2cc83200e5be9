"""The one place where an exception becomes words, a count and a line of the log."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from bot.i18n.messages import Words
from bot.protocol.ports import Counters
from bot.protocol.replies import ErrorInfo
from core.domain.errors import MachineBusy, TangerineError, Unavailable

_HIDDEN = "[asked]"


def new_incident() -> str:
    """A short id, by which what is told and what is logged belong together."""
    return secrets.token_hex(4)


def places_of(error: BaseException) -> str:
    """The places that an exception came through, without its own words."""
    return "".join(traceback.format_tb(error.__traceback__))


class Failures:
    """Explains exceptions. What was asked never reaches the log, only where it went wrong.

    ``log`` is a structlog logger; None takes the program's own. ``told`` writes the commands of
    a remedy as they have to be typed here.
    """

    def __init__(
        self, counters: Counters, *, log: Any = None, told: Callable[[str], str] = str
    ) -> None:
        self._counters = counters
        self._told = told
        self._log = log if log is not None else structlog.get_logger("bot")

    def explain(
        self, error: Exception, words: Words, *, asked: Iterable[str] = (), **context: str
    ) -> ErrorInfo:
        """The words for an error, counted by its code.

        What is for the operator alone is logged with its cause and remedy. An error that is
        not a TangerineError is logged with its traceback, ``context`` and a short id that the
        words name; ``asked`` are the texts to take out of the traceback.
        """
        if isinstance(error, TangerineError):
            self._counters.error(error.code)
            if error.for_operator:
                # The chat is told to tell the operator, who has to find it here.
                self._log.error("failed", code=error.code, cause=error.message, remedy=error.remedy)
            message, remedy = words.error(error)
            retry_after = (
                error.retry_after if isinstance(error, Unavailable | MachineBusy) else None
            )
            return ErrorInfo(error.code, self._told(message), self._told(remedy), retry_after)
        trace = "".join(traceback.format_exception(error))
        for text in sorted(filter(None, asked), key=len, reverse=True):
            trace = trace.replace(text, _HIDDEN)
        incident = self._log_incident(error, trace, context)
        message, remedy = words.incident(incident)
        return ErrorInfo("internal", message, remedy, None, incident)

    def incident(self, error: BaseException, **context: str) -> str:
        """The short id under which the log has what ended a work that nobody asked for.

        It is counted, and logged by the places that it came through: its own words may quote
        what people wrote.
        """
        return self._log_incident(error, places_of(error), context)

    def _log_incident(self, error: BaseException, trace: str, context: dict[str, str]) -> str:
        incident = new_incident()
        self._counters.error("internal")
        self._log.error(
            "unexpected error",
            incident=incident,
            error=type(error).__name__,
            traceback=trace,
            **context,
        )
        return incident
