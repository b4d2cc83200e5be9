"""The program as other tools call it: by its command line."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from typer.testing import CliRunner

from bot.cli.main import app

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Done:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON object and nothing else."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """``tangerine`` with its own data folder and gallery, and nothing else from outside."""

    folder: Path
    environment: dict[str, str]

    @property
    def gallery(self) -> Path:
        """The folder of the default collection."""
        return self.folder / "gallery"

    def __call__(self, *arguments: str | Path, **environment: str) -> Done:
        """Run its command line in this process, which spares seconds of imports."""
        others: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith(("TANGERINE_", "HF_"))
        }
        with _logs_restored():
            result = CliRunner().invoke(
                app,
                [str(argument) for argument in arguments],
                env={**others, "TANGERINE_CONFIG": "", **self.environment, **environment},
                catch_exceptions=False,
            )
        return Done(result.exit_code, result.stdout, result.stderr)

    def apart(self, *arguments: str | Path, **environment: str) -> Done:
        """Run it as its users do: the installed script, in a process of its own."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env={"TANGERINE_CONFIG": "", **self.environment, **environment},
            cwd=_ROOT,
            timeout=110,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @property
    def root(self) -> Path:
        """The folder that it runs in: that of the sources."""
        return _ROOT

    @staticmethod
    def command(*arguments: str | Path) -> list[str]:
        """The command line."""
        return [str(Path(sys.executable).with_name("tangerine")), *map(str, arguments)]


def small_program(folder: Path, **environment: str) -> Program:
    """A program on the embedded model without quotas, on any free port, all below ``folder``."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return Program(
        folder,
        kept
        | {
            "TANGERINE_CONFIG": "",
            "TANGERINE_MODEL": "mini",
            # What auto takes where nothing is added; trials of others would cost seconds.
            "TANGERINE_ENCODER__BACKEND": "onnx",
            # Two threads that wait for each other on busy cores are slower than one.
            "TANGERINE_ENCODER__THREADS": "1",
            "TANGERINE_DATA_DIR": str(folder / "data"),
            "TANGERINE_LIMITS__ENABLED": "false",
            "TANGERINE_WEB_PORT": "0",
            # Open to whoever a test lets ask, shared by the server and the group that most of
            # them speak in; the tests of strangers take it out again ("").
            "TANGERINE_COMMUNITIES": "web,discord:5,telegram:-1001,*",
            "TANGERINE_INDEX__REINDEX_COOLDOWN_S": "0",
            # Reading a picture costs a second; tests of words say that they want it.
            "TANGERINE_WORDS__ENABLED": "false",
            # Tests say themselves when a folder is indexed.
            "TANGERINE_WATCH__MODE": "off",
        }
        | environment,
    )


@contextmanager
def _logs_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        # The program's own handler writes to a stream that is closed by now.
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
