"""What the steps of a release check share."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

# The first start makes the embedded model and indexes the demo gallery.
_START_S = 300.0


class Failed(Exception):
    """A step failed; the text says why."""


class Skipped(Exception):
    """A step cannot be done here; the text says why."""


def run(*command: str | Path, at: Path | None = None, check: bool = True) -> str:
    """Run a command and return its standard output. Raises Failed with its last lines."""
    done = subprocess.run(
        [str(part) for part in command], cwd=at, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise Failed(f"{' '.join(map(str, command[:3]))} ended with {done.returncode}:\n{tail}")
    return done.stdout


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answered(url: str, *, alive: Callable[[], bool], token: str | None = None) -> tuple[float, int]:
    """Ask a starting program until it is ready, then for orange fruits: (seconds, pictures).

    Raises Failed where the program ends, or is not ready within five minutes.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    began = time.monotonic()

    def get(path: str) -> dict[str, object]:
        request = urllib.request.Request(url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            found: dict[str, object] = json.load(answer)
        return found

    while True:
        try:
            get("/readyz")
            break
        except OSError as error:
            if not alive():
                raise Failed("the program ended before it was ready") from None
            if time.monotonic() - began > _START_S:
                raise Failed(f"not ready after {_START_S:.0f} s: {error}") from None
        time.sleep(0.5)
    hits = get("/api/find?q=orange+fruits")["hits"]
    return time.monotonic() - began, len(hits) if isinstance(hits, list) else 0
