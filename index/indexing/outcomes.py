"""How a reindex ended, as JSON for other processes: its report or its error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from core.domain.errors import TangerineError, Unavailable, every_error
from core.domain.types import Failure, LeftOut, ReindexReport


def report_to_json(report: ReindexReport) -> dict[str, Any]:
    return asdict(report)


def report_from_json(told: Mapping[str, Any]) -> ReindexReport:
    left_out = told["left_out"]
    return ReindexReport(
        **{
            **told,
            "failed": tuple(Failure(**each) for each in told["failed"]),
            "left_out": LeftOut(
                unopened=tuple((name, count) for name, count in left_out["unopened"]),
                no_pictures=left_out["no_pictures"],
                excluded=tuple(left_out["excluded"]),
            ),
        }
    )


def error_to_json(error: TangerineError) -> dict[str, Any]:
    """Its class, its sentences and their facts."""
    cause, remedy = error.sentences
    facts = {k: v for k, v in error.facts.items() if not isinstance(v, timedelta)}
    return {"error": type(error).__name__, "cause": cause, "remedy": remedy, "facts": facts}


def error_from_json(told: Mapping[str, Any]) -> TangerineError:
    """The same error; of the general class where this version does not know its own."""
    kinds = {kind.__name__: kind for kind in every_error()}
    kind = kinds.get(told["error"], TangerineError)
    # As it was pickled: classes may want other arguments, of which they make what is told.
    error = kind.__new__(kind, told["cause"])
    error.sentences, error.facts = (told["cause"], told["remedy"]), told["facts"]
    if isinstance(error, Unavailable):
        error.retry_after = 1.0
    return error
