"""A collection whose vectors are in Milvus, at two nodes: recall, freshness, memory, latency.

``python -m bench.milvus compare postgresql://… milvus://… --small postgresql://…`` fills two empty
databases with pictures whose vectors lie as CLIP's do, has them copied, and asks two nodes.
It is no part of ``python -m bench``: it wants both servers, and an hour at a million.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, insert

from bench.clip_like import DIMENSION, clip_like
from core.domain.types import Lane, ModelIdentity, Picture, PixelSpec, SearchResult, Vectors
from core.images.pool import DecodePool
from core.search.ports import Sought
from core.search.service import Search, SearchRules
from index.catalogue.catalogue import Catalogue
from index.catalogue.contents import model_columns, pack
from index.catalogue.records import text_hash
from index.catalogue.schema import (
    caption_vectors,
    captions,
    collections,
    folders,
    picture_vectors,
    pictures,
)
from index.indexing.contributions import ChatContributions
from index.library.candidates import EngineCandidates
from index.library.community_settings import StoredSettings
from index.library.library import CollectionSpec, FolderLibrary
from index.library.overlay import Overlays
from index.library.revisions import SharedRevisions
from index.library.upload_files import UploadFiles
from index.snapshots.engine_copies import EngineCopies
from index.snapshots.store import SnapshotStore
from index.vectors.milvus import MilvusEngine

NAME = "default"
MODEL = ModelIdentity(name="clip-like", fingerprint="c" * 64, dimension=DIMENSION)
SAMPLE = 4096
_TEXTS = 128
_WARM = 24
"""Questions after which a node has all in memory that it keeps."""

_REMOVED = 16
_BLOCK = 5_000
_CAPTIONED = 10
"""One of so many pictures has a caption."""


def filled(catalogue: Catalogue, vectors: Vectors, folder: Path) -> None:
    """Let the catalogue hold so many pictures, as a reindex of the folder would."""
    with catalogue.database.write() as connection:
        row = {"name": NAME, "generation": 1, **model_columns(MODEL)}
        connection.execute(insert(collections).values(row))
        connection.execute(
            insert(folders).values(collection=NAME, folder=str(folder), expected=None)
        )
    said = _captions(len(vectors))
    made = MODEL.fingerprint, 1
    for start in range(0, len(vectors), _BLOCK):
        rows = range(start, min(start + _BLOCK, len(vectors)))
        told = [n for n in rows if n % _CAPTIONED == 0]
        with catalogue.database.write() as connection:
            for table, values in (
                (pictures, ((key(n), NAME, f"{n:07}.jpg", content(n), 640, 480) for n in rows)),
                (
                    picture_vectors,
                    ((content(n), *made, 640, 480, pack(vectors[n]), "", None) for n in rows),
                ),
                (captions, ((key(n), 0, caption(n), text_hash(caption(n))) for n in told)),
                (
                    caption_vectors,
                    ((text_hash(caption(n)), *made, pack(said[n // _CAPTIONED]), "") for n in told),
                ),
            ):
                _copy(connection, table, values)


def _copy(connection: Connection, table: Table, rows: Iterable[tuple[object, ...]]) -> None:
    """Write rows with all columns, in a tenth of the time that statements take."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def key(number: int) -> str:
    return f"{number:08x}"


