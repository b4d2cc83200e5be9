"""What :mod:`tests.changing_program` said until it was killed, and what has to be there then."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.changing_program import STEPS

_ROOT = Path(__file__).parents[1]


class Changing:
    """The process of this ``number``; ``node``: its data folder and the URL of its database."""

    def __init__(self, home: Path, seed: int, number: int, *node: str | Path) -> None:
        first = STEPS * number
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.changing_program", home, str(seed), str(first), *node],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        """Wait until it begins."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> list[str]:
        """``kill -9``; what it said."""
        self._process.kill()
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        self._process.stdout.close()
        self._process.wait()
        # A line that was cut off in the middle was not said.
        return said[: said.rfind("\n") + 1].splitlines()


def killed(home: Path, seed: int, number: int, moment: float) -> list[str]:
    """What the process of this number said that was killed so many seconds after it was ready."""
    process = Changing(home, seed, number)
    try:
        process.ready()
        time.sleep(moment)
    finally:
        said = process.kill()
    return said


def states(before: set[str], said: Sequence[str]) -> tuple[set[str], set[str]]:
    """What has to be there after the last word, without and with the step under way."""
    old, new = set(before), set(before)
    for line in said:
        if line == "done":
            old = set(new)
            continue
        step, name = line.split()
        if step == "add":
            new.add(name)
        else:
            new.discard(name)
    return old, new


def names(seen: set[str]) -> set[str]:
    """The captions of what is shown."""
    return {each.removesuffix(".png") for each in seen}
