"""Loads a dual encoder, in the way that suits this machine and this model best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import ModelUnavailable
from core.encoder.autotune import PLAIN, Selection
from core.encoder.benchmark_cache import JsonCache, verdict_key
from core.encoder.build import STEPS, EncoderBuilder, Steps, may_check, require
from core.encoder.choice import EncoderChoice, RuntimeConfig
from core.encoder.encoder import TransformersEncoder
from core.encoder.exports import Exports
from core.encoder.hub import Checkpoint, find_checkpoint, fingerprint
from core.encoder.known import KnownEncoder, KnownEncoders
from core.encoder.model import choose_device
from core.encoder.preprocessor_config import read_preprocessing
from core.encoder.probes import NotFinite
from core.encoder.serving import serve_export
from core.encoder.torch_needed import need_torch
from core.encoder.transformers_logging import quiet
from core.encoder.trials import SearchCheck

__all__ = ["TransformersEncoder", "load_encoder"]


def load_encoder(
    model: str,
    *,
    name: str | None = None,
    device: str = "auto",
    backend: str = "torch",
    precision: str = "auto",
    cache_dir: str | Path | None = None,
    threads: int | None = None,
    max_batch: int | None = None,
    exports: Path | None = None,
    check: SearchCheck | None = None,
    late: bool = False,
    steps: Steps = STEPS,
) -> TransformersEncoder:
    """The encoder of a local folder or of ``owner/name[@revision]`` on the model hub.

    Args:
        model: a model in the hub's local cache is used without network access; one that is
            not is downloaded once.
        name: for its identity; what the user gave, by default ``model``.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        backend: ``torch``, ``openvino``, ``onnx`` (both optional, on a CPU only), or ``auto``:
            the fastest that is installed and computes the same. A model that a backend does
            not understand runs on torch, and ``choice.refused`` says so.
        precision: ``float32``, ``float16``, ``bfloat16``, ``int8`` (OpenVINO only) or
            ``auto``: float16 on CUDA unless the model overflows in it; on a CPU float32, but
            less where the CPU computes in it, the model is large enough to gain, and a trial
            found it faster and within a cosine of 0.998 of float32. int8 has to pass
            ``check`` as well, and is refused otherwise. Vectors are float32 in any case.
        cache_dir: the hub's cache; None: the user's own.
        threads: CPU threads, for the whole process; None or 0: as each backend finds best.
        max_batch: the most items in one forward pass; None: as is fastest on the device.
        exports: where exports and the outcome of trials are kept, so that only the first
            start takes their time; None: nowhere.
        check: compares what two encoders find among the collection's own pictures.
        late: what runs from an export opens each tower when it is first used.
        steps: see :class:`core.encoder.build.Steps`.

    An encoder that ran from an export before, in the same way and from the same files, does so
    again without torch and transformers; all others are loaded by them.

    Where a CPU is told to run in a precision whose vectors the trial finds too far from those
    of float32, the identity's fingerprint is another one, so that no index holds both.
    Takes a tenth of a second from an export, else seconds, up to a minute where one is to be made,
    and blocks. Raises ModelUnavailable with cause and remedy.
    """
    require(backend, precision, steps.installed)
    wish = _Wish(
        find_checkpoint(model, cache_dir=Path(cache_dir) if cache_dir else None),
        name=name or model,
        device=device,
        backend=backend,
        precision=precision,
        threads=threads or 0,
        max_batch=max_batch,
        check=check,
    )
    if exports is None:
        return _loaded(wish, None, steps)[0]
    known = wish.known(exports)
    found = known.find()
    if found is not None:
        encoder = serve_export(
            found,
            Exports(exports / "models"),
            threads=threads or None,
            max_batch=max_batch,
            late=late,
        )
        if encoder is not None:
            return encoder
    encoder, found = _loaded(wish, exports, steps)
    known.keep(found)
    return encoder


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for; see :func:`load_encoder`."""

    checkpoint: Checkpoint
    name: str
    device: str
    backend: str
    precision: str
    threads: int
    max_batch: int | None
    check: SearchCheck | None

    def known(self, exports: Path) -> KnownEncoders:
        return KnownEncoders(
            exports,
            self.checkpoint,
            name=self.name,
            device=self.device,
            backend=self.backend,
            precision=self.precision,
            threads=self.threads,
            check=self.check.subject if self.check else None,
        )


