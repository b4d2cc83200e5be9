"""What commands cost: processor seconds of whole processes, from exec to exit.

Over the demo gallery and ``mini``, indexed once and kept. Processor time, user and system, since
a busy machine stretches it far less than what a clock shows. The other side is what was asked
for, or the same command of rclip where ``make bench-peers PEERS=rclip`` has been called; its
weights come from a hub, so that only its help can be compared without network.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.comparison import Comparison, Timed
from bench.machine import KEPT
from bench.peer_process import HOME, installed
from bench.program import running, waited_for
from index.demo.gallery import demo_gallery

HELP_S, STATUS_S, ALONE_S, BESIDE_S = 0.3, 1.0, 2.0, 0.3
"""What was asked for, in seconds of the processor."""

_FOLDER = KEPT / "cli-onnx"
_QUERY = "a red apple"
_TANGERINE = str(Path(sys.executable).with_name("tangerine"))


def indexed_demo() -> dict[str, str]:
    """The settings of a program over the indexed demo gallery; made where it is not there."""
    settings = {
        "DATA_DIR": str(_FOLDER / "data"),
        "GALLERY": str(demo_gallery(_FOLDER / "demo", print)),
        "MODEL": "mini",
        # What auto takes where no extra is installed, whatever this environment has.
        "ENCODER__BACKEND": "onnx",
        "WEB_PORT": "0",
    }
    subprocess.run(
        [_TANGERINE, "reindex"], env=_environment(settings), check=True, capture_output=True
    )
    return settings


def _environment(settings: dict[str, str]) -> dict[str, str]:
    return {f"TANGERINE_{name}": value for name, value in settings.items()}


def _seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _alone(
    arguments: Sequence[str], theirs: Timed
) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        environment = _environment(indexed_demo())
        yield lambda: _seconds([_TANGERINE, *arguments], environment), theirs

    return prepare


@contextmanager
def _beside() -> Iterator[tuple[Timed, Timed]]:
    settings = indexed_demo()
    with running(settings) as log:
        waited_for(lambda: log.when("Ready: ") is not None, log)
        environment = _environment(settings)
        yield lambda: _seconds([_TANGERINE, "find", _QUERY], environment), lambda: BESIDE_S


def _line(what: str, arguments: Sequence[str], asked_s: float) -> Comparison:
    prepare = _alone(arguments, lambda: asked_s)
    return Comparison(what, "tangerine", "what was asked for", "of the processor", prepare)


def _rclip_help() -> float:
    return _seconds([str(HOME / "rclip" / "bin" / "rclip"), "--help"], {})


COMPARISONS = (
    _line("--help", ["--help"], HELP_S),
    _line("a usage error", ["find"], HELP_S),
    _line("status", ["status"], STATUS_S),
    _line("find, alone", ["find", _QUERY], ALONE_S),
    Comparison(
        "find, beside a running bot",
        "tangerine",
        "what was asked for",
        "of the processor",
        _beside,
    ),
    *(
        Comparison(
            "--help", "tangerine", "rclip", "of the processor", _alone(["--help"], _rclip_help)
        )
        for _ in range(installed("rclip"))
    ),
)
