"""A collection whose vectors are in Milvus, at two nodes: recall, freshness, memory, latency.

``python -m bench.milvus postgresql://… milvus://… --rows 1000000`` fills an empty database with
pictures whose vectors lie as CLIP's do, lets them be copied, and asks two programs like nodes.
It is no part of ``python -m bench``: it wants both servers, and an hour at a million.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sqlalchemy import Connection, Table, insert

from bench.clip_like import DIMENSION, clip_like
from core.domain.types import ModelIdentity, Vectors
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
from index.snapshots.engine_copies import EngineCopies
from index.vectors.milvus import MilvusEngine

NAME = "default"
MODEL = ModelIdentity(name="clip-like", fingerprint="c" * 64, dimension=DIMENSION)
SAMPLE = 4096
_TEXTS = 256
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


def main(
    database: str,
    vectors: str,
    rows: Annotated[int, typer.Option()] = 1_000_000,
) -> None:
    """Measure a collection in Milvus."""
    mine, _ = clip_like(rows, _TEXTS)
    catalogue = Catalogue.open(database)
    if not catalogue.generation(NAME):
        started = time.process_time()
        filled(catalogue, mine, Path("/tmp"))
        print(f"filled in {time.process_time() - started:.0f} s of processor", flush=True)
    copies = EngineCopies(catalogue.database, MilvusEngine(vectors), [NAME], sample=SAMPLE)
    copies.make()
    started, wall = time.process_time(), time.monotonic()
    copies.catch_up(NAME, lambda done, total: print(done, total, flush=True))
    print(
        f"copied in {time.process_time() - started:.0f} s of processor of ours, "
        f"{time.monotonic() - wall:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    np.seterr(all="raise")
    typer.run(main)
