"""Loads a dual encoder, in the way that suits this machine and this model best."""

from __future__ import annotations

from pathlib import Path

from core.domain.errors import ModelUnavailable
from core.encoder.autotune import PLAIN, Selection
from core.encoder.benchmark_cache import JsonCache, verdict_key
from core.encoder.build import STEPS, EncoderBuilder, Steps, require
from core.encoder.encoder import TransformersEncoder
from core.encoder.exports import Exports
from core.encoder.hub import find_checkpoint, fingerprint
from core.encoder.model import choose_device
from core.encoder.preprocessor_config import read_preprocessing
from core.encoder.probes import NotFinite
from core.encoder.transformers_logging import quiet
from core.encoder.trials import EncoderChoice, RuntimeConfig, SearchCheck

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
        steps: see :class:`core.encoder.build.Steps`.

    Where a CPU is told to run in a precision whose vectors the trial finds too far from those
    of float32, the identity's fingerprint is another one, so that no index holds both.
    Takes seconds, up to a minute where an export is to be made, and blocks. Raises
    ModelUnavailable with cause and remedy.
    """
    require(backend, precision, steps.installed)
    target = choose_device(device)
    if threads:
        import torch  # noqa: PLC0415  # a slow import

        torch.set_num_threads(threads)
    checkpoint = find_checkpoint(model, cache_dir=Path(cache_dir) if cache_dir else None)
    with quiet():
        preprocessing = read_preprocessing(checkpoint.folder)
        digest = fingerprint(checkpoint, preprocessing.describe())
        with EncoderBuilder(
            checkpoint,
            preprocessing,
            digest,
            name=name or model,
            device=target,
            threads=threads or None,
            max_batch=max_batch,
            exports=Exports(exports / "models") if exports else None,
            steps=steps,
        ) as workshop:
            if target.type != "cpu":
                return _on_gpu(workshop, backend, precision, steps)
            selection = Selection(workshop, backend, precision, check, steps)
            if (backend, precision) == ("torch", "float32"):
                return workshop.build(PLAIN)
            if exports is None:
                return selection.best()
            asked = {
                "backend": backend,
                "precision": precision,
                "threads": threads or 0,
                "check": check.subject if check else None,
            }
            return _remembered(
                workshop,
                selection,
                JsonCache(EncoderChoice, exports / "trials"),
                verdict_key(digest, asked),
            )


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
