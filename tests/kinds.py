"""Kinds of tests: what is slow, because of what it needs or does, told apart from what is fast.

A test that starts a program, opens a browser, loads a model or takes seconds by itself carries
a mark that says so, set by its file, by itself, or by the fixture that it uses; one that drives a
platform's own client has it by its folder. All others are ``fast``: they are what
``make test-fast`` runs. A fast test that starts a process or loads torch fails, so that the
selection stays what it says.

Tests that wait for something outside their own code (a process, a browser, another task) get a
second try on a machine that was busy. The summary lists each of them as RERUN: one that comes
back there is a fault of the test and is to be mended.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

_SLOW = ("long", "slow", "process", "browser", "model", "platform")

_BY_DURATION = ("process", "browser", "model", "slow", "platform")

_BY_FIXTURE = {
    "browser": "browser",
    "new_program": "process",
    "postgresql": "process",
    "own_postgresql": "process",
    "milvus": "process",
    "own_milvus": "process",
    "mini": "model",
}
"""What a test needs that uses a fixture of this name."""

_BY_FOLDER = {"adapters": "platform"}
"""What the tests of a folder of this name need: a server on the loopback and a client's login, four
times as much processor time as other fast tests take."""

_FILE_MARK = re.compile(
    rf"^pytestmark = (?:.+\n)*?.*pytest\.mark\.(?:{'|'.join(_SLOW)})\b", re.MULTILINE
)

_PROCESSES = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"})
"""Events of the interpreter: https://docs.python.org/3/library/audit_events.html"""

_MODEL = "torch"


def mark(items: Iterable[pytest.Item]) -> None:
    """Give every test the marks of the fixtures that it uses; ``fast`` where it needs nothing."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in _BY_FIXTURE:
                item.add_marker(_BY_FIXTURE[name])
        if item.path.parent.name in _BY_FOLDER:
            item.add_marker(_BY_FOLDER[item.path.parent.name])
        if not any(item.get_closest_marker(kind) for kind in _SLOW):
            item.add_marker("fast")
        if not item.get_closest_marker("fast") or _waits(item):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _waits(item: pytest.Item) -> bool:
    return inspect.iscoroutinefunction(getattr(item, "function", None))


def slowest_first(items: list[pytest.Item]) -> None:
    """Order files by the slowest kind of test in them: workers then end at about the same time.

    A file that takes two minutes and is begun last is what everybody waits for.
    """
    ranks = dict.fromkeys((item.path for item in items), len(_SLOW))
    for item in items:
        found = [rank for rank, kind in enumerate(_BY_DURATION) if item.get_closest_marker(kind)]
        ranks[item.path] = min([ranks[item.path], *found])
    items.sort(key=lambda item: ranks[item.path])


def left_out(file: Path, expression: str) -> bool:
    """Whether a whole file is of another kind, so that it need not even be imported."""
    if expression != "fast" or not file.name.startswith("test_"):
        return False
    if file.parent.name in _BY_FOLDER:
        return True
    return _FILE_MARK.search(file.read_text(encoding="utf-8")) is not None


def refuse_slow_imports(expression: str) -> None:
    """A file of fast tests that loads torch when it is imported costs each worker ten seconds."""
    if expression == "fast" and _MODEL in sys.modules:
        raise pytest.UsageError("A file of fast tests imports torch: mark it 'model'.")


class Watch:
    """Notes what fast tests start that they may not; one for the whole process."""

    def __init__(self) -> None:
        self._running = False
        self._found: list[str] = []
        sys.addaudithook(self._on_event)

    def begin(self, item: pytest.Item) -> None:
        """From now on it is this test that runs."""
        self._running = item.get_closest_marker("fast") is not None
        self._found.clear()

    def end(self) -> None:
        """The test is over: what is put away now may belong to the whole run."""
        self._running = False

    def found(self) -> list[str]:
        """What the running test did, once."""
        found, self._found = self._found, []
        return found

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._running:
            return
        if event in _PROCESSES:
            self._found.append(f"it starts a process ({arguments[0]}): mark it 'process'")
        elif event == "import" and arguments[0] == _MODEL:
            self._found.append("it loads torch: mark it 'model'")
