"""Starts of the real program, by its own log.

Over 100,000 pictures, from a loaded model to ``/readyz``: the collection is made once
(:mod:`bench.collection`); the model is one in the shape of CLIP ViT-B/32, whose loading is not
counted. And over the indexed demo gallery with ``mini``, from exec to the first answer, as a second
``make run`` goes. The other side is what was asked for.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.cli import indexed_demo
from bench.collection import kept_collection
from bench.comparison import Comparison, Timed
from bench.encoding import clip, encoder_of
from bench.generations import NAME
from bench.program import is_ready, running, waited_for

_PICTURES = 100_000
_WANTED_S = 3.0
_SECOND_RUN_S = 2.5
_LOADED, _INDEXED = "encoder.ready", "Ready: "
_STAGES = ("engine.ready", "index.ready")


def _settings(home: Path) -> dict[str, str]:
    return {
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


def _seconds(home: Path) -> float:
    """From the loaded model to the moment at which it says that it is ready."""
    with running(_settings(home)) as log:
        ready_at = waited_for(lambda: (url := log.url()) is not None and is_ready(url), log)
        loaded_at = log.when(_LOADED)
        assert loaded_at is not None
        waited_for(lambda: log.when(_INDEXED) is not None, log)
        indexed_at = log.when(_INDEXED)
        assert indexed_at is not None
    told = [f"{at - loaded_at:.2f} {event}" for at, event in log.events() if event in _STAGES]
    told += [f"{ready_at - loaded_at:.2f} ready", f"{indexed_at - loaded_at:.2f} reindexed"]
    print(f"  seconds after the model: {', '.join(told)}")
    return ready_at - loaded_at


def _first_answer(settings: dict[str, str]) -> float:
    """From exec to the first answer of a program whose gallery is indexed."""
    started = time.perf_counter()
    with running(settings) as log:
        waited_for(lambda: (url := log.url()) is not None and is_ready(url), log)
        with urllib.request.urlopen(f"{log.url()}/api/find?q=apple") as response:
            assert json.load(response)["hits"]
        return time.perf_counter() - started


@contextmanager
def _start() -> Iterator[tuple[Timed, Timed]]:
    encoder = encoder_of(clip(), ("torch", "float32"), torch.get_num_threads())
    home = kept_collection(_PICTURES, encoder.identity)
    del encoder
    yield lambda: _seconds(home), lambda: _WANTED_S


@contextmanager
def _second_run() -> Iterator[tuple[Timed, Timed]]:
    settings = indexed_demo()
    yield lambda: _first_answer(settings), lambda: _SECOND_RUN_S


COMPARISONS = (
    Comparison(
        f"a start over {_PICTURES:,} pictures",
        "from the loaded model to /readyz",
        "what was asked for",
        "a start",
        _start,
    ),
    Comparison(
        "a second run over the demo gallery",
        "from exec to the first answer",
        "what was asked for",
        "a start",
        _second_run,
    ),
)
