"""``tangerine`` with faults planted in it: ``python -m tests.doomed_program FOLDER run``.

The program is the real one; its ports are given parts that do as they always do until a file
in FOLDER says otherwise. ``text`` and ``picture``: the worker of that batcher dies at the end
of its next batch (the file is gone then). ``hold``: indexes are not made anew before it is gone.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from unittest.mock import patch

from bot.cli.main import main
from bot.observability.metrics import Metrics
from core.encoder.batch_records import BatchRecord
from index.snapshots.store import SnapshotStore

FOLDER = Path(sys.argv.pop(1)) if __name__ == "__main__" else Path()
TOLD_S = 3.0


class Fatal(BaseException):
    """What no handler of the batcher's takes for an error of a batch."""


class DoomedMetrics(Metrics):
    """Counts every batch; kills the worker that reports it."""

    def batch(self, record: BatchRecord) -> None:
        """Note a batch, for the last time where its kind is doomed."""
        super().batch(record)
        order = FOLDER / ("text" if record.group is str else "picture")
        if order.exists():
            order.unlink()
            raise Fatal


class HeldStore(SnapshotStore):
    """Makes indexes anew as slowly as one of a million pictures."""

    def _build(self, collection: str) -> object:  # type: ignore[override]
        while (FOLDER / "hold").exists():
            time.sleep(0.02)
        return super()._build(collection)


if __name__ == "__main__":
    with (
        patch("bot.engine.engine.Metrics", DoomedMetrics),
        patch("bot.engine.engine.SnapshotStore", HeldStore),
        patch("bot.observability.health._RESTART_TOLD_S", TOLD_S),
    ):
        main()
