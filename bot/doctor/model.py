"""The model and its device: whole, readable and fetchable, without loading it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bot.doctor.findings import Findings, failed, fine, warning
from core.domain.errors import ModelUnavailable
from core.encoder.hub import Checkpoint, first_line, local_checkpoint
from core.encoder.hub_check import HubUnreachableError, ask_hub
from core.encoder.mini.towers import IMAGE_PACKAGE, TEXT_PACKAGE, missing_package
from core.encoder.model import choose_device

_CHECK = "model"
_HUB_TIMEOUT_S = 10.0
_MIB = 2**20
_OTHER_MODEL = "Set TANGERINE_MODEL=mini to use the embedded model, or fetch this one anew."


def check_model(model: str) -> Findings:
    """Whether the model's files are whole, or can be fetched. Blocking."""
    try:
        if model == "mini":
            return _mini()
        checkpoint = local_checkpoint(model)
        return _whole(model, checkpoint) if checkpoint is not None else _on_hub(model)
    except ModelUnavailable as error:
        return [failed(_CHECK, error.message, error.remedy)]


def check_device(device: str) -> Findings:
    """Whether torch sees the device that is asked for. Blocking, loads torch."""
    try:
        chosen = choose_device(device)
    except ModelUnavailable as error:
        return [failed("device", error.message, error.remedy)]
    return [fine("device", f"The model runs on {chosen} (device = {device}).")]


def _mini() -> Findings:
    for package in (IMAGE_PACKAGE, TEXT_PACKAGE):
        if find_spec(package.replace("-", "_")) is None:
            raise missing_package(package)
    return [fine(_CHECK, "The embedded model mini is installed.")]


def _whole(model: str, checkpoint: Checkpoint) -> Findings:
    for weights in checkpoint.weights:
        if weights.suffix == ".safetensors" and (reason := _torn(weights)):
            message = f"The model {model} is damaged: {weights.name}: {reason}."
            return [failed(_CHECK, message, _OTHER_MODEL)]
    size = sum(weights.stat().st_size for weights in checkpoint.weights)
    return [fine(_CHECK, f"The model {model} is on this machine ({size / _MIB:,.0f} MiB).")]


def _torn(weights: Path) -> str:
    """What is wrong with a file of weights, empty for nothing: reads its table, not its tensors."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - slow import

    try:
        with safe_open(weights, framework="numpy"):
            return ""
    except (SafetensorError, OSError) as error:
        return first_line(error)


def _on_hub(model: str) -> Findings:
    try:
        ask_hub(model, timeout_s=_HUB_TIMEOUT_S)
    except HubUnreachableError as error:
        message = (
            f"The model {model} is not on this machine, and the hub cannot be reached ({error})."
        )
        remedy = "Connect this machine to the network once, or set TANGERINE_MODEL=mini."
        return [failed(_CHECK, message, remedy)]
    message = f"The model {model} is not on this machine yet; the hub has it."
    return [warning(_CHECK, message, "The first start downloads it: have the network at hand.")]
