"""The real program as a process of its own, its log, and the moment at which it is ready."""

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

_LOOK_EVERY_S = 0.02
_PATIENCE_S = 300.0


@dataclass
class Log:
    """What the program said, and when: seconds of this process."""

    lines: list[tuple[float, str]] = field(default_factory=list)
    pid: int = 0

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
        address = r"(?:Web chat|Encoder): (http://\S+)"
        found = (re.search(address, line) for _, line in self.lines)
        return next((each[1] for each in found if each), None)

    def events(self) -> Iterator[tuple[float, str]]:
        """The events of its log, each with its time."""
        for at, line in self.lines:
            if line.startswith("{"):
                yield at, json.loads(line)["event"]


@contextmanager
def running(settings: Mapping[str, str], does: str = "run") -> Iterator[Log]:
    """``tangerine run``, or what else it ``does``, with these settings.

    They go by their names without ``TANGERINE_``.
    """
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    environment |= {f"TANGERINE_{name}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).with_name("tangerine")), does]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        log = Log(pid=process.pid)
        reader = threading.Thread(target=log.read, args=(process,))
        reader.start()
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            reader.join()


def waited_for(condition: Callable[[], bool], log: Log) -> float:
    """When the condition held, seconds of this process. Raises RuntimeError."""
    until = time.perf_counter() + _PATIENCE_S
    while not condition():
        if time.perf_counter() > until:
            raise RuntimeError("it never came:\n" + "".join(line for _, line in log.lines))
        time.sleep(_LOOK_EVERY_S)
    return time.perf_counter()


def is_ready(url: str) -> bool:
    """Whether it answers questions."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_PATIENCE_S) as response:
            return bool(response.status == HTTPStatus.OK)
    except urllib.error.HTTPError:
        return False
