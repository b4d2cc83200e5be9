"""Other projects, each in a virtual environment of its own (``make bench-peers`` makes them).

A peer's program reads one JSON object a line, does the work and answers with its seconds, as
measured inside: starting it and the pipe cost it nothing. Where an environment is missing, its
lines are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).parents[1]
HOME = _ROOT / ".cache" / "peers"

_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1"}
"""Models are folders here; nobody looks for newer ones, or tells anybody of their use."""


class Peer:
    """A running program of another project: ``with Peer(...) as peer``, then :meth:`ask`."""

    def __init__(self, environment: str, program: str) -> None:
        python = HOME / environment / "bin" / "python"
        self._log = HOME / environment / "last.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [python, "-m", f"bench.peer_programs.{program}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=_ROOT,
                env=os.environ | _OFFLINE,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def ask(self, **work: Any) -> Any:
        """What it answers to this work. Raises RuntimeError where it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(work) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peer ended with {self._process.wait()}: see {self._log}")
        return json.loads(answer)


def installed(environment: str) -> bool:
    """Whether ``make bench-peers`` has made this environment, with all that it asks for."""
    return (HOME / environment / ".made").exists()