def _loaded(
    wish: _Wish, exports: Path | None, steps: Steps
) -> tuple[TransformersEncoder, KnownEncoder]:
    """The encoder as torch and transformers load it, and what is to be known of it."""
    need_torch(f"The model {wish.name} has no export for this machine yet: to load it")
    target = choose_device(wish.device)
    if wish.threads:
        import torch  # noqa: PLC0415  # a slow import

        torch.set_num_threads(wish.threads)
    with quiet():
        preprocessing = read_preprocessing(wish.checkpoint.folder)
        digest = fingerprint(wish.checkpoint, preprocessing.describe())
        with EncoderBuilder(
            wish.checkpoint,
            preprocessing,
            digest,
            name=wish.name,
            device=target,
            threads=wish.threads or None,
            max_batch=wish.max_batch,
            exports=Exports(exports / "models") if exports else None,
            steps=steps,
        ) as workshop:
            if target.type != "cpu":
                encoder = _on_gpu(workshop, wish.backend, wish.precision, steps)
                return encoder, workshop.known(encoder)
            encoder = _on_cpu(wish, workshop, digest, exports, steps)
            return encoder, workshop.known(encoder, checkable=_is_checkable(wish, workshop, steps))


def _on_cpu(
    wish: _Wish, workshop: EncoderBuilder, digest: str, exports: Path | None, steps: Steps
) -> TransformersEncoder:
    if (wish.backend, wish.precision) == (PLAIN.backend, PLAIN.precision):
        return workshop.build(PLAIN)
    selection = Selection(workshop, wish.backend, wish.precision, wish.check, steps)
    if exports is None:
        return selection.best()
    wishes = {
        "backend": wish.backend,
        "precision": wish.precision,
        "threads": wish.threads,
        "check": wish.check.subject if wish.check else None,
    }
    verdicts = JsonCache(EncoderChoice, exports / "trials")
    return _remembered(workshop, selection, verdicts, verdict_key(digest, wishes))


def _is_checkable(wish: _Wish, workshop: EncoderBuilder, steps: Steps) -> bool:
    """Whether eight-bit integers could be chosen, were there something to check them on."""
    if wish.check is not None or not may_check(wish.backend, wish.precision, steps.installed):
        return False
    return wish.precision == "int8" or "int8" in workshop.precisions("openvino")


def _remembered(
    workshop: EncoderBuilder, selection: Selection, verdicts: JsonCache[EncoderChoice], key: str
) -> TransformersEncoder:
    """What was found best when the same was asked before, else what is found best now."""
    known = verdicts.find(key)
    if known is not None:
        try:
            encoder = workshop.build(RuntimeConfig(known.backend, known.precision))
        except ModelUnavailable:
            pass  # some file or package is not what it was: try anew
        else:
            encoder.record(known.trials, known.refused)
            return encoder
    encoder = selection.best()
    verdicts.keep(key, encoder.choice)
    return encoder


def _on_gpu(
    workshop: EncoderBuilder, backend: str, precision: str, steps: Steps
) -> TransformersEncoder:
    if backend not in {"auto", "torch"} or precision == "int8":
        asked = precision if precision == "int8" else backend
        raise ModelUnavailable(
            f"The encoder is to run on a GPU, where {asked} is not possible.",
            remedy="Set TANGERINE_DEVICE=cpu, or both backend and precision of the encoder to "
            "auto.",
        )
    wanted = "float16" if precision == "auto" else precision
    try:
        encoder = workshop.build(RuntimeConfig("torch", wanted))
    except NotFinite:
        if precision != "auto":
            raise
        return workshop.build(PLAIN)
    if wanted != "float32":
        encoder.record([steps.compare(encoder, workshop.build(PLAIN), "torch", wanted)])
    return encoder
