"""What ``tangerine moderate`` does: criteria of any community, and dry runs."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.protocol.json_views import Json
from bot.terminal.console import Terminal
from bot.terminal.numbers import counted
from core.domain.choices import Strictness
from core.domain.errors import SourceError
from core.search.moderation import Criterion, Scores, Trial, average_precision

if TYPE_CHECKING:
    from bot.engine.engine import Engine

_VERDICTS = {"yes": True, "no": False}
_LEAST = 2
_DIGITS = 4


async def list_criteria(engine: Engine, terminal: Terminal, *, community: str, json: bool) -> int:
    """The task ``moderate-list``."""
    criteria = await engine.moderation.criteria(community)
    page = await engine.moderation.held(community=community, count=0)
    if json:
        kept = [_criterion_view(each) for each in criteria]
        terminal.json({"community": community, "criteria": kept, "waiting": page.total})
        return 0
    for each in criteria:
        terminal.line(f"{each.text}: {_described(each)}")
    waiting = counted(page.total, "picture waits", "pictures wait")
    terminal.line(f"{waiting} for a decision in {community}")
    return 0


async def add_criterion(
    engine: Engine,
    terminal: Terminal,
    *,
    criterion: str,
    strictness: str,
    age: bool,
    community: str,
) -> int:
    """The task ``moderate-add``."""
    wanted = Criterion(criterion, Strictness(strictness), age=age)
    count = await engine.moderation.add(wanted, community=community)
    terminal.note(f"{wanted.text!r} holds {counted(count, 'picture')} in {community}.")
    return 0


async def remove_criterion(
    engine: Engine, terminal: Terminal, *, criterion: str, community: str
) -> int:
    """The task ``moderate-remove``."""
    gone = await engine.moderation.drop(criterion, community=community)
    terminal.note(f"{gone.text!r} holds nothing any more in {community}.")
    return 0


async def try_criterion(
    engine: Engine,
    terminal: Terminal,
    *,
    criterion: str,
    community: str,
    collection: str | None,
    k: int,
    labels: Path | None,
    json: bool,
) -> int:
    """The task ``moderate-test``. Raises SourceError for labels that cannot be used."""
    known = None if labels is None else await asyncio.to_thread(read_verdicts, labels)
    trial = await engine.moderation.test(
        criterion, community=community, collection=collection, best=k
    )
    precision = None
    if known is not None:
        precision = await _precision(engine, trial, community, known)
    if json:
        terminal.json(trial_view(trial, precision))
    else:
        _show(terminal, trial, precision)
    return 0


def read_verdicts(path: Path) -> Mapping[str, bool]:
    """Which pictures of a CSV file are labelled yes. Blocking. Raises SourceError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(
            f"{path} cannot be read: {error}.", remedy="Name a CSV file in UTF-8."
        ) from error
    known = {}
    for number, row in enumerate(rows, start=1):
        verdict = _VERDICTS.get(row[1].strip().lower()) if len(row) >= _LEAST else None
        if verdict is None and number > 1:  # the first line may name the columns
            raise SourceError(
                f"Line {number} of {path} is no label.", remedy="Write: path,yes or path,no"
            )
        if verdict is not None:
            known[row[0].strip()] = verdict
    return known


async def _precision(
    engine: Engine, trial: Trial, community: str, known: Mapping[str, bool]
) -> float:
    """Average precision over the labelled pictures. Raises SourceError for unknown ones."""
    pictures, scores = await engine.moderation.scores(
        trial.criterion, community=community, collection=trial.collection
    )
    rows = {picture.path: row for row, picture in enumerate(pictures)}
    unknown = [path for path in known if path not in rows]
    if unknown or not any(known.values()):
        raise SourceError(
            f"{trial.collection!r} has no picture {unknown[0]!r}."
            if unknown
            else "No picture is labelled yes.",
            remedy="Give paths as tangerine find --json does, some of them with yes.",
        )
    chosen: Scores = scores[[rows[path] for path in known]]
    return average_precision(chosen, np.array(list(known.values()), dtype=np.bool_))


def _criterion_view(criterion: Criterion) -> Json:
    strictness = criterion.strictness.value
    return {"criterion": criterion.text, "strictness": strictness, "age": criterion.age}


def trial_view(trial: Trial, precision: float | None) -> Json:
    return {
        "criterion": trial.criterion,
        "collection": trial.collection,
        "pictures": trial.pictures,
        "levels": [
            {**asdict(level), "strictness": level.strictness.value, "precision": level.precision}
            for level in trial.levels
        ],
        "average_precision": None if precision is None else round(precision, _DIGITS),
        "best": [
            {
                "id": picture.id,
                "path": picture.path,
                "caption": picture.caption,
                "score": round(score, _DIGITS),
            }
            for picture, score in trial.best
        ],
    }


def _show(terminal: Terminal, trial: Trial, precision: float | None) -> None:
    terminal.line(
        f"{trial.criterion!r} over {counted(trial.pictures, 'picture')} of {trial.collection}"
    )
    for level in trial.levels:
        decided = level.removed + level.approved
        told = f" ({level.removed} of {decided} decided had to go)" if decided else ""
        terminal.line(f"{level.strictness.value} strictness: {level.held} would be held{told}")
    if precision is not None:
        terminal.line(f"average precision on the labelled pictures: {precision:.3f}")
    for picture, score in trial.best:
        terminal.line(f"{score:6.2f}  {picture.path}  {picture.caption}")


def _described(criterion: Criterion) -> str:
    age = ", shown in age-restricted channels" if criterion.age else ""
    return f"{criterion.strictness.value} strictness{age}"
