"""The model of a checkpoint: which class, complete weights, and what it says of itself."""

from __future__ import annotations

import math
from typing import Any

from core.domain.errors import ModelUnavailable
from core.encoder.hub import Checkpoint, first_line

_REMEDY = (
    "Choose a checkpoint with a text and an image tower, such as CLIP or SigLIP, or set "
    "TANGERINE_MODEL=mini."
)

_DEFAULT_LOGIT_SCALE = 100.0
"""Where a model carries none: the value at which CLIP's own temperature is clamped."""


_LARGE_WEIGHTS = 64_000_000
"""Smaller models answer in some 20 ms as it is, and lose more: the embedded model's vectors
of pictures come to 0.9990 of float32's, those of ViT-B/32 (151 million) to 0.99995."""

_PRECISIONS = ("float32", "float16", "bfloat16")


def choose_device(device: str) -> Any:
    """The ``torch.device`` of ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises ModelUnavailable where there is no such device.
    """
    import torch  # noqa: PLC0415  # only the encoder's module may import it for everybody

    cuda = torch.cuda.is_available()
    if device == "auto":
        device = "cuda" if cuda else "cpu"
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"There is no device {device}.", remedy="Use auto, cpu or cuda."
        ) from error
    if target.type != "cuda":
        return target
    index = target.index or 0
    if not cuda or index >= torch.cuda.device_count():
        raise ModelUnavailable(
            f"The device {device} was asked for, but torch sees no such GPU.",
            remedy="Set TANGERINE_DEVICE=auto, or install torch with CUDA and a driver.",
        )
    return torch.device("cuda", index)


def choose_dtype(precision: str, device: Any) -> Any:
    """The ``torch.dtype`` of a precision; ``auto`` is float16 on CUDA, else float32.

    Raises ModelUnavailable for an unknown precision.
    """
    import torch  # noqa: PLC0415  # only the encoder's module may import it for everybody

    if precision == "auto":
        precision = "float16" if device.type == "cuda" else "float32"
    if precision not in _PRECISIONS:
        raise ModelUnavailable(
            f"There is no precision {precision}.", remedy=f"Use auto, {', '.join(_PRECISIONS)}."
        )
    return getattr(torch, precision)


def gains_from_bfloat16(model: Any, *, large: int = _LARGE_WEIGHTS) -> bool:
    """Whether it is worth a try on this CPU: it computes in bfloat16, and the model is large.

    It is from ``large`` weights on. A CPU without AVX512-BF16 or AMX emulates it, slower than
    float32.
    """
    import torch  # noqa: PLC0415  # only the encoder's module may import it for everybody

    if sum(weight.numel() for weight in model.parameters()) < large:
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("amx_tile"))


def load_model(checkpoint: Checkpoint, dtype: Any) -> Any:
    """The model in eval mode on the CPU, its weights as ``dtype`` (a ``torch.dtype``).

    Raises ModelUnavailable where the checkpoint is no dual encoder, would need code of its
    own, or lacks weights.
    """
    from transformers import AutoConfig, AutoModel  # noqa: PLC0415  # a slow import

    from core.encoder.mini.modeling import register  # noqa: PLC0415  # loads torch

    register()
    name, folder = checkpoint.name, checkpoint.folder
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelUnavailable(
            f"The model {name} is of a kind that this program cannot load, or its config.json is "
            "damaged; code that comes with a model is never run.",
            remedy=_REMEDY,
        ) from error
    if not _is_dual_encoder(config):
        raise ModelUnavailable(
            f"The model {name} ({config.model_type}) is no dual encoder: it does not embed both "
            "texts and pictures.",
            remedy=_REMEDY,
        )
    try:
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
            weights_only=True,
        )
    except Exception as error:
        raise ModelUnavailable(
            f"The weights of the model {name} cannot be loaded ({first_line(error)}).",
            remedy="Download the model again, or choose another.",
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers would go on with random numbers in their place.
        raise ModelUnavailable(
            f"The model {name} lacks {len(missing)} of its weights, {missing[0]} first.",
            remedy="Download the model again, or choose another.",
        )
    return model.eval()


def _is_dual_encoder(config: Any) -> bool:
    from transformers import MODEL_MAPPING  # noqa: PLC0415  # a slow import

    if type(config) not in MODEL_MAPPING:
        return False
    found = MODEL_MAPPING[type(config)]
    classes = found if isinstance(found, tuple) else (found,)
    return all(
        hasattr(cls, "get_text_features") and hasattr(cls, "get_image_features") for cls in classes
    )


def features(output: Any) -> Any:
    """The tensor [n, d] in what ``get_text_features`` or ``get_image_features`` returned."""
    if hasattr(output, "pooler_output"):
        return output.pooler_output
    # Before transformers 5, and in models that were not moved yet, the tensor itself.
    return output


def text_limit(model: Any) -> int | None:
    """The most tokens that the text tower has positions for; None where it has no table.

    RoBERTa-like towers begin to count behind the padding index of their table.
    """
    tower = getattr(model, "text_model", model)
    for name, module in tower.named_modules():
        if name.rpartition(".")[2] in {"position_embedding", "position_embeddings"}:
            positions = getattr(module, "num_embeddings", None)
            if positions is not None:
                padding = module.padding_idx
                return int(positions) - (0 if padding is None else int(padding) + 1)
    config = getattr(model.config, "text_config", model.config)
    limit = getattr(config, "max_position_embeddings", None)
    return int(limit) if limit else None


def temperature(model: Any) -> tuple[float, float]:
    """Factor and bias on cosines: of CLIP and SigLIP, or 1 / temperature (ALIGN), else 100, 0."""
    bias = getattr(model, "logit_bias", None)
    shift = 0.0 if bias is None else _number(bias)
    if getattr(model, "logit_scale", None) is not None:
        return math.exp(_number(model.logit_scale)), shift
    if getattr(model, "temperature", None) is not None:
        return 1.0 / _number(model.temperature), shift
    return _DEFAULT_LOGIT_SCALE, shift


def _number(parameter: Any) -> float:
    return float(parameter.detach())
