"""The commands that measure and train models: evaluate, train, compare."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.console import Terminal
from bot.learning import CaptionedFolder, captioned_folder, evaluate_model, train_heads
from config.settings import Settings
from core.errors import SourceError
from core.evaluation import COMPARISON_COLUMNS, Evaluation, comparison
from core.types import Progress

if TYPE_CHECKING:
    from core.training import Epoch, TrainingOptions

Work = Callable[[Settings, Terminal], Coroutine[Any, Any, int]]
Execute = Callable[[typer.Context, Work], None]

_SHOWN = 5


class LossName(StrEnum):
    """The losses of ``tangerine train``."""

    CONTRASTIVE = "contrastive"
    MSE = "mse"


Data = Annotated[Path, typer.Option("--data", help="Folder of captioned pictures.")]


def add_to(app: typer.Typer, execute: Execute) -> None:
    """Add the commands; ``execute`` does their work with the settings."""

    @app.command()
    def train(
        context: typer.Context,
        data: Data,
        loss: Annotated[LossName, typer.Option(help="What is made small.")],
        out: Annotated[Path, typer.Option(help="Folder of the new checkpoint.")],
        *,
        base: Annotated[str, typer.Option(help="Model to start from.")] = "mini",
        seed: Annotated[int, typer.Option(help="Decides all draws.")] = 0,
    ) -> None:
        """Train projection heads on frozen towers with captioned pictures."""
        execute(context, lambda s, t: _train(s, t, data, out, base=base, loss=loss, seed=seed))

    @app.command()
    def compare(
        context: typer.Context,
        checkpoints: Annotated[
            list[str], typer.Argument(metavar="CHECKPOINT CHECKPOINT ...", help="Two or more.")
        ],
        data: Annotated[
            Path | None,
            typer.Option("--data", help="Folder of captioned pictures; default: the gallery."),
        ] = None,
    ) -> None:
        """Show several models side by side, measured on the same pictures."""
        if len(checkpoints) < 2:  # noqa: PLR2004 - with one there is nothing to compare
            raise typer.BadParameter("name two or more checkpoints")
        execute(context, lambda s, t: _compare(s, t, checkpoints, data))

    @app.command()
    def evaluate(
        context: typer.Context,
        data: Data,
        model: Annotated[
            str | None, typer.Option(help="Model to measure; default: TANGERINE_MODEL.")
        ] = None,
        *,
        json: Annotated[bool, typer.Option("--json", help="One JSON object, only.")] = False,
    ) -> None:
        """Measure retrieval on captioned pictures: recall@1, @5 and @10 both ways."""
        execute(context, lambda s, t: _evaluate(s, t, data, model, json=json))


async def _evaluate(
    settings: Settings, terminal: Terminal, data: Path, model: str | None, *, json: bool
) -> int:
    async with captioned_folder(data, settings) as folder:
        name = model or settings.model
        with terminal.progress() as lines:
            evaluation = await evaluate_model(folder, name, settings, _told(lines.update, name))
    _note_bad(terminal, folder)
    if json:
        terminal.json(evaluation.to_json())
    else:
        _table(terminal, [(name, evaluation)])
    return 0


async def _compare(
    settings: Settings, terminal: Terminal, checkpoints: list[str], data: Path | None
) -> int:
    collections = settings.all_collections
    if data is None and not collections:
        raise SourceError(
            "There are no pictures to compare on.",
            remedy="Name a folder with --data, or set TANGERINE_GALLERY.",
        )
    rows = []
    async with captioned_folder(data or collections[0].folder, settings) as folder:
        for name in checkpoints:
            with terminal.progress() as lines:
                told = _told(lines.update, name)
                rows.append((name, await evaluate_model(folder, name, settings, told)))
    _table(terminal, rows)
    return 0


async def _train(
    settings: Settings,
    terminal: Terminal,
    data: Path,
    out: Path,
    *,
    base: str,
    loss: LossName,
    seed: int,
) -> int:
    def options() -> TrainingOptions:
        from core.training import Loss, TrainingOptions  # noqa: PLC0415 - loads torch

        return TrainingOptions(loss=Loss(loss.value), seed=seed)

    def on_epoch(epoch: Epoch) -> None:
        lost = "" if epoch.loss is None else f", loss {epoch.loss:.4f}"
        terminal.note(f"epoch {epoch.number}: recall {epoch.recall:.3f}{lost}")

    async with captioned_folder(data, settings) as folder:
        with terminal.progress() as lines:
            report = await train_heads(
                folder,
                out,
                settings,
                base=base,
                options=options,
                on_pictures=_told(lines.update, "features"),
                on_epoch=on_epoch,
            )
    _note_bad(terminal, folder)
    _table(terminal, [(f"{base} (held-out)", report.before), (str(out), report.after)])
    terminal.note(
        f"Wrote {report.out} after {report.epochs} epochs ({report.seconds:.0f} s); the best was "
        f"number {report.best}. Use it with TANGERINE_MODEL={report.out} and "
        "tangerine reindex --full."
    )
    return 0


def _told(update: Callable[[str, Progress], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: update(name, Progress("encode", done, total))


def _note_bad(terminal: Terminal, folder: CaptionedFolder) -> None:
    for path, reason in folder.bad[:_SHOWN]:
        terminal.note(f"left out: {path}: {reason}")
    if len(folder.bad) > _SHOWN:
        terminal.note(f"left out: {len(folder.bad) - _SHOWN} more")


def _table(terminal: Terminal, evaluations: list[tuple[str, Evaluation]]) -> None:
    terminal.table(COMPARISON_COLUMNS, comparison(evaluations))
