"""The JSON of the command line and of the HTTP API: one shape for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.ports import ModelCard
from core.types import (
    Classification,
    CollectionStatus,
    DescribeResult,
    ReindexReport,
    SearchResult,
)

Json = dict[str, Any]

# More digits than a float32 cosine holds would only look exact.
_DIGITS = 6


def search_view(result: SearchResult) -> Json:
    """Find and similar: ``{"query", "collection", "hits": [...]}``."""
    return {
        "query": result.query,
        "collection": result.collection,
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.picture.id,
                "path": hit.picture.path,
                "caption": hit.picture.caption,
                "score": round(hit.score, _DIGITS),
                "band": hit.band.value,
            }
            for hit in result.hits
        ],
    }


def describe_view(result: DescribeResult) -> Json:
    """Describe: ``{"hits": [{"rank", "caption", "score", "id", "path"}]}``."""
    return {
        "hits": [
            {
                "rank": hit.rank,
                "caption": hit.caption,
                "score": round(hit.score, _DIGITS),
                "id": hit.picture.id,
                "path": hit.picture.path,
            }
            for hit in result.hits
        ]
    }


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
        "failed": [
            {"path": failure.path, "code": failure.code, "reason": failure.reason}
            for failure in report.failed
        ],
        "seconds": round(report.seconds, 3),
    }


def status_view(model: ModelCard, collections: Sequence[CollectionStatus]) -> Json:
    """Status: the model and ``"collections": [{"name", "pictures", "captions", ...}]``."""
    return {
        "model": model.name,
        "dimension": model.dimension,
        "device": model.device,
        "collections": [
            {
                "name": status.name,
                "pictures": status.pictures,
                "captions": status.captions,
                "index": status.index,
                "generation": status.generation,
            }
            for status in collections
        ],
    }
