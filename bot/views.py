"""The JSON of the command line and of the HTTP API: one shape for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.ports import ModelCard
from core.trials import EncoderChoice
from core.types import (
    Classification,
    CollectionStatus,
    DescribeResult,
    Failure,
    FoundBy,
    ReindexReport,
    SearchResult,
    SoFar,
)

Json = dict[str, Any]

# More digits than a float32 cosine holds would only look exact.
_DIGITS = 6


def search_view(result: SearchResult) -> Json:
    """Find and similar: ``{"query", "collection", "hits": [...]}``.

    And ``"so_far": {"searched", "total"}`` while the collection is indexed for the first time.
    """
    return {
        "query": result.query,
        "collection": result.collection,
        **_so_far(result.so_far),
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.picture.id,
                "path": hit.picture.path,
                "caption": hit.picture.caption,
                "score": round(hit.score, _DIGITS),
                "band": hit.band.value,
                "found_by": (hit.found_by or FoundBy.PICTURE).value,
                "tag": hit.tag,
            }
            for hit in result.hits
        ],
    }


def describe_view(result: DescribeResult) -> Json:
    """Describe: ``{"hits": [{"rank", "caption", "score", "id", "path"}]}``, ``so_far`` as above."""
    return {
        **_so_far(result.so_far),
        "hits": [
            {
                "rank": hit.rank,
                "caption": hit.caption,
                "score": round(hit.score, _DIGITS),
                "id": hit.picture.id,
                "path": hit.picture.path,
            }
            for hit in result.hits
        ],
    }


def _so_far(so_far: SoFar | None) -> Json:
    if so_far is None:
        return {}
    return {"so_far": {"searched": so_far.searched, "total": so_far.total}}


def classify_view(result: Classification) -> Json:
    """Classify: ``{"labels": [{"label", "probability", "score"}], "none_fits"}``."""
    return {
        "labels": [
            {
                "label": label.label,
                "probability": round(label.probability, _DIGITS),
                "score": round(label.score, _DIGITS),
            }
            for label in result.labels
        ],
        "none_fits": result.none_fits,
    }


def reindex_view(report: ReindexReport) -> Json:
    """Reindex: the counts, ``"failed": [{"path", "code", "reason"}]`` and ``"seconds"``."""
    return {
        "collection": report.collection,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "failed": failures_view(report.failed),
        "seconds": round(report.seconds, 3),
    }


def failures_view(failed: Sequence[Failure]) -> list[Json]:
    """What could not be read: ``[{"path", "code", "reason"}]``."""
    return [
        {"path": failure.path, "code": failure.code, "reason": failure.reason} for failure in failed
    ]


def engine_of(status: CollectionStatus) -> str:
    """The engine of a collection, with the measured recall of one that may miss a picture."""
    if status.recall is None:
        return status.index
    return f"{status.index}, recall@10 {status.recall:.3f}"


def encoder_view(choice: EncoderChoice | None) -> Json | None:
    """How the model runs: ``{"backend", "precision", "trials": [...], "refused": [...]}``.

    A trial is ``{"backend", "precision", "cosine", "texts", "pictures", "overlap"}``: against
    torch in float32, the lowest cosine, how many times as fast, and the share of the ten best
    results in common (null where it was not looked at).
    """
    if choice is None:
        return None
    return {
        "backend": choice.backend,
        "precision": choice.precision,
        "trials": [
            {
                "backend": trial.backend,
                "precision": trial.precision,
                "cosine": round(trial.cosine, _DIGITS),
                "texts": round(trial.texts, 2),
                "pictures": round(trial.pictures, 2),
                "overlap": None if trial.overlap is None else round(trial.overlap, _DIGITS),
            }
            for trial in choice.trials
        ],
        "refused": list(choice.refused),
    }


def encoder_lines(model: ModelCard) -> list[str]:
    """The same for people: a line for each trial, and for each refusal."""
    if model.choice is None:
        return []
    lines = []
    for trial in model.choice.trials:
        found = "" if trial.overlap is None else f", {trial.overlap:.1%} of its results"
        lines.append(
            f"  {trial.backend} {trial.precision} beside torch float32: texts "
            f"{trial.texts:.2f} and pictures {trial.pictures:.2f} times as fast, "
            f"cosine {trial.cosine:.5f}{found}"
        )
    return lines + [f"  not used: {reason}" for reason in model.choice.refused]


def status_view(model: ModelCard, collections: Sequence[CollectionStatus]) -> Json:
    """Status: the model and ``"collections": [{"name", "pictures", "captions", ...}]``."""
    return {
        "model": model.name,
        "dimension": model.dimension,
        "device": model.device,
        "encoder": encoder_view(model.choice),
        "collections": [
            {
                "name": status.name,
                "pictures": status.pictures,
                "captions": status.captions,
                "index": status.index,
                "generation": status.generation,
                # Only where something may be missed: exact search has none to tell.
                **({} if status.recall is None else {"recall": status.recall}),
            }
            for status in collections
        ],
    }
