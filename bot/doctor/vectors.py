"""The engine that has the vectors of large collections, as ``tangerine doctor`` looks at it."""

from __future__ import annotations

from contextlib import closing

from bot.doctor.findings import Findings, failed, fine, warning
from bot.engine.database import looked_at
from bot.engine.vectors import copied, milvus
from config.settings import Settings
from core.domain.errors import TangerineError


def check_vectors(settings: Settings) -> Findings:
    """Whether it answers, and how much of each collection it has. Blocking."""
    engine = milvus(settings)
    if engine is None:
        return []
    try:
        findings = [fine("vectors", f"{engine.name}, answers (version {engine.version()}).")]
        database = looked_at(settings)
        if database is None:
            return findings
        with closing(database):
            for name, come in copied(settings, database).items():
                told = f"{name}: {come.done:,} of {come.total:,} vectors are there"
                findings.append(
                    fine("vectors", f"{told}.")
                    if come.done == come.total
                    else warning(
                        "vectors",
                        f"{told}; pictures without one are not found.",
                        "A bot or worker copies them by itself; so does: tangerine reindex",
                    )
                )
    except TangerineError as error:
        return [failed("vectors", error.message, error.remedy)]
    return findings
