"""rclip's indexing of a folder; run by bench/folder.py.

Its weights come from a hub, which is not asked here: ``model`` names a folder with an export in
the place where rclip keeps its own (``VISUAL`` below it), with the same input and output. All
else is rclip's own code: its walk, hashes, decoding in threads, batches and database. The next
lines each name a folder of pictures; answered with the seconds of its ``ensure_index``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.peer_programs.pipe import Pipe

_BATCH = 8
"""rclip's default."""


def main() -> None:
    """Load the model, then answer."""
    pipe = Pipe()
    os.environ["RCLIP_DATADIR"] = pipe.read()["model"]
    rclip, db, model, download = (
        importlib.import_module(f"rclip.{name}")
        for name in ("main", "db", "model", "model_download")
    )
    _limit_threads(download, int(os.environ["OMP_NUM_THREADS"]))
    encoder = model.Model()
    names = ("rclip", "onnxruntime", "pillow")
    pipe.say({"versions": {name: importlib.metadata.version(name) for name in names}})
    while asked := pipe.read():
        with tempfile.TemporaryDirectory() as scratch:
            database = db.DB(Path(scratch) / "db.sqlite3")
            indexer = rclip.RClip(encoder, database, _BATCH, None)
            started = time.perf_counter()
            indexer.ensure_index(asked["folder"])
            seconds = time.perf_counter() - started
            indexer.close()
            database.close()
        pipe.say(seconds)


def _limit_threads(download: Any, threads: int) -> None:
    """Let its model run on so many: it takes all that it may run on, and has no setting."""

    class Fewer:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        @staticmethod
        def sched_getaffinity(_: int) -> set[int]:
            return set(range(threads))

    download.os = Fewer()


if __name__ == "__main__":
    main()
