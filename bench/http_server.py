"""Serves ``/api/find`` over so many pictures for :mod:`bench.http`, until its input ends.

It prints the address of a web chat with the collection's own indexes, of one with indexes that
know the answer, and of a route of aiohttp alone that sends an answer of the same size. For each
line of its input it prints what the parts of a question cost (:mod:`bench.http_stages`).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

import aiohttp
import numpy as np
import uvloop
from aiohttp import web
from numpy.typing import NDArray

from bench.closed_loop import questions
from bench.collection import asked, kept_collection
from bench.generations import MODEL, NAME
from bench.http_stages import stages
from bot.app.serving import settle
from bot.engine.blas import one_core_for_each_product
from bot.observability.logs import configure
from bot.observability.stages import Stages
from bot.web.adapter import WebAdapter, WebOptions
from core.domain.ports import Library, SharedWords, Snapshot, WordIndex
from core.domain.types import CollectionStatus, Picture, PixelBatch, PixelSpec, Vectors
from core.domain.viewer import Viewer
from core.encoder.embedder import BatchedEmbedder
from core.search.service import Search
from index.catalogue.catalogue import Catalogue
from index.library.labels import StoredLabels
from index.library.library import CollectionSpec, FolderLibrary
from index.library.looks import StoredLooks
from index.library.overlay import Overlays
from index.library.upload_files import UploadFiles
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.store import SnapshotStore
from index.vectors.choose import StoredIndex
from tests.fakes import FakeDecoder
from tests.web.parts import Parts


class KnownTexts:
    """The Encoder port: every text has one of these vectors, at once."""

    identity = MODEL
    pixel_spec = PixelSpec(height=8, width=8, fit="stretch")
    logit_scale = 100.0
    device = "cpu"

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """See the port."""
        rows = [zlib.crc32(text.encode()) % len(self._vectors) for text in texts]
        return self._vectors[rows]

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """See the port."""
        return self._vectors[: len(pixels)]


class KnownAnswers:
    """The VectorIndex port over another index, whose answers to some queries it has kept."""

    def __init__(self, index: StoredIndex, queries: Vectors) -> None:
        self._index = index
        self._queries = {query.tobytes(): place for place, query in enumerate(queries)}
        self._found: dict[int, tuple[NDArray[np.float32], NDArray[np.int64]]] = {}
        self._all = queries
        self.kind, self.recall, self.save = index.kind, index.recall, index.save

    def __len__(self) -> int:
        return len(self._index)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What the index has found, once it has been asked for so many."""
        if k not in self._found:
            self._found[k] = self._index.search(self._all, k)
        scores, rows = self._found[k]
        places = [self._queries[query.tobytes()] for query in queries]
        return scores[places], rows[places]

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        """See the port: rows of memory are read in any case."""
        return self._index.reconstruct(rows)


class KnownWords:
    """The WordIndex port over another index, whose answers to some texts it has kept.

    Any text has one of these answers, as any has one of the vectors of :class:`KnownTexts`.
    """

    def __init__(self, index: WordIndex, texts: Sequence[str]) -> None:
        self._index = index
        self._texts = texts
        self._found: dict[int, list[SharedWords]] = {}

    def search(self, text: str, k: int) -> SharedWords:
        """What the index has found for one of them, once it has been asked for so many."""
        if k not in self._found:
            self._found[k] = [self._index.search(each, k) for each in self._texts]
        return self._found[k][zlib.crc32(text.encode()) % len(self._texts)]


class LibraryOfKnownAnswers:
    """A Library that opens what another one opens, with indexes that know the answers."""

    def __init__(self, library: Library, queries: Vectors) -> None:
        self._library = library
        self._queries = queries
        self._twins: WeakKeyDictionary[Snapshot, Snapshot] = WeakKeyDictionary()

    def visible(self, community: Viewer | str) -> Sequence[str]:
        """See the port."""
        return self._library.visible(community)

    async def open(self, collection: str | None, community: Viewer | str) -> Snapshot:
        """See the port."""
        snapshot = await self._library.open(collection, community)
        twin = self._twins.get(snapshot)
        if twin is None:
            assert isinstance(snapshot, IndexSnapshot)
            twin = self._twins[snapshot] = replace(
                snapshot,
                picture_index=KnownAnswers(snapshot.picture_index, self._queries),
                caption_index=KnownAnswers(snapshot.caption_index, self._queries),
            )
            # Made by a snapshot when it is first asked for, and kept where it looks for it.
            words = KnownWords(snapshot.caption_words, questions(len(self._queries), 0))
            vars(twin)["caption_words"] = words
        return twin

    def has_file(self, picture: Picture) -> bool:
        """See the port; no collection of the benchmarks has files, but the question costs."""
        self._library.has_file(picture)
        return True

    def file_of(self, picture: Picture) -> Path | None:
        """See the port."""
        return self._library.file_of(picture)

    def expected(self, collection: str) -> int | None:
        """See the port."""
        return self._library.expected(collection)

    async def picture_file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path]:
        """See the port."""
        return await self._library.picture_file(picture_id, community)

    async def status(self, community: Viewer | str) -> Sequence[CollectionStatus]:
        """See the port."""
        return await self._library.status(community)


async def serve(home: Path, scratch: Path) -> None:
    """Serve a collection of :mod:`bench.collection`, and say where."""
    catalogue = Catalogue.open(home / "data" / "catalogue.sqlite")
    store = SnapshotStore(home / "data" / "index", catalogue)
    overlays = Overlays(catalogue.database, UploadFiles(scratch / "uploads"))
    spec = CollectionSpec(NAME, home / "pictures", frozenset({"web"}))
    library = FolderLibrary([spec], catalogue, store, overlays, identity=MODEL)
    texts = asked(home)
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(BatchedEmbedder(KnownTexts(texts)))
        labels = StoredLabels(overlays, embedder)
        urls, known = {}, LibraryOfKnownAnswers(library, texts)
        for name, each in (("real", library), ("null", known)):
            parts = Parts(scratch)
            parts.looks = StoredLooks(overlays, library, FakeDecoder())  # type: ignore[assignment]
            timed = Stages(parts.metrics.stage, parts.tracer)
            parts.search = search = Search(
                timed.around(each, open="open"),
                timed.around(embedder, embed_text="embed", embed_pixels="embed"),
                FakeDecoder(),
                labels=labels,
            )
            adapter = WebAdapter(parts.web, WebOptions(port=0))
            await adapter.start()
            stack.push_async_callback(adapter.stop)
            urls[name] = f"{adapter.url}/api/find"
            await _asked(urls[name])  # a first question learns what later ones take for granted
        urls["bare"] = await _bare(stack, urls["real"])
        settle()  # as the program does
        print(json.dumps(urls), flush=True)
        for seed in count(len(texts)):
            if not await asyncio.to_thread(sys.stdin.readline):
                break
            print(json.dumps(await stages(known, labels, embedder, search, seed)), flush=True)
    catalogue.close()


async def _asked(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url, params={"q": "a"}) as response:
        response.raise_for_status()
        return await response.read()


async def _bare(stack: AsyncExitStack, url: str) -> str:
    """A route that answers with what this address answers, ready made."""
    body = await _asked(url)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/find", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}/find"


def main() -> None:
    """Serve as many pictures as the first argument says."""
    configure("info", "text")
    one_core_for_each_product()
    home = kept_collection(int(sys.argv[1]))
    with tempfile.TemporaryDirectory() as scratch:
        uvloop.run(serve(home, Path(scratch)))


if __name__ == "__main__":
    main()
