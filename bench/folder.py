"""A folder of 12-megapixel JPEGs to an index, beside programs that index folders too.

Ours is all that a reindex does: scan, hashes, decoding in two worker processes, encoding, the
catalogue on disk and the index. All sides have the same weights and the same number of threads
for the model.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch

from bench.comparison import Comparison, Timed
from bench.encoding import clip, encoder_of, on_openvino
from bench.models import rclip_model
from bench.peer_process import Peer, installed
from bench.photos import camera_folder
from bot.engine.engine import SystemClock
from core.encoder.batcher import BatchRecord
from core.encoder.embedder import BatchedEmbedder
from core.encoder.load import TransformersEncoder
from core.images.pool import DecodePool
from index.catalogue.catalogue import Catalogue
from index.indexing.reindexer import Reindexer
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.library.upload_files import UploadFiles
from index.snapshots.store import SnapshotStore

_PICTURES = 24
_WORKERS = 2
"""As the settings have it."""


class Indexing:
    """Our reindex of one folder, each time into a new catalogue; ``async with``."""

    def __init__(self, encoder: TransformersEncoder, folder: Path) -> None:
        self._folder = folder
        self._records: list[BatchRecord] = []
        self._embedder = BatchedEmbedder(encoder, observe=self._records.append)
        self._decoder = DecodePool(_WORKERS)
        self._stack = AsyncExitStack()
        self.busy: list[float] = []
        """The share of each run's time in which the encoder worked on a picture."""

    async def open(self) -> None:
        """Start the workers."""
        await self._stack.enter_async_context(self._embedder)
        await self._stack.enter_async_context(self._decoder)

    async def close(self) -> None:
        """End them."""
        await self._stack.aclose()

    async def run(self) -> float:
        """The seconds of one reindex."""
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            catalogue = Catalogue.open(data / "catalogue.sqlite")
            reindexer = Reindexer(
                [CollectionSpec("camera", self._folder, frozenset({"web"}))],
                catalogue=catalogue,
                store=SnapshotStore(data / "index", catalogue),
                overlays=Overlays(catalogue.database, UploadFiles(data / "uploads")),
                embedder=self._embedder,
                decoder=self._decoder,
                clock=SystemClock(),
                decoding=2 * _WORKERS,
            )
            self._records.clear()
            started = time.perf_counter()
            report = await reindexer.reindex("camera")
            seconds = time.perf_counter() - started
            catalogue.close()
        if report.added != _PICTURES:
            raise RuntimeError(f"{report.added} of {_PICTURES} pictures were indexed")
        encoding = sum(record.seconds for record in self._records if record.group is np.ndarray)
        self.busy.append(encoding / seconds)
        return seconds


def _against(
    peer: str, way: tuple[str, str]
) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        # rclip's own way to prepare pictures is for 256 pixels, whatever the model.
        model, folder = clip(256 if peer == "rclip" else 224), camera_folder(_PICTURES)
        indexing = Indexing(encoder_of(model, way, torch.get_num_threads()), folder)
        theirs = rclip_model(model) if peer == "rclip" else model
        with asyncio.Runner() as runner, Peer(peer, f"{peer}_folder") as other:
            told = other.ask(model=str(theirs))
            print(", ".join(f"{name} {version}" for name, version in told["versions"].items()))
            runner.run(indexing.open())
            try:
                yield (
                    lambda: runner.run(indexing.run()),
                    lambda: float(other.ask(folder=str(folder))),
                )
            finally:
                runner.run(indexing.close())
            share = float(np.median(indexing.busy[1:]))
            print(f"our encoder ({' '.join(way)}) was busy {100 * share:.0f} % of the time")

    return prepare


_PEERS = {
    "sentences": "sentence-transformers float32",
    "rclip": "rclip, ONNX Runtime float32, at 256 pixels both",
}

COMPARISONS = tuple(
    Comparison(
        f"{_PICTURES} JPEGs of 12 megapixels indexed, CLIP ViT-B/32",
        f"our reindex, {' '.join(way)}",
        name,
        "for all",
        _against(peer, way),
    )
    for peer, name in _PEERS.items()
    if installed(peer)
    for way in (("torch", "float32"), ("onnx", "float32"), *on_openvino("float32", "bfloat16"))
)
