"""What commands cost: processor seconds of whole processes, from exec to exit.

Over the demo gallery and ``mini``, indexed once and kept. Processor time, user and system, since
a busy machine stretches it far less than what a clock shows. The other side is what was asked
for, or the same command of rclip where ``make bench-peers PEERS=rclip`` has been called. Its
weights come from a hub: both answer with random ones then, and with ``mini`` we do beside them.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.comparison import Comparison, Timed
from bench.encoding import clip
from bench.machine import KEPT
from bench.models import rclip_model
from bench.peer_process import HOME, installed
from bench.program import running, waited_for
from index.demo.gallery import demo_gallery

HELP_S, STATUS_S, ALONE_S, BESIDE_S = 0.3, 1.0, 2.0, 0.3
"""What was asked for, in seconds of the processor."""

_FOLDER = KEPT / "cli-onnx"
_QUERY = "a red apple"
_TANGERINE = str(Path(sys.executable).with_name("tangerine"))


def indexed_demo(model: str = "mini") -> dict[str, str]:
    """The settings of a program over the indexed demo gallery; made where it is not there."""
    settings = {
        "DATA_DIR": str(_FOLDER / ("data" if model == "mini" else "data-clip")),
        "GALLERY": str(_gallery()),
        "MODEL": model,
        # What auto takes where no extra is installed, whatever this environment has.
        "ENCODER__BACKEND": "onnx",
        "WEB_PORT": "0",
    }
    subprocess.run(
        [_TANGERINE, "reindex"], env=_environment(settings), check=True, capture_output=True
    )
    return settings


def _gallery() -> Path:
    return demo_gallery(_FOLDER / "demo", print)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    return {f"TANGERINE_{name}": value for name, value in settings.items()}


def _seconds(command: Sequence[str], environment: dict[str, str], cwd: Path | None = None) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, cwd=cwd, capture_output=True, check=False)
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


_RCLIP = str(HOME / "rclip" / "bin" / "rclip")


def _rclip_help() -> float:
    return _seconds([_RCLIP, "--help"], {})


def _rclip_find(*, same_model: bool) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    """A question to rclip about the same pictures, which it has indexed before."""

    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        environment = {"RCLIP_DATADIR": str(rclip_model(clip(256))), "PATH": os.environ["PATH"]}
        gallery = _gallery()
        subprocess.run(
            [_RCLIP, _QUERY], env=environment, cwd=gallery, check=True, capture_output=True
        )
        ours = _environment(indexed_demo(str(clip(256)) if same_model else "mini"))
        asked = [_RCLIP, "--no-indexing", _QUERY]
        yield (
            lambda: _seconds([_TANGERINE, "find", _QUERY], ours),
            lambda: _seconds(asked, environment, cwd=gallery),
        )

    return prepare


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
    *(
        Comparison(
            "find, alone",
            f"tangerine, {'ViT-B/32' if same_model else 'mini'}",
            "rclip, ViT-B/32",
            "of the processor",
            _rclip_find(same_model=same_model),
        )
        for same_model in (False, True)
        if installed("rclip")
    ),
)
