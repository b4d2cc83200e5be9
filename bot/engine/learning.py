"""Measuring and training models on captioned folders, for the command line."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.engine.encoder import load_encoder_of, model_source
from bot.engine.engine import picture_decoder
from bot.engine.specs import name_rules
from config.settings import Settings
from core.domain.errors import BadPicture, NoHead, SourceError
from core.domain.types import Pixels, PixelSpec
from core.encoder.torch_needed import torch_is_installed
from core.images.pool import DecodePool
from core.training.checkpoint import TrainingRecord, picture_key, read_record
from core.training.evaluation import PairVectors, encode_pairs
from core.training.feature_cache import FeatureCache
from core.training.features import MIN_CAPTIONS, PairEncoder
from core.training.loop import Epoch
from core.training.options import TrainingOptions
from core.training.train import TrainingReport, train
from index.catalogue.hashing import read_content
from index.indexing.caption_texts import read_text
from index.indexing.scan import scan_folder

Told = Callable[[int, int], None]
"""Told how many pictures are done, and of how many."""


@dataclass(frozen=True, slots=True)
class CaptionedFolder:
    """Pairs of a picture file and each of its captions, and workers that decode them.

    ``bad`` collects what cannot be decoded: path and reason, each file once.
    """

    pairs: Sequence[tuple[Path, str]]
    bad: dict[Path, str]
    _pool: DecodePool
    _loop: asyncio.AbstractEventLoop

    def decode(self, sources: Sequence[Path], spec: PixelSpec) -> Sequence[Pixels | BadPicture]:
        """Decode in the workers, called from a thread (``core.training.pairs.Decode``)."""

        async def one(source: Path) -> Pixels | BadPicture:
            try:
                return (await self._pool.decode(source, spec)).pixels
            except BadPicture as error:
                return error

        async def every() -> list[Pixels | BadPicture]:
            return list(await asyncio.gather(*map(one, sources)))

        return asyncio.run_coroutine_threadsafe(every(), self._loop).result()

    def note_bad(self, source: Path, error: BadPicture) -> None:
        self.bad[source] = str(error)


@asynccontextmanager
async def captioned_folder(
    folder: Path, settings: Settings, language: str | None = None
) -> AsyncIterator[CaptionedFolder]:
    """The captioned pictures of a folder; raises SourceError where it has none.

    ``language``: instead of their captions, the translations of these in the texts beside them.
    """
    scan = await asyncio.to_thread(scan_folder, folder, rules=name_rules(settings))
    pairs = [
        (scan.folder / picture.path, caption)
        for picture in scan.pictures
        for caption in picture.captions
    ]
    if language is not None:
        pairs = await asyncio.to_thread(_translated, [path for path, _ in pairs], language)
        if not pairs:
            raise SourceError(
                f"No picture in {folder} has a caption in {language}.",
                remedy=f"Write it into the text beside the picture, below the caption, as a line "
                f"{language}.utf8=…",
            )
    if not pairs:
        raise SourceError(
            f"There are no captioned pictures in {folder}.",
            remedy="Put a captions.csv with the columns image,description beside them.",
        )
    async with picture_decoder(settings) as pool:
        yield CaptionedFolder(pairs, {}, pool, asyncio.get_running_loop())


def _translated(pictures: Sequence[Path], language: str) -> list[tuple[Path, str]]:
    texts = {path: path.with_suffix(".txt") for path in dict.fromkeys(pictures)}
    return [
        (path, caption)
        for path, text in texts.items()
        if text.is_file() and (caption := read_text(text).in_language(language))
    ]


@dataclass(frozen=True, slots=True)
class Unseen:
    """What is left of a folder without the pictures that some models were trained with.

    ``seen`` counts the pairs left out.
    """

    folder: CaptionedFolder
    seen: int


async def unseen_by(data: CaptionedFolder, models: Sequence[str], settings: Settings) -> Unseen:
    """The pairs whose pictures none of the models was trained with, as far as they tell.

    A model tells where it was made by ``tangerine train``, and then for the models too from
    which it was trained. Raises ModelUnavailable where a model's record is damaged.
    """

    def work() -> Unseen:
        learnt: frozenset[str] = frozenset()
        for model in models:
            record = read_record(model_source(settings, model))
            learnt |= record.learnt if record else frozenset()
        if not learnt:
            return Unseen(data, 0)
        files = dict.fromkeys(path for path, _ in data.pairs)
        known = {path for path in files if picture_key(content_hash(path)) in learnt}
        left = [pair for pair in data.pairs if pair[0] not in known]
        return Unseen(replace(data, pairs=left), len(data.pairs) - len(left))

    return await asyncio.to_thread(work)


def training_notes(models: Sequence[str], settings: Settings) -> list[str]:
    """A line a model, on how it was trained; none where no model says. Blocking.

    Raises ModelUnavailable where a model's record is damaged.
    """
    records = {model: read_record(model_source(settings, model)) for model in models}
    if not any(records.values()):
        return []
    mini = model_source(settings, "mini")
    return [f"{model}: {_trained(record, mini)}" for model, record in records.items()]


def _trained(record: TrainingRecord | None, mini: str) -> str:
    if record is None:
        return "no record of a training; its heads are as they came."
    told = record.settings
    base = "mini" if told.get("base") == mini else told.get("base")
    if told.get("best_epoch") == 0:
        return f"untouched: its training learnt nothing, and its heads are those of {base}."
    return f"trained from {base} with the loss {told.get('loss')}, best epoch {told['best_epoch']}."


def refuse_too_few(unseen: Unseen) -> None:
    """Raises SourceError where too little is left to say anything by."""
    captions = {caption.strip() for _, caption in unseen.folder.pairs}
    if len(captions) < MIN_CAPTIONS:
        raise SourceError(
            f"The models were trained with {unseen.seen} of the pictures; the others have "
            f"{len(captions)} different captions, and {MIN_CAPTIONS} are needed to judge by.",
            remedy="Name a folder with more captioned pictures that no model was trained with.",
        )


async def encode_folder(
    data: CaptionedFolder, model: str, settings: Settings, on_pictures: Told
) -> PairVectors:
    """The folder's vectors under one model. Raises ModelUnavailable, SourceError.

    By torch in float32 where it is installed, and features are kept below the data folder, as in
    training: models whose heads alone differ share them. The settings may insist on another
    backend or precision.
    """

    def work() -> PairVectors:
        encoder = settings.encoder
        plain = encoder.backend in {"auto", "torch"} and encoder.precision in {"auto", "float32"}
        if plain and torch_is_installed():
            try:
                return by_features()
            except NoHead:
                pass  # a model whose towers end in no linear map is run whole
        return encode_pairs(
            load_encoder_of(settings, model),
            data.pairs,
            data.decode,
            on_progress=on_pictures,
            on_bad_picture=data.note_bad,
        )

    def by_features() -> PairVectors:
        from core.training.base_model import FrozenTowers  # noqa: PLC0415 - heavy

        towers = FrozenTowers(
            model_source(settings, model),
            device=settings.device,
            threads=settings.encoder.threads,
        )
        with FeatureCache(_features(settings)) as cache:
            return PairEncoder(
                towers=towers,
                cache=cache,
                decode=data.decode,
                identify=content_hash,
                tail=None,
                on_pictures=on_pictures,
                on_bad_picture=data.note_bad,
                least_captions=2,
            ).measured(data.pairs)

    return await asyncio.to_thread(work)


def _features(settings: Settings) -> Path:
    return settings.data_dir / "training"


async def train_heads(
    data: CaptionedFolder,
    out: Path,
    settings: Settings,
    *,
    base: str,
    options: TrainingOptions,
    resume: bool,
    on_pictures: Told,
    on_epoch: Callable[[Epoch], None],
) -> TrainingReport:
    """Train projection heads on the folder; see :func:`core.training.train.train`.

    Features are kept below the data folder for the next training.
    """

    def work() -> TrainingReport:
        return train(
            data.pairs,
            model_source(settings, base),
            out,
            decode=data.decode,
            identify=content_hash,
            options=options,
            device=settings.device,
            threads=settings.encoder.threads,
            cache=_features(settings),
            resume=resume,
            on_pictures=on_pictures,
            on_epoch=on_epoch,
            on_bad_picture=data.note_bad,
        )

    return await asyncio.to_thread(work)


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; of its path where it cannot be read, as decoding tells."""
    try:
        return read_content(path).sha256
    except OSError:
        return hashlib.sha256(f"unreadable\0{path}".encode(errors="surrogateescape")).hexdigest()
