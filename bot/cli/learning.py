"""The commands that measure and train models: evaluate, train, compare."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import execute

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings


class LossName(StrEnum):
    """The losses of ``tangerine train``."""

    CONTRASTIVE = "contrastive"
    MSE = "mse"


Data = Annotated[Path, typer.Option("--data", help="Folder of captioned pictures.")]
Unseen = Annotated[
    bool, typer.Option("--unseen", help="Leave out pictures that a model was trained with.")
]


def add_to(app: typer.Typer) -> None:
    @app.command()
    def train(
        context: typer.Context,
        data: Data,
        loss: Annotated[LossName, typer.Option(help="What is made small.")],
        out: Annotated[Path, typer.Option(help="Folder of the new checkpoint.")],
        *,
        base: Annotated[str, typer.Option(help="Model to start from.")] = "mini",
        seed: Annotated[int, typer.Option(help="Decides all draws.")] = 0,
        unfreeze: Annotated[
            int, typer.Option(help="Train the image tower's last N blocks too.", min=0)
        ] = 0,
        epochs: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 40,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on where a stopped training was.")
        ] = False,
    ) -> None:
        """Train projection heads on frozen towers with captioned pictures."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks.learning import train_model

            return await train_model(
                settings,
                terminal,
                data,
                out,
                base=base,
                loss=loss.value,
                seed=seed,
                unfreeze=unfreeze,
                epochs=epochs,
                resume=resume,
            )

        execute(context, work)

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
        plots: Annotated[
            Path | None, typer.Option(help="Folder for histograms and similarity matrices.")
        ] = None,
        *,
        unseen: Unseen = False,
    ) -> None:
        """Show several models side by side, measured on the same pictures."""
        if len(checkpoints) < 2:  # noqa: PLR2004 - with one there is nothing to compare
            raise typer.BadParameter("name two or more checkpoints")

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks.learning import compare_models

            return await compare_models(settings, terminal, checkpoints, data, plots, unseen=unseen)

        execute(context, work)

    @app.command()
    def evaluate(
        context: typer.Context,
        data: Data,
        model: Annotated[
            str | None, typer.Option(help="Model to measure; default: TANGERINE_MODEL.")
        ] = None,
        against: Annotated[
            str | None,
            typer.Option(help="Model in service; exit 1 where recall@5 would fall."),
        ] = None,
        language: Annotated[
            str | None,
            typer.Option(help="Ask in this language: the lines xx.utf8=... beside the pictures."),
        ] = None,
        *,
        unseen: Unseen = False,
        json: Annotated[bool, typer.Option("--json", help="One JSON object, only.")] = False,
    ) -> None:
        """Measure retrieval on captioned pictures: recall@1, @5 and @10 both ways."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks.learning import evaluate_model, judge_model

            if against is not None:
                return await judge_model(
                    settings, terminal, data, model, against, language=language, json=json
                )
            return await evaluate_model(
                settings, terminal, data, model, language=language, unseen=unseen, json=json
            )

        execute(context, work)
