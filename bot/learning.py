"""Measuring and training models on captioned folders, for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.engine import load_encoder_of, model_source, picture_decoder
from config.settings import Settings
from core.errors import BadPicture, SourceError
from core.evaluation import Evaluation, evaluate
from core.images import DecodePool
from core.types import Pixels, PixelSpec
from index.sources import scan_folder

if TYPE_CHECKING:
    from core.training import Epoch, TrainingOptions, TrainingReport

Told = Callable[[int, int], None]
"""Told how many pictures are done, and of how many."""


@dataclass(frozen=True, slots=True)
class CaptionedFolder:
    """Pairs of a picture file and each of its captions, and workers that decode them.

    ``bad`` collects what cannot be decoded: path and reason.
    """

    pairs: Sequence[tuple[Path, str]]
    bad: list[tuple[Path, str]]
    _pool: DecodePool
    _loop: asyncio.AbstractEventLoop

    def decode(self, sources: Sequence[Path], spec: PixelSpec) -> Sequence[Pixels | BadPicture]:
        """Decode in the workers, called from a thread (``core.pairs.Decode``)."""

        async def one(source: Path) -> Pixels | BadPicture:
            try:
                return (await self._pool.decode(source, spec)).pixels
            except BadPicture as error:
                return error

        async def every() -> list[Pixels | BadPicture]:
            return list(await asyncio.gather(*map(one, sources)))

        return asyncio.run_coroutine_threadsafe(every(), self._loop).result()

    def note_bad(self, source: Path, error: BadPicture) -> None:
        """Remember a picture that was left out."""
        self.bad.append((source, str(error)))


@asynccontextmanager
async def captioned_folder(folder: Path, settings: Settings) -> AsyncIterator[CaptionedFolder]:
    """The captioned pictures of a folder; raises SourceError where it has none."""
    scan = await asyncio.to_thread(scan_folder, folder)
    pairs = [
        (scan.folder / picture.path, caption)
        for picture in scan.pictures
        for caption in picture.captions
    ]
    if not pairs:
        raise SourceError(
            f"There are no captioned pictures in {folder}.",
            remedy="Put a captions.csv with the columns image,description beside them.",
        )
    async with picture_decoder(settings) as pool:
        yield CaptionedFolder(pairs, [], pool, asyncio.get_running_loop())


async def evaluate_model(
    data: CaptionedFolder, model: str, settings: Settings, on_pictures: Told
) -> Evaluation:
    """Measure one model on the folder. Raises ModelUnavailable, SourceError."""

    def work() -> Evaluation:
        return evaluate(
            load_encoder_of(settings, model),
            data.pairs,
            data.decode,
            on_progress=on_pictures,
            on_bad_picture=data.note_bad,
        )

    return await asyncio.to_thread(work)


async def train_heads(
    data: CaptionedFolder,
    out: Path,
    settings: Settings,
    *,
    base: str,
    options: Callable[[], TrainingOptions],
    on_pictures: Told,
    on_epoch: Callable[[Epoch], None],
) -> TrainingReport:
    """Train projection heads on the folder; ``options`` is called where torch is loaded."""

    def work() -> TrainingReport:
        from core.training import train  # noqa: PLC0415 - loads torch

        return train(
            data.pairs,
            model_source(settings, base),
            out,
            decode=data.decode,
            options=options(),
            device=settings.device,
            on_pictures=on_pictures,
            on_epoch=on_epoch,
            on_bad_picture=data.note_bad,
        )

    return await asyncio.to_thread(work)
