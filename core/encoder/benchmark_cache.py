"""What was found of an encoder, kept between starts: as long as model and machine stay."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

_T = TypeVar("_T")

_PACKAGES = ("torch", "transformers", "openvino", "onnxruntime", "numpy")

_LAYOUT = 1
"""Counts up when trials measure something else than before."""

_KEPT = 32
"""Files of a kilobyte each; older ones go."""

_CPU = Path("/proc/cpuinfo")
"""Linux names the processor and what it can do here; elsewhere the platform has to do."""


class JsonCache(Generic[_T]):
    """Values by key, a file each, below ``folder``; damaged files count as missing."""

    def __init__(self, kind: type[_T], folder: Path) -> None:
        self._adapter = TypeAdapter(kind)
        self._folder = folder

    def find(self, key: str) -> _T | None:
        """What was kept; None where nothing was."""
        try:
            return self._adapter.validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, key: str, value: _T) -> None:
        """Write it whole or not at all; a folder that cannot be written costs time alone."""
        path = self._path(key)
        scratch = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(self._adapter.dump_json(value, indent=1))
            scratch.replace(path)
            files = sorted(path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for old in files[:-_KEPT]:
                old.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


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
        "versions": {name: (versions or package_version)(name) for name in _PACKAGES},
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


def package_version(package: str) -> str | None:
    """The version that is installed; None where none is."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
