"""What the command line shows while a model is trained: bars, or lines where is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from bot.terminal.console import Terminal
from core.domain.types import Progress as Stage
from core.training.loop import Epoch


@dataclass(frozen=True, slots=True)
class TrainingLines:
    """To be told of pictures done (and of how many), and of each epoch."""

    on_pictures: Callable[[int, int], None]
    on_epoch: Callable[[Epoch], None]


@contextmanager
def training_lines(terminal: Terminal) -> Iterator[TrainingLines]:
    """A bar for the features and one for the epochs, with loss and recall; or plain lines."""
    if not terminal.err.is_terminal:
        with terminal.progress() as lines:
            yield TrainingLines(
                lambda done, total: lines.update("features", Stage("encode", done, total)),
                lambda epoch: terminal.note(epoch_line(epoch)),
            )
        return
    with Progress(
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=terminal.err,
    ) as bars:
        features = bars.add_task("", total=None, stage="features")
        training = bars.add_task("", total=None, stage="training", start=False)

        def on_epoch(epoch: Epoch) -> None:
            bars.start_task(training)
            bars.update(
                training, completed=epoch.number, total=epoch.of, description=epoch_line(epoch)
            )

        yield TrainingLines(
            lambda done, total: bars.update(features, completed=done, total=total), on_epoch
        )


def epoch_line(epoch: Epoch) -> str:
    """As "epoch 3: recall 0.512, loss 2.3456 (best: 2)"."""
    lost = "" if epoch.loss is None else f", loss {epoch.loss:.4f} (best: {epoch.best})"
    return f"epoch {epoch.number}: recall {epoch.recall:.3f}{lost}"
