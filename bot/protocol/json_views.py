"""The JSON of the command line and of the HTTP API: one shape for both."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bot.protocol.ports import ModelCard
from core.domain.types import (
    UPLOADED,
    Classification,
    CollectionStatus,
    DescribeResult,
    Failure,
    FoundBy,
    Hit,
    Look,
    Picture,
    ReindexReport,
    SearchResult,
    SoFar,
    WordsProgress,
)
from core.encoder.choice import EncoderChoice
from core.search.browse import BrowsedPage, Detail, Shown

Json = dict[str, Any]

# More digits than a float32 cosine holds would only look exact.
_DIGITS = 6

_DATES = 8192
"""Dates in memory as they are written: what many ask for is shown again and again."""


def search_view(result: SearchResult) -> Json:
    """Find and similar: ``{"query", "collection", "hits": [...]}``.

    ``caption_score`` is there where a caption speaks for the picture, ``text``, the line that
    matched, where words in the picture do; ``at_s``, the second of the frame that matched, where
    the picture moves. And ``"so_far": {"searched", "total"}`` while the collection is indexed for
    the first time, ``"by_letters": true`` while it is encoded anew for another model.
    """
    return {
        "query": result.query,
        "collection": result.collection,
        **_so_far(result.so_far),
        **({"by_letters": True} if result.by_letters else {}),
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.picture.id,
                "path": hit.picture.path,
                "caption": hit.picture.caption,
                "match": round(hit.match, _DIGITS),
                "score": round(hit.score, _DIGITS),
                **_caption_score(hit),
                "band": hit.band.value,
                "found_by": (hit.found_by or FoundBy.PICTURE).value,
                "tag": hit.tag,
                **({} if hit.text is None else {"text": hit.text}),
                **({} if hit.at_s is None else {"at_s": round(hit.at_s, 3)}),
            }
            for hit in result.hits
        ],
    }


def _caption_score(hit: Hit) -> Json:
    if hit.caption_score is None:
        return {}
    return {"caption_score": round(hit.caption_score, _DIGITS)}


def page_view(page: BrowsedPage) -> Json:
    """Pictures by date: ``{"collection", "total", "pictures": [...], "next"}``.

    And ``"sampled": true`` where they are some of those of a collection that is too large.
    """
    return {
        "collection": page.collection,
        "total": page.total,
        "pictures": [shown_view(each) for each in page.pictures],
        "next": page.following,
        **({"sampled": True} if page.sampled else {}),
    }


def shown_view(shown: Shown) -> Json:
    """A picture: ``{"id", "caption", "width", "height", "placeholder", "date"}``."""
    picture = shown.picture
    return {"id": picture.id, "caption": picture.caption, **look_view(picture, shown.look)}


def look_view(picture: Picture, look: Look) -> Json:
    """What a page lays a picture out by before it is loaded.

    ``width`` and ``height`` in pixels as it is shown; ``placeholder`` an address that holds a
    tiny picture, null where there is none yet; ``date`` in UTC (RFC 3339), null where unknown.
    """
    tiny = base64.b64encode(look.placeholder).decode()
    return {
        "width": picture.width or None,
        "height": picture.height or None,
        "placeholder": f"data:image/webp;base64,{tiny}" if tiny else None,
        "date": _date(look.date),
    }


def detail_view(detail: Detail, *, size: int, kind: str | None, plays: bool) -> Json:
    """All about a picture; ``size`` in bytes, ``kind`` the format of its file, as ``JPEG``.

    ``plays``: it is a video, which a page plays.
    """
    picture = detail.shown.picture
    return {
        **shown_view(detail.shown),
        "collection": picture.collection,
        "path": picture.path,
        "bytes": size,
        "format": kind,
        "plays": plays,
        "captions": list(detail.captions),
        "labels": list(detail.labels),
        "uploaded": picture.path.startswith(UPLOADED),
    }


def grid_view(result: SearchResult, looks: Sequence[Look]) -> Json:
    """Find and similar for a page that lays out a grid; ``looks`` are those of the hits.

    :func:`search_view` with each hit's look, and ``"strong"``, ``"fair"`` and ``"more"``: how
    many hits of these bands there are from the first one on up to the last one here, and whether
    others follow. ``"doubtful"``: true where none is close, but the first may be right.
    """
    view = search_view(result)
    for shown, hit, look in zip(view["hits"], result.hits, looks, strict=True):
        shown.update(look_view(hit.picture, look))
    if result.doubtful:
        view["doubtful"] = True
    return {**view, "strong": result.strong, "fair": result.fair, "more": result.has_more}


@functools.lru_cache(_DATES)
def _date(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return (
            datetime.fromtimestamp(seconds, UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z")
        )
    except (OverflowError, OSError, ValueError):
        return None  # a file may say any time, also one beyond the year 9999


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
    """Reindex: the counts, ``"failed": [{"path", "code", "reason"}]`` and ``"seconds"``.

    Where a folder holds other files, also
    ``"left_out": {"unopened": {ending: files}, "no_pictures", "excluded": [path]}``.
    """
    left_out = report.left_out
    view: Json = {
        "collection": report.collection,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "failed": failures_view(report.failed),
        "seconds": round(report.seconds, 3),
    }
    if left_out.files or left_out.excluded:
        view["left_out"] = {
            "unopened": dict(left_out.unopened),
            "no_pictures": left_out.no_pictures,
            "excluded": list(left_out.excluded),
        }
    return view


def failures_view(failed: Sequence[Failure]) -> list[Json]:
    """What could not be read: ``[{"path", "code", "reason"}]``."""
    return [asdict(failure) for failure in failed]


def engine_of(status: CollectionStatus) -> str:
    """The engine of a collection, with the measured recall of one that may miss a picture."""
    if status.recall is None:
        return status.index
    return f"{status.index}, recall@10 {status.recall:.3f}"


def encoder_view(choice: EncoderChoice | None) -> Json | None:
    """How the model runs: ``{"backend", "precision", "exported", "trials", "refused"}``.

    ``exported``: it runs from an export, for which neither torch nor transformers is loaded.
    A trial is ``{"backend", "precision", "cosine", "texts", "pictures", "overlap"}``: against
    torch in float32, the lowest cosine, how many times as fast, and the share of the ten best
    results in common (null where it was not looked at).
    """
    if choice is None:
        return None
    return {
        "backend": choice.backend,
        "precision": choice.precision,
        "exported": choice.runs_from_export,
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
    """The same for people: what it is loaded by, a line for each trial, and for each refusal.

    Of encoders over HTTP one line, of who they are and which of them answer.
    """
    if model.encoders:
        told = ", ".join(f"{name} ({state})" for name, state in model.encoders.items())
        return [f"  over HTTP by {told}"]
    if model.choice is None:
        return []
    exported = model.choice.runs_from_export
    lines = [
        "  runs from its export, without torch and transformers"
        if exported
        else "  loaded by torch and transformers"
    ]
    for trial in model.choice.trials:
        found = "" if trial.overlap is None else f", {trial.overlap:.1%} of its results"
        lines.append(
            f"  {trial.backend} {trial.precision} beside torch float32: texts "
            f"{trial.texts:.2f} and pictures {trial.pictures:.2f} times as fast, "
            f"cosine {trial.cosine:.5f}{found}"
        )
    return lines + [f"  not used: {reason}" for reason in model.choice.refused]


def status_view(
    model: ModelCard,
    collections: Sequence[CollectionStatus],
    words: Mapping[str, WordsProgress] | None = None,
) -> Json:
    """Status: the model and ``"collections": [{"name", "pictures", "captions", ...}]``.

    Where words in pictures are read, also ``"words": {"read", "total", "with_words"}``, and
    ``"outdated": true`` where the vectors are of another model.
    """
    come = {name: asdict(each) for name, each in (words or {}).items()}
    return {
        "model": model.name,
        "dimension": model.dimension,
        "device": model.device,
        "encoder": encoder_view(model.choice),
        # Only where there are any.
        **(
            {"encoders": [{"url": url, "state": state} for url, state in model.encoders.items()]}
            if model.encoders
            else {}
        ),
        "collections": [
            {
                "name": status.name,
                "pictures": status.pictures,
                "captions": status.captions,
                "index": status.index,
                "generation": status.generation,
                # Only where something may be missed: exact search has none to tell.
                **({} if status.recall is None else {"recall": status.recall}),
                **({"words": come[status.name]} if status.name in come else {}),
                **({"outdated": True} if status.outdated else {}),
            }
            for status in collections
        ],
    }
