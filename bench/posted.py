"""What posts of many channels cost to search: ``python -m bench.posted [pictures channels sets]``.

A server of 300 channels in which 200,000 pictures were posted, half of them with a text, with
vectors as CLIP's; 50 members ask who each may read another set of channels. For one set, and for
all of them, it prints the memory of the process and the milliseconds of processor time of a
question: the first one of a set, later ones, and the first one after 16 more posts were taken in
and after one was deleted; and those of taking the 16 in, in which the next views are made ready.
Last, what the database takes on the disk.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from bench.clip_like import DIMENSION, clip_like
from core.domain.types import ModelIdentity, Post, Vectors
from core.domain.viewer import Viewer
from core.search.rules import SearchRules
from core.search.service import Search
from index.catalogue.contents import pack
from index.catalogue.records import text_hash
from index.catalogue.schema import caption_vectors, picture_vectors, posts, uploads
from index.library.overlay_writes import adopt_model
from index.library.post_rows import row_of
from index.library.posts import EncodedPost, PostRepository
from index.library.posts import PostQuota as Quota
from index.snapshots.overlay import NewUpload
from tests.fakes import FakeEmbedder, FakeEncoder
from tests.galleries import Gallery

COMMUNITY = "discord:5"
_BLOCK = 4096
_LINKS = 10_000
_ASKED = 15
_MORE = 16
_WORDS = ("cake", "kite", "beach", "sunset", "cat", "dog", "meeting", "summer", "winter", "party")


class _Encoder(FakeEncoder):
    """Texts as far apart as CLIP's."""

    def __init__(self, texts: Vectors) -> None:
        super().__init__()
        self.identity = ModelIdentity("clip-like", "0" * 64, DIMENSION)
        self._texts = texts
        self._next = count()

    def encode_texts(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        """The next ones."""
        return np.stack([self._texts[next(self._next) % len(self._texts)] for _ in texts])


def main() -> None:
    """Print one line for one set of channels, and one for all."""
    given = [int(argument) for argument in sys.argv[1:]]
    pictures, channels, sets = given + [200_000, 300, 50][len(given) :]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), pictures, channels, sets))


