"""Importing does no work: no torch, no files, no network, whatever the environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_WITH_TORCH = {
    "core.encoder.backends.clip",
    "core.encoder.backends.cuda",
    "core.encoder.backends.factory",
    "core.encoder.mini.modeling",
    "core.encoder.mini.ngrams",
    "core.encoder.mini.questions",
    "core.encoder.backends.torch",
}
_MODULES = sorted(
    ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("bot", "core", "index", "config")
    for path in (_ROOT / package).rglob("*.py")
    if path.name != "__main__.py"
)
_PROGRAM = """
import sys, threading, importlib, json
seen = []
def audit(event, args):
    if event == "os.mkdir" and "torchinductor_" in str(args[0]):
        return  # torch's own, of its compiler, which transformers' classes of models load
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        seen.append(f"writes {args[0]}")
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir"):
        seen.append(event)
sys.addaudithook(audit)
out = {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    out[name] = "torch" in sys.modules
print(json.dumps({"torch": out, "seen": seen, "threads": threading.active_count()}))
"""


def _import(*modules: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-B", "-c", _PROGRAM, *modules],
        capture_output=True,
        text=True,
        check=True,
        env={},
        cwd=_ROOT,
    )
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.process
def test_importing_loads_no_torch() -> None:
    """Every module but the one that needs it is imported together, without torch."""
    modules = [name for name in _MODULES if name not in _WITH_TORCH]
    assert len(modules) > 20
    result = _import(*modules)
    assert [name for name, loaded in result["torch"].items() if loaded] == []
    assert result["seen"] == []
    assert result["threads"] == 1


@pytest.mark.process
def test_importing_the_modules_with_torch_does_no_work() -> None:
    """They load torch, and start nothing of their own."""
    result = _import(*sorted(_WITH_TORCH))
    assert result["torch"] == dict.fromkeys(sorted(_WITH_TORCH), True)
    assert result["seen"] == []
