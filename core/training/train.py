"""Trains the projection heads of a dual encoder on captioned pictures.

The towers are frozen: every picture and caption goes through them once (kept on disk for the
next time), and what is trained, in seconds, are the linear heads at their ends; where it is
asked for, the last blocks of the image tower too. A part of the captions is held out; training
stops when it no longer helps them, and the best heads so far are what is written.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.domain.errors import BadPicture
from core.training.base_model import FrozenTowers, refuse_filled
from core.training.checkpoint import RECORD, StateFile, TrainingRecord, picture_key, read_record
from core.training.evaluation import Evaluation
from core.training.feature_cache import FeatureCache
from core.training.features import EncodedPairs, PairEncoder, enough_captions
from core.training.heads import Heads
from core.training.loop import Epoch, TrainingLoop
from core.training.options import TrainingOptions
from core.training.pairs import Decode, Source, Split, held_out_split


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What came of it: ``before`` and ``after`` are measured on the held-out pictures.

    ``best`` is the epoch whose heads were written (0: no epoch was better than the base
    model, and nothing was written), ``epochs`` the number that were run, ``held_out_by``
    what is new in the held-out pairs (``caption`` or ``picture``), ``resumed`` the number of
    epochs that an earlier run had done, ``seconds`` wall-clock time.
    """

    out: Path
    pairs: int
    held_out_pairs: int
    held_out_by: str
    epochs: int
    resumed: int
    best: int
    before: Evaluation
    after: Evaluation
    seconds: float


def train(
    pairs: Sequence[tuple[Source, str]],
    base: str | Path,
    out: Path,
    *,
    decode: Decode[Source],
    identify: Callable[[Source], str],
    options: TrainingOptions | None = None,
    device: str = "auto",
    threads: int | None = None,
    cache: Path | None = None,
    resume: bool = False,
    on_pictures: Callable[[int, int], None] = lambda _done, _total: None,
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
    on_bad_picture: Callable[[Source, BadPicture], None] = lambda _source, _error: None,
) -> TrainingReport:
    """Train the heads of ``base`` and write the checkpoint to ``out``. Blocking.

    Where no epoch beats ``base`` on the held-out pairs, nothing is written: a checkpoint with
    the heads of ``base`` would pass for a trained one.

    Args:
        pairs: what ``decode`` takes, and the caption. Pictures may share captions, and a
            picture may have several.
        base: folder or hub name of a dual encoder, as ``TANGERINE_MODEL`` takes it.
        out: a folder that does not exist yet, or is empty; ``TANGERINE_MODEL`` takes it.
        decode: see :data:`core.training.pairs.Decode`.
        identify: SHA-256 (hex) of a source's content; called once for each source.
        options: see :class:`TrainingOptions`.
        device: for the towers: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads of torch, for the whole process; None or 0: as torch finds best.
        cache: folder where features are kept for the next training; None: they are not.
        resume: go on from where a training for the same ``out`` was stopped. On a CPU, with
            equal threads, the result has the bytes of a training that was not stopped.
        on_pictures: called with the number of pictures that went through the tower, and all.
        on_epoch: called after each epoch, and once before the first.
        on_bad_picture: called for each picture that cannot be decoded; it is left out.

    Raises:
        SourceError: fewer than :data:`MIN_CAPTIONS` captions; ``out`` is not usable; the
            stopped training was another one.
        ModelUnavailable: ``base`` cannot be loaded, has no heads to train, or its image
            tower no blocks that can be trained apart.

    """
    started = time.monotonic()
    options = options or TrainingOptions()
    enough_captions([caption for _, caption in pairs])
    refuse_filled(out)
    known = read_record(base)
    towers = FrozenTowers(base, device=device, threads=threads)
    with tempfile.TemporaryDirectory() as scratch, FeatureCache(cache or Path(scratch)) as features:
        encoder = PairEncoder(
            towers=towers,
            cache=features,
            decode=decode,
            identify=identify,
            tail=towers.tail(options.unfreeze) if options.unfreeze else None,
            on_pictures=on_pictures,
            on_bad_picture=on_bad_picture,
        )
        encoded = encoder.encode(pairs)
        material = encoded.material
        split = held_out_split(
            material.picture_of, material.caption_of, options.held_out, options.seed
        )
        state = StateFile(out, _begun_with(encoded, towers.heads, options))
        loop = TrainingLoop(
            material.part(split.learn, encoded.tail_of),
            material.part(split.test, encoded.tail_of),
            towers.heads,
            options,
            save=state.save,
        )
        saved = state.load() if resume else None
        if saved is not None:
            loop.restore(saved)
        resumed = loop.epochs
        loop.run(on_epoch)
        if loop.best:
            record = _record(encoded, split, loop, options, str(base))
            if known is not None:
                record = replace(record, learnt=record.learnt | known.learnt)
            towers.save(loop.heads, out, {RECORD: record.to_text()})
        state.remove()
        encoder.forget_recordings(encoded.digest)
    return TrainingReport(
        out=out,
        pairs=len(material.picture_of),
        held_out_pairs=len(split.test),
        held_out_by=split.by,
        epochs=loop.epochs,
        resumed=resumed,
        best=loop.best,
        before=loop.before,
        after=loop.after,
        seconds=time.monotonic() - started,
    )


def _begun_with(encoded: EncodedPairs, start: Heads, options: TrainingOptions) -> dict[str, str]:
    """What a saved state belongs to, by the words of the error where it does not."""
    total = hashlib.sha256(f"{encoded.digest} {start.logit_scale!r}".encode())
    for head in (start.image, start.text):
        for tensor in (head.weight, head.bias) if head else ():
            if tensor is not None:
                total.update(tensor.numpy().tobytes())
    return {
        "pictures or captions": encoded.content(),
        "base model": total.hexdigest(),
        "options": json.dumps(asdict(options), sort_keys=True),
    }


def _record(
    encoded: EncodedPairs, split: Split, loop: TrainingLoop, options: TrainingOptions, base: str
) -> TrainingRecord:
    picture_of = encoded.material.picture_of
    return TrainingRecord(
        settings={
            "base": base,
            **asdict(options),
            "pairs": len(picture_of),
            "held_out_pairs": len(split.test),
            "held_out_by": split.by,
            "best_epoch": loop.best,
        },
        before=loop.before.to_json(),
        after=loop.after.to_json(),
        learnt=frozenset(picture_key(encoded.keys[row]) for row in picture_of[split.learn]),
    )