def content(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def caption(number: int) -> str:
    return f"a sentence about what picture {number} shows"


def _captions(rows: int) -> Vectors:
    return clip_like(64, rows // _CAPTIONED + 1, seed=1)[1]


class _Library(FolderLibrary):
    """With a file of each picture, which nobody has written."""

    def has_file(self, picture: Picture) -> bool:
        del picture
        return True


class _Texts:
    """The Embedder port: ``text 17`` is the vector with this number; other words are chance."""

    identity = MODEL
    pixel_spec = PixelSpec(height=32, width=32, fit="stretch")

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        del lane
        number = int(text[5:]) if text.startswith("text ") else zlib.crc32(text.encode())
        vector: Vectors = self._vectors[number % len(self._vectors)]
        return vector

    async def embed_pixels(self, pixels: NDArray[np.uint8], *, lane: Lane = Lane.CHAT) -> Vectors:
        raise NotImplementedError


class Node:
    """What a bot has to answer questions, without a model."""

    def __init__(self, home: Path, database: str, vectors: str, texts: Vectors) -> None:
        self.catalogue = Catalogue.open(database)
        engine = MilvusEngine(vectors, timeout_s=60)
        self.copies = EngineCopies(self.catalogue.database, engine, [NAME], sample=SAMPLE)
        self.copies.make()
        self.revisions = SharedRevisions(self.catalogue.database)
        store = SnapshotStore(
            home / "index", self.catalogue, newest=self.revisions.generation, copies=self.copies
        )
        overlays = Overlays(
            self.catalogue.database, UploadFiles(home / "uploads"), revisions=self.revisions
        )
        embedder = _Texts(texts)
        spec = CollectionSpec(NAME, Path(tempfile.gettempdir()), frozenset({"web"}))
        self.library = _Library([spec], self.catalogue, store, overlays, identity=MODEL)
        decoder = DecodePool(1)
        self.candidates = EngineCandidates(self.library, self.copies)
        self.search = Search(
            self.library,
            embedder,
            decoder,
            candidates=self.candidates,
            rules=SearchRules(timeout_s=300),  # on a machine that has much else to do
        )
        self.contributions = ChatContributions(
            self.library,
            overlays,
            embedder=embedder,
            decoder=decoder,
            settings=StoredSettings.open(overlays),
        )
        self._following = threading.Thread(target=self.revisions.follow, daemon=True)
        self._following.start()

    def close(self) -> None:
        self.revisions.stop()
        self._following.join()
        self.catalogue.close()

    async def best(self, vector: Vectors) -> list[str]:
        """The ids of the ten nearest pictures, of those that are candidates."""
        view = await self.library.open(None, "web")
        sought = Sought(pictures=[vector], captions=[vector], wanted=256)
        around = await self.candidates.around(view, "web", sought)
        _, rows = around.snapshot.picture_index.search(vector[None], 10)
        return [around.snapshot.pictures[row].id for row in rows[0].tolist()]


async def recall(node: Node, pictures: Vectors, texts: Vectors) -> float:
    """The share of the ten best pictures of each text, by exact comparison, that are found."""
    exact = np.argsort(-(texts @ pictures.T), axis=1)[:, :10]
    hits = 0
    for number, text in enumerate(texts):
        hits += len({key(n) for n in exact[number].tolist()} & {*await node.best(text)})
    return hits / exact.size


async def latencies(node: Node, count: int) -> NDArray[np.float64]:
    """Seconds that each of so many questions takes, one after the other."""
    found = []
    for number in range(count):
        started = time.perf_counter()
        await node.search.find(f"text {number}", community="web", k=10)
        found.append(time.perf_counter() - started)
    return np.array(found)


async def gone_after(one: Node, two: Node, count: int) -> NDArray[np.float64]:
    """Seconds from a removal at one node until a question at the other one does not find it.

    From the acknowledgement on; the next question at the node itself never finds it.
    """
    found = []
    for number in range(count):
        asked = f"text {number}"
        page = await two.search.find(asked, community="web", k=10)
        best = page.hits[0].picture
        await one.contributions.remove(best.id, community="web", remover="web:1")
        started = time.perf_counter()
        begun = time.perf_counter()
        while best.id in _ids(await two.search.find(asked, community="web", k=10)):
            begun = time.perf_counter()
        # Of the first question that did not find it, however long its answer took.
        found.append(begun - started)
        assert best.id not in _ids(await one.search.find(asked, community="web", k=10))
        await one.contributions.restore(best.id, community="web")
    return np.array(found)


def _ids(page: SearchResult) -> set[str]:
    return {hit.picture.id for hit in page.hits}


async def asked(database: str, vectors: str, texts: Vectors) -> int:
    """Bytes that a node takes once it was asked."""
    with tempfile.TemporaryDirectory() as home:
        node = Node(Path(home), database, vectors, texts)
        await latencies(node, _WARM)
        node.close()
    return psutil.Process().memory_info().rss


async def measured(database: str, vectors: str, pictures: Vectors, texts: Vectors) -> None:
    """Print all that two nodes show of a collection that is copied."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        one, two = (Node(Path(home), database, vectors, texts) for home in (first, second))
        await latencies(one, 8)
        await latencies(two, 8)
        print(f"recall@10 {await recall(one, pictures, texts):.3f}", flush=True)
        used = time.process_time()
        taken = np.sort(await latencies(one, len(texts)))
        used = (time.process_time() - used) / len(texts)
        print(
            f"a question {1e3 * np.median(taken):.0f} ms (median), "
            f"{1e3 * taken[int(0.99 * len(taken))]:.0f} ms (p99), {1e3 * used:.0f} ms of processor",
            flush=True,
        )
        gone = np.sort(await gone_after(one, two, _REMOVED))
        print(
            f"removed at one node, gone at both: {1e3 * np.median(gone):.0f} ms (median), "
            f"{1e3 * gone[-1]:.0f} ms (most)",
            flush=True,
        )
        one.close()
        two.close()


app = typer.Typer()


@app.command()
def node(database: str, vectors: str, texts: Path) -> None:
    """Ask one node, and print the bytes that it takes."""
    print(asyncio.run(asked(database, vectors, np.load(texts))))


@app.command()
def compare(
    database: str,
    vectors: str,
    small: Annotated[str, typer.Option(help="another empty database, for 1,000 pictures")],
    rows: Annotated[int, typer.Option()] = 1_000_000,
) -> None:
    """Measure a collection in Milvus."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "texts.npy"
        memory = []
        for place, count in ((small, 1_000), (database, rows)):
            pictures, texts = clip_like(count, _TEXTS)
            _prepare(place, vectors, pictures)
            np.save(asked, texts)
            command = [sys.executable, "-m", "bench.milvus", "node", place, vectors, str(asked)]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            memory.append(int(told))
        print(
            f"a node takes {memory[1] / 1e6:.0f} MB with {rows:,} pictures, "
            f"{memory[0] / 1e6:.0f} MB with 1,000",
            flush=True,
        )
    asyncio.run(measured(database, vectors, pictures, texts))


def _prepare(database: str, vectors: str, pictures: Vectors) -> None:
    """Fill a database and let its vectors be copied, as far as neither is done."""
    catalogue = Catalogue.open(database)
    if not catalogue.generation(NAME):
        filled(catalogue, pictures, Path(tempfile.gettempdir()))
    copies = EngineCopies(catalogue.database, MilvusEngine(vectors), [NAME], sample=SAMPLE)
    copies.make()
    used, started = time.process_time(), time.monotonic()
    copies.catch_up(NAME)
    print(
        f"{len(pictures):,} pictures copied in {time.monotonic() - started:.0f} s, "
        f"{time.process_time() - used:.0f} s of processor of ours",
        flush=True,
    )
    catalogue.close()


if __name__ == "__main__":
    app()
