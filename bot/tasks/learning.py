"""What ``tangerine evaluate``, ``train`` and ``compare`` do: measure and train models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bot.engine.learning import (
    CaptionedFolder,
    captioned_folder,
    encode_folder,
    refuse_too_few,
    train_heads,
    training_notes,
    unseen_by,
)
from bot.tasks.comparison_plots import draw_comparison
from bot.tasks.training_progress import training_lines
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import SourceError
from core.domain.types import Progress
from core.training.evaluation import COMPARISON_COLUMNS, Evaluation, PairVectors, comparison
from core.training.options import Loss, TrainingOptions
from core.training.verdict import judge

_SHOWN = 5


async def evaluate_model(
    settings: Settings,
    terminal: Terminal,
    data: Path,
    model: str | None,
    *,
    language: str | None,
    unseen: bool,
    json: bool,
) -> int:
    """``tangerine evaluate``: what a model finds."""
    name = model or settings.model
    async with captioned_folder(data, settings, language) as folder:
        ((_, vectors),) = await _encode(settings, terminal, folder, [name], unseen=unseen)
    evaluation = vectors.evaluation()
    if json:
        terminal.json(evaluation.to_json())
    else:
        _table(terminal, [(name, evaluation)])
    return 0


async def judge_model(
    settings: Settings,
    terminal: Terminal,
    data: Path,
    model: str | None,
    against: str,
    *,
    language: str | None,
    json: bool,
) -> int:
    """``tangerine evaluate --against``: whether it may take the place of another one."""
    name = model or settings.model
    async with captioned_folder(data, settings, language) as folder:
        encoded = await _encode(settings, terminal, folder, [name, against], unseen=True)
    (_, new), (_, in_service) = [(name, vectors.evaluation()) for name, vectors in encoded]
    verdict = judge(new, in_service)
    if json:
        terminal.json(
            {
                **new.to_json(),
                "against": in_service.to_json(),
                "may_serve": verdict.may_serve,
                "losses": list(verdict.losses),
            }
        )
    else:
        _table(terminal, [(name, new), (against, in_service)])
    if not verdict.may_serve:
        terminal.error(
            f"{name} should not take the place of {against}: {'; '.join(verdict.losses)}.",
            "Keep the model in service, or train with more captioned pictures.",
        )
        return 1
    terminal.note(
        f"{name} may take the place of {against}: set TANGERINE_MODEL={name}, then run "
        "tangerine reindex --full."
    )
    return 0


async def compare_models(
    settings: Settings,
    terminal: Terminal,
    checkpoints: list[str],
    data: Path | None,
    plots: Path | None,
    *,
    unseen: bool,
) -> int:
    """``tangerine compare``: several models side by side."""
    collections = settings.all_collections
    if data is None and not collections:
        raise SourceError(
            "There are no pictures to compare on.",
            remedy="Name a folder with --data, or set TANGERINE_GALLERY.",
        )
    async with captioned_folder(data or collections[0].folder, settings) as folder:
        encoded = await _encode(settings, terminal, folder, checkpoints, unseen=unseen)
    _table(terminal, [(name, vectors.evaluation()) for name, vectors in encoded])
    for line in await asyncio.to_thread(training_notes, checkpoints, settings):
        terminal.note(line)
    if plots is not None:
        for path in await asyncio.to_thread(draw_comparison, encoded, plots):
            terminal.note(f"Wrote {path}.")
    return 0


async def _encode(
    settings: Settings,
    terminal: Terminal,
    folder: CaptionedFolder,
    models: list[str],
    *,
    unseen: bool,
) -> list[tuple[str, PairVectors]]:
    """Each model's vectors; says which pictures were left out, or should have been."""
    left = await unseen_by(folder, models, settings)
    if left.seen and unseen:
        refuse_too_few(left)
        folder = left.folder
        terminal.note(
            f"Measured on the {len(folder.pairs)} pairs that no model was trained with "
            f"({left.seen} left out)."
        )
    elif left.seen:
        terminal.note(
            f"{left.seen} of {len(folder.pairs)} pairs show pictures that a model was trained "
            "with, which flatters it; --unseen leaves them out."
        )
    encoded = []
    for name in models:
        with terminal.progress() as lines:
            told = _told(lines.update, name)
            encoded.append((name, await encode_folder(folder, name, settings, told)))
    _note_bad(terminal, folder)
    return encoded


async def train_model(
    settings: Settings,
    terminal: Terminal,
    data: Path,
    out: Path,
    *,
    base: str,
    loss: str,
    seed: int,
    unfreeze: int,
    epochs: int,
    resume: bool,
) -> int:
    """``tangerine train``: new heads, measured on what was held out."""
    options = TrainingOptions(loss=Loss(loss), seed=seed, unfreeze=unfreeze, epochs=epochs)
    async with captioned_folder(data, settings) as folder:
        with training_lines(terminal) as lines:
            report = await train_heads(
                folder,
                out,
                settings,
                base=base,
                options=options,
                resume=resume,
                on_pictures=lines.on_pictures,
                on_epoch=lines.on_epoch,
            )
    _note_bad(terminal, folder)
    held_out = f"{report.held_out_pairs} of {report.pairs} pairs are held out and measured"
    if not report.best:
        terminal.error(
            f"Nothing was learnt: on the held-out pairs {base} is better than each of "
            f"{report.epochs} epochs. No checkpoint was written.",
            _other_loss(options.loss),
        )
        terminal.note(f"{held_out}:")
        _table(terminal, [(base, report.before)])
        return 1
    terminal.note(f"{held_out}:")
    _table(terminal, [(base, report.before), (str(out), report.after)])
    resumed = f", of which {report.resumed} before it was stopped" if report.resumed else ""
    terminal.note(
        f"Wrote {report.out} after {report.epochs} epochs{resumed} ({report.seconds:.0f} s); the "
        f"best was number {report.best}. Before it goes into service, ask: tangerine evaluate "
        f"--data {data} --model {report.out} --against {base}"
    )
    return 0


def _other_loss(loss: Loss) -> str:
    """What to try where a training learnt nothing."""
    if loss is Loss.MSE:
        return "Try --loss contrastive, or more captioned pictures that the model has not seen."
    return "Try more captioned pictures that the model has not seen."


def _told(update: Callable[[str, Progress], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: update(name, Progress("encode", done, total))


def _note_bad(terminal: Terminal, folder: CaptionedFolder) -> None:
    for path, reason in list(folder.bad.items())[:_SHOWN]:
        terminal.note(f"left out: {path}: {reason}")
    if len(folder.bad) > _SHOWN:
        terminal.note(f"left out: {len(folder.bad) - _SHOWN} more")


def _table(terminal: Terminal, evaluations: list[tuple[str, Evaluation]]) -> None:
    terminal.table(COMPARISON_COLUMNS, comparison(evaluations))
