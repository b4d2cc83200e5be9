"""What a figure was measured on: processor, versions, load; and where much work is kept."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

KEPT = Path(__file__).parents[1] / ".cache" / "bench"
"""Models, exports, photographs and points of curves, which take minutes to make."""

_PACKAGES = ("torch", "transformers", "openvino", "onnxruntime", "faiss-cpu", "pillow", "numpy")


def described() -> str:
    """The machine and the versions that matter, in one line."""
    return ", ".join(
        (
            f"{_processor()}, {os.cpu_count()} CPUs",
            f"Python {platform.python_version()}",
            *(f"{name} {found}" for name in _PACKAGES if (found := _version(name))),
        )
    )


def load() -> str:
    """How busy the machine was in the last minute: processes that ran or wanted to."""
    return f"{os.getloadavg()[0]:.1f}"


def _processor() -> str:
    """Its name as Linux tells it; elsewhere its architecture."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
