"""A process that takes jobs: ``python -m tests.worker_program HOME DATA URL``.

Worker, reindexer, catalogue and index are the program's own, at its own paces; the model is a
fake one, slow enough to be killed while it is at work.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from index.indexing.job_worker import JobWorker
from index.library.revisions import SharedRevisions
from tests.databases import on_a_server
from tests.fakes import FakeEmbedder
from tests.galleries import Gallery

ENCODING_S = 0.05


async def _work(home: Path, data: Path, url: str) -> None:
    on_a_server(home, url)
    embedder = FakeEmbedder(delay=ENCODING_S)
    gallery = Gallery(home, data=data, embedder=embedder, in_flight=1, shared=SharedRevisions)
    worker = JobWorker(gallery.catalogue.database, gallery.reindexer, name=str(os.getpid()))
    print("ready", flush=True)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(_work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
