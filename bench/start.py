"""From a loaded model to ``/readyz``, over 100,000 pictures: the real program, its own log.

The collection is made once (:mod:`bench.collection`); the model is one in the shape of CLIP
ViT-B/32, whose loading is not counted. The other side is what was asked for, three seconds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import torch

from bench.collection import kept_collection
from bench.comparison import Comparison, Timed
from bench.encoding import clip, encoder_of
from bench.generations import NAME

_PICTURES = 100_000
_WANTED_S = 3.0
_LOOK_EVERY_S = 0.02
_PATIENCE_S = 120.0
_LOADED, _INDEXED = "encoder.ready", "Ready: "
_STAGES = ("engine.ready", "index.ready")


@dataclass
class _Log:
    """What the program said, and when: seconds of this process."""

    lines: list[tuple[float, str]] = field(default_factory=list)

    def read(self, process: subprocess.Popen[str]) -> None:
        """Collect until it ends."""
        assert process.stderr is not None
        for line in process.stderr:
            self.lines.append((time.perf_counter(), line))

    def when(self, words: str) -> float | None:
        """When these words were said first."""
        return next((at for at, line in self.lines if words in line), None)

    def url(self) -> str | None:
        """The address that it listens at."""
        found = (re.search(r"Web chat: (http://\S+)", line) for _, line in self.lines)
        return next((each[1] for each in found if each), None)

    def stages(self) -> Iterator[tuple[float, str]]:
        """What it told of its start, each with its time."""
        for at, line in self.lines:
            event = json.loads(line)["event"] if line.startswith("{") else ""
            if event in _STAGES:
                yield at, event


@contextmanager
def _running(home: Path) -> Iterator[_Log]:
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    settings = {
        "MODEL": str(clip()),
        "DATA_DIR": str(home / "data"),
        "COLLECTIONS": json.dumps(
            [{"name": NAME, "folder": str(home / "pictures"), "communities": ["web"]}]
        ),
        # No trials, which only a first start has.
        "ENCODER__BACKEND": "torch",
        "ENCODER__PRECISION": "float32",
        "LOGS__LEVEL": "debug",
        "LOGS__FORMAT": "json",
        "WEB_PORT": "0",
    }
    environment |= {f"TANGERINE_{name}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).with_name("tangerine")), "run"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        log = _Log()
        reader = threading.Thread(target=log.read, args=(process,))
        reader.start()
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            reader.join()


def _seconds(home: Path) -> float:
    """From the loaded model to the moment at which it says that it is ready."""
    with _running(home) as log:
        ready_at = _wait(lambda: (url := log.url()) is not None and _is_ready(url), log)
        loaded_at = log.when(_LOADED)
        assert loaded_at is not None
        _wait(lambda: log.when(_INDEXED) is not None, log)
        indexed_at = log.when(_INDEXED)
        assert indexed_at is not None
    told = [f"{at - loaded_at:.2f} {name}" for at, name in log.stages()]
    told += [f"{ready_at - loaded_at:.2f} ready", f"{indexed_at - loaded_at:.2f} reindexed"]
    print(f"  seconds after the model: {', '.join(told)}")
    return ready_at - loaded_at


def _wait(condition: Callable[[], bool], log: _Log) -> float:
    until = time.perf_counter() + _PATIENCE_S
    while not condition():
        if time.perf_counter() > until:
            raise RuntimeError("it never came:\n" + "".join(line for _, line in log.lines))
        time.sleep(_LOOK_EVERY_S)
    return time.perf_counter()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_PATIENCE_S) as response:
            return bool(response.status == HTTPStatus.OK)
    except urllib.error.HTTPError:
        return False


@contextmanager
def _start() -> Iterator[tuple[Timed, Timed]]:
    encoder = encoder_of(clip(), ("torch", "float32"), torch.get_num_threads())
    home = kept_collection(_PICTURES, encoder.identity)
    del encoder
    yield lambda: _seconds(home), lambda: _WANTED_S


COMPARISONS = (
    Comparison(
        f"a start over {_PICTURES:,} pictures",
        "from the loaded model to /readyz",
        "what was asked for",
        "a start",
        _start,
    ),
)
