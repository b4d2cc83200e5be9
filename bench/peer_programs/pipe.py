"""How a peer's program is spoken with: one JSON object a line in, one answer a line out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


class Pipe:
    """Standard input and output; what libraries print goes to the error output instead."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def read(self) -> Any:
        """The next thing that is asked; None at the end. Blocking."""
        line = sys.stdin.readline()
        return json.loads(line) if line else None

    def say(self, answer: object) -> None:
        """Answer it."""
        print(json.dumps(answer), file=self._answers, flush=True)
