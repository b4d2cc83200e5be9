"""``tangerine moderate``: criteria of any community, and dry runs, for whoever runs the bot."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bot.cli_parts import AsJson, CollectionName, Execute
from bot.console import Terminal
from bot.engine import Engine, open_engine
from bot.views import Json
from config.settings import Settings
from core.errors import SourceError
from core.moderation import Criterion, Scores, Strictness, Trial, average_precision
from index.library import WEB

Words = Annotated[str, typer.Argument(metavar="CRITERION", help="What not to show.")]
Community = Annotated[str, typer.Option("--community", help="As discord:123 or telegram:-100.")]

_VERDICTS = {"yes": True, "no": False}
_LEAST = 2
_DIGITS = 4


def add_to(app: typer.Typer, execute: Execute) -> None:
    """Add the commands; ``execute`` does their work with the settings."""
    moderate = typer.Typer(
        no_args_is_help=True, help="Hold pictures back by criteria in words, as /moderation does."
    )
    app.add_typer(moderate, name="moderate")

    @moderate.command(name="list")
    def list_(context: typer.Context, community: Community = WEB, *, json: AsJson = False) -> None:
        """Say which criteria a community has, and how many pictures wait for a decision."""
        execute(context, partial(_list, community=community, json=json))

    @moderate.command()
    def add(
        context: typer.Context,
        criterion: Words,
        community: Community = WEB,
        strictness: Annotated[
            Strictness, typer.Option(help="low, normal or high.")
        ] = Strictness.NORMAL,
        *,
        age: Annotated[
            bool, typer.Option("--age", help="Show what it holds in age-restricted channels.")
        ] = False,
    ) -> None:
        """Hold what meets a criterion, from now on."""
        wanted = Criterion(criterion, strictness, age=age)
        execute(context, partial(_add, criterion=wanted, community=community))

    @moderate.command()
    def remove(context: typer.Context, criterion: Words, community: Community = WEB) -> None:
        """Give a criterion up; decisions stay."""
        execute(context, partial(_remove, text=criterion, community=community))

    @moderate.command()
    def test(
        context: typer.Context,
        criterion: Words,
        community: Community = WEB,
        collection: CollectionName = None,
        *,
        k: Annotated[int, typer.Option("-k", help="How many pictures.", min=1, max=1000)] = 10,
        labels: Annotated[
            Path | None,
            typer.Option(help="CSV of path,yes|no: measures average precision.", dir_okay=False),
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Show what a criterion would hold, without holding it."""
        asked = _Asked(criterion, community, collection, k, labels)
        execute(context, partial(_test, asked=asked, json=json))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A dry run as it was asked for."""

    criterion: str
    community: str
    collection: str | None
    count: int
    labels: Path | None


async def _list(settings: Settings, terminal: Terminal, *, community: str, json: bool) -> int:
    async with open_engine(settings) as engine:
        criteria = await engine.moderation.criteria(community)
        page = await engine.moderation.held(community=community, count=0)
    if json:
        kept = [_criterion_view(each) for each in criteria]
        terminal.json({"community": community, "criteria": kept, "waiting": page.total})
        return 0
    for each in criteria:
        _say(terminal, f"{each.text}: {_described(each)}")
    _say(terminal, f"{page.total} pictures wait for a decision in {community}")
    return 0


async def _add(
    settings: Settings, terminal: Terminal, *, criterion: Criterion, community: str
) -> int:
    async with open_engine(settings) as engine:
        count = await engine.moderation.add(criterion, community=community)
    terminal.note(f"{criterion.text!r} holds {count} pictures in {community}.")
    return 0


async def _remove(settings: Settings, terminal: Terminal, *, text: str, community: str) -> int:
    async with open_engine(settings) as engine:
        gone = await engine.moderation.drop(text, community=community)
    terminal.note(f"{gone.text!r} holds nothing any more in {community}.")
    return 0


async def _test(settings: Settings, terminal: Terminal, *, asked: _Asked, json: bool) -> int:
    known = None if asked.labels is None else await asyncio.to_thread(_read_labels, asked.labels)
    async with open_engine(settings) as engine:
        trial = await engine.moderation.test(
            asked.criterion,
            community=asked.community,
            collection=asked.collection,
            best=asked.count,
        )
        precision = None
        if known is not None:
            precision = await _precision(engine, trial, asked.community, known)
    if json:
        terminal.json(_trial_view(trial, precision))
    else:
        _show(terminal, trial, precision)
    return 0


def _read_labels(path: Path) -> Mapping[str, bool]:
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
    return {
        "criterion": criterion.text,
        "strictness": criterion.strictness.value,
        "age": criterion.age,
    }


def _trial_view(trial: Trial, precision: float | None) -> Json:
    return {
        "criterion": trial.criterion,
        "collection": trial.collection,
        "pictures": trial.pictures,
        "levels": [
            {
                "strictness": level.strictness.value,
                "held": level.held,
                "removed": level.removed,
                "approved": level.approved,
                "precision": level.precision,
            }
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
    _say(terminal, f"{trial.criterion!r} over {trial.pictures} pictures of {trial.collection}")
    for level in trial.levels:
        decided = level.removed + level.approved
        told = f" ({level.removed} of {decided} decided had to go)" if decided else ""
        _say(terminal, f"{level.strictness.value} strictness: {level.held} would be held{told}")
    if precision is not None:
        _say(terminal, f"average precision on the labelled pictures: {precision:.3f}")
    for picture, score in trial.best:
        _say(terminal, f"{score:6.2f}  {picture.path}  {picture.caption}")


def _described(criterion: Criterion) -> str:
    age = ", shown in age-restricted channels" if criterion.age else ""
    return f"{criterion.strictness.value} strictness{age}"


def _say(terminal: Terminal, line: str) -> None:
    terminal.out.print(line, soft_wrap=True, markup=False)