async def _measure(home: Path, pictures: int, channels: int, sets: int) -> None:
    vectors, texts = clip_like(pictures + 64 * _MORE, pictures)
    embedder = FakeEmbedder(_Encoder(texts))
    gallery = Gallery(home, communities=COMMUNITY, embedder=embedder)
    for page in range(0, pictures, _BLOCK):
        _fill(gallery, range(page, min(page + _BLOCK, pictures)), vectors, texts, channels)
    more = iter(range(pictures, len(vectors)))
    search = Search(
        gallery.library, gallery.embedder, gallery.decoder, rules=SearchRules(timeout_s=600)
    )
    repository = PostRepository(gallery.overlays, Quota(pictures=10**6))
    chance = np.random.default_rng(1)
    viewers = [
        Viewer(
            COMMUNITY, channels=frozenset(map(str, np.flatnonzero(chance.random(channels) < share)))
        )
        for share in np.linspace(1, 0.2, sets)
    ]
    questions = count()

    async def asked(viewer: Viewer) -> float:
        words = f"{_WORDS[next(questions) % len(_WORDS)]} {next(questions)}"
        start = time.process_time()
        await search.find(words, community=viewer, k=5)
        return (time.process_time() - start) * 1000

    empty = _memory()
    table = Table(
        *("sets", "MB", "first ms", "later ms", "after 16 posts", "after a deletion", "taking in"),
        box=None,
    )
    first: list[float] = []
    for number, viewer in enumerate(viewers, start=1):
        first.append(await asked(viewer))
        if number not in (1, sets):
            continue
        later = [await asked(viewers[n % number]) for n in range(_ASKED)]
        grown, shrunk, taken_in = [], [], []
        for n in range(_ASKED):
            new = list(_new(more, vectors, channels))
            start = time.process_time()
            repository.add(gallery.name, COMMUNITY, new, embedder.identity)
            taken_in.append((time.process_time() - start) * 1000)
            grown.append(await asked(viewers[n % number]))
            repository.removals.delete("discord:0", (n * channels,))
            shrunk.append(await asked(viewers[n % number]))
        cells = (
            f"{np.median(each):.0f} (max {max(each):.0f})"
            for each in (first, later, grown, shrunk, taken_in)
        )
        table.add_row(f"{number}", f"{_memory() - empty:.0f}", *cells)
        print(number, first[0], flush=True)
    Console(width=140).print(table)
    gallery.close()
    stored = sum(file.stat().st_size for file in gallery.data.glob("*.sqlite*")) / 1e6
    print(
        f"{pictures:,} pictures in {channels} channels, {stored:.0f} MB in the database; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _fill(gallery: Gallery, rows: range, vectors: Vectors, texts: Vectors, channels: int) -> None:
    """Put posts into the catalogue as they are kept."""
    model = gallery.embedder.identity
    of_model = {"fingerprint": model.fingerprint, "run": 0}
    with gallery.overlays.change() as change:
        run = change.connection.execute
        said = {row: _caption(row) for row in rows}
        run(
            insert(uploads),
            [
                {
                    "id": f"{row:08x}",
                    "collection": gallery.name,
                    "scope": COMMUNITY,
                    "community": COMMUNITY,
                    "uploader": "",
                    "sha256": f"{row:064x}",
                    "posted_sha256": f"{row:064x}",
                    "width": 320,
                    "height": 240,
                    "caption": said[row],
                    "text_hash": text_hash(said[row]) if said[row] else "",
                    "added_at": float(row),
                    "posted": True,
                    "place": str(row % channels),
                }
                for row in rows
            ],
        )
        run(
            insert(posts),
            [row_of(replace(_post(row, channels), picture_id=f"{row:08x}")) for row in rows],
        )
        run(
            insert(picture_vectors),
            [
                {"sha256": f"{row:064x}", "width": 320, "height": 240, "vector": pack(vectors[row])}
                | of_model
                for row in rows
            ],
        )
        run(
            insert(caption_vectors),
            [
                {"text_hash": text_hash(said[row]), "vector": pack(texts[row])} | of_model
                for row in rows
                if said[row]
            ],
        )
        for row in rows:
            _file(gallery, row)
        if not rows.start:
            adopt_model(change.connection, gallery.name, model)
        change.touched.add((gallery.name, COMMUNITY))


def _file(gallery: Gallery, row: int) -> None:
    """A name of a file of one byte: nobody reads it."""
    path = gallery.files.path(gallery.name, f"{row:08x}")
    if row % _LINKS:
        path.hardlink_to(gallery.files.path(gallery.name, f"{row - row % _LINKS:08x}"))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _caption(row: int) -> str:
    if row % 2:
        return ""
    return f"the {_WORDS[row % len(_WORDS)]} of {_WORDS[row // 7 % len(_WORDS)]} number {row}"


def _post(row: int, channels: int) -> Post:
    place = row % channels
    return Post(
        chat=f"discord:{place}",
        message=row,
        community=COMMUNITY,
        author=f"discord:{row % 97}",
        author_name="Ana",
        posted_at=float(row),
        caption=_caption(row),
        part=1,
        place=str(place),
    )


def _new(more: Iterator[int], vectors: Vectors, channels: int) -> Iterator[EncodedPost]:
    for row in (next(more) for _ in range(_MORE)):
        post = replace(_post(row, channels), chat="discord:0", place="0", caption="")
        new = NewUpload(
            jpeg=b"",
            sha256=f"{row:064x}",
            posted_sha256=f"{row:064x}",
            width=320,
            height=240,
            caption="",
            vector=vectors[row],
            caption_vector=None,
            uploader="",
            posted=True,
            place="0",
        )
        yield EncodedPost(post, new)


def _memory() -> float:
    """Resident MB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
