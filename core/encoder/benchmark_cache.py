"""What trials found, kept between starts: as long as model, machine and versions stay."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core.encoder.trials import BackendTrial, EncoderChoice

_PACKAGES = ("torch", "transformers", "openvino", "onnxruntime", "numpy")

_LAYOUT = 1
"""Counts up when trials measure something else than before."""

_KEPT = 32
"""Files of a kilobyte each; older ones go."""

_CPU = Path("/proc/cpuinfo")
"""Linux names the processor and what it can do here; elsewhere the platform has to do."""


class Verdicts:
    """Choices by key, one file each, below ``folder``. Damaged files count as missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> EncoderChoice | None:
        """What was chosen then; None where nothing was."""
        try:
            told = json.loads(self._path(key).read_bytes())
            return choice_of(told)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, key: str, choice: EncoderChoice) -> None:
        """Remember it; a folder that cannot be written only costs the next start its time."""
        keep_newest(self._path(key), asdict(choice), _KEPT)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def choice_of(told: Mapping[str, Any]) -> EncoderChoice:
    """A choice as ``dataclasses.asdict`` gave it. Raises KeyError and TypeError for others."""
    trials = tuple(BackendTrial(**trial) for trial in told["trials"])
    return EncoderChoice(
        str(told["backend"]), str(told["precision"]), trials, tuple(told["refused"])
    )


def keep_newest(path: Path, value: Mapping[str, object], kept: int) -> None:
    """Write a JSON file whole or not at all, and leave the ``kept`` newest of its folder.

    Where that cannot be done, nothing is kept.
    """
    scratch = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(value, indent=1), encoding="utf-8")
        scratch.replace(path)
        files = sorted(path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for old in files[:-kept]:
            old.unlink(missing_ok=True)


def verdict_key(
    fingerprint: str,
    asked: Mapping[str, object],
    *,
    here: Callable[[], tuple[str, ...]] | None = None,
    versions: Callable[[str], str | None] | None = None,
) -> str:
    """SHA-256 (hex) of everything that a verdict depends on.

    ``asked`` is what the caller wants (JSON values); processor and versions are added,
    as ``here`` and ``versions`` tell them: by default what this machine has.
    """
    told = {
        "layout": _LAYOUT,
        "fingerprint": fingerprint,
        "asked": dict(asked),
        "machine": (here or machine)(),
        "versions": {name: (versions or _version)(name) for name in _PACKAGES},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def machine() -> tuple[str, ...]:
    """Architecture, number of processors, and the processor's name and abilities."""
    lines: dict[str, str] = {}
    with suppress(OSError):
        for line in _CPU.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            lines.setdefault(name.strip(), value.strip())
    described = (lines.get(name, "") for name in ("model name", "flags", "Features"))
    return (platform.machine(), str(os.cpu_count()), *described)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
