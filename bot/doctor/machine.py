"""The machine, and the model with its device: whole, readable and fetchable, without loading it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bot.doctor.findings import Findings, OutOfReachError, ask, failed, fine, warning
from bot.observability.health import folder_bytes
from core.domain.errors import ModelUnavailable
from core.encoder.hub import Checkpoint, first_line, local_checkpoint
from core.encoder.hub_check import HubUnreachableError, ask_hub
from core.encoder.mini.towers import IMAGE_PACKAGE, TEXT_PACKAGE, missing_package, module_of
from core.encoder.model import choose_device
from core.encoder.torch_needed import torch_is_installed

_MIB = 2**20
# The embedded model takes 61 MiB, a catalogue of some thousand pictures about as much.
_LEAST_FREE = 200 * _MIB
# Room for the default model (600 MiB) and an index; below that it becomes narrow.
_GOOD_FREE = 1024 * _MIB
_TRIAL_BYTES = 64 * 1024
_SECRET_NAMES = frozenset({"token", "webhook_secret"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is going to listen, and the settings that say so."""

    check: str
    host: str
    port: int
    settings: str


def check_data_folder(
    folder: Path, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Findings:
    """Whether it can be written, and has room for the next index beside this one. Blocking."""
    check = "data"
    place = next((p for p in (folder, *folder.absolute().parents) if p.exists()), Path("/"))
    try:
        # A folder that is made and removed: the only trial that also counts for root.
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as trial:
            file = Path(trial) / "trial"
            file.write_bytes(b"\0" * _TRIAL_BYTES)
            with file.open("rb+") as written:
                os.fsync(written.fileno())
    except OSError as error:
        return [
            failed(
                check,
                f"The data folder {folder} cannot be written ({error.strerror}).",
                "Set TANGERINE_DATA_DIR to a folder that this user may write, or free space.",
            )
        ]
    free = free_bytes(place)
    # A reindex writes the new index beside the one in use.
    needed = max(_LEAST_FREE, 2 * folder_bytes(folder / "index"))
    told = f"{free / _MIB:,.0f} MiB free in {folder}"
    if free < needed:
        return [
            failed(
                check,
                f"Only {told}; {needed / _MIB:,.0f} MiB are needed.",
                "Free space, or point TANGERINE_DATA_DIR at a larger disk.",
            )
        ]
    if free < max(_GOOD_FREE, needed):
        return [
            warning(check, f"Only {told}.", "Free space before models and pictures fill it up.")
        ]
    return [fine(check, f"{told}, and it can be written.")]


def check_secrets(config: Path | None) -> Findings:
    """Whether others on this machine can read tokens from the settings file. Blocking."""
    if config is None or not _holds_secret(tomllib.loads(config.read_text(encoding="utf-8"))):
        return []
    if not config.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [
        warning(
            "settings",
            f"{config} holds a token, and other users of this machine may read it.",
            f"chmod 600 {config}",
        )
    ]


async def check_address(address: Address) -> Findings:
    """Whether a server can listen there, or one of ours does already."""
    where = f"{address.host}, port {address.port}"
    try:
        await asyncio.to_thread(_listen, address.host, address.port)
    except OSError as error:
        if await _ours(address):
            return [fine(address.check, f"Tangerine runs already on {where}.")]
        return [
            failed(
                address.check,
                f"Nothing can listen on {where} ({error.strerror}).",
                f"Choose others with {address.settings}, or stop what uses it.",
            )
        ]
    return [fine(address.check, f"{where} is free." if address.port else "Any free port is taken.")]


def _holds_secret(table: dict[str, object]) -> bool:
    return any(
        _holds_secret(value) if isinstance(value, dict) else name in _SECRET_NAMES and bool(value)
        for name, value in table.items()
    )


def _listen(host: str, port: int) -> None:
    # Any further address of the name would be tried by the server in the same way.
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as trial:
        # As asyncio's servers do: a connection that has just ended does not hold the port.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)
        # Linux refuses here what two sockets with that option both may bind.
        trial.listen(1)


async def _ours(address: Address) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - asked, not bound
    try:
        answer = await ask(f"http://{f'[{host}]' if ':' in host else host}:{address.port}/healthz")
    except OutOfReachError:
        return False
    return answer.body == {"alive": True}


_CHECK = "model"
_HUB_TIMEOUT_S = 10.0
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
    if not torch_is_installed():
        told = "torch and transformers are not installed: only models that were exported here run."
        remedy = "For other models, a GPU and training: pip install torch transformers."
        return [warning("device", told, remedy)]
    try:
        chosen = choose_device(device)
    except ModelUnavailable as error:
        return [failed("device", error.message, error.remedy)]
    return [fine("device", f"The model runs on {chosen} (device = {device}).")]


def _mini() -> Findings:
    for package in (IMAGE_PACKAGE, TEXT_PACKAGE):
        if find_spec(module_of(package)) is None:
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
