"""The rows of a large catalogue, as the program writes them, without a picture being encoded."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Table, insert

from index.catalogue.database import Database
from index.catalogue.schema import (
    caption_vectors,
    captions,
    collections,
    community_settings,
    failures,
    files,
    folders,
    grants,
    labels,
    looks,
    moderation_criteria,
    moderation_decisions,
    moderation_meanings,
    overlays,
    picture_vectors,
    pictures,
    posts,
    removals,
    runs,
    tombstones,
    uploads,
    word_grams,
    words,
)

_MODEL = "f" * 64
_DIMENSION = 512
_BLOCK = 1000
_COMMUNITIES = ("web", "discord:5", "telegram:-1001")

Row = dict[str, Any]


def fill(database: Database, number: int) -> None:
    """So many pictures of a folder, a fifth as many uploads, and what is decided about them."""
    chance = random.Random(number)
    vectors = np.random.default_rng(number)

    def vector(rows: int = 1) -> bytes:
        made = vectors.standard_normal((rows, _DIMENSION), dtype=np.float32)
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("<f4").tobytes()

    with database.write() as connection:
        for table, row in _few(vector):
            connection.execute(insert(table), [row])
        for begin in range(0, number, _BLOCK):
            block: dict[Table, list[Row]] = {}
            for at in range(begin, min(begin + _BLOCK, number)):
                for table, row in _of_picture(at, chance, vector):
                    block.setdefault(table, []).append(row)
            for table, rows in block.items():
                connection.execute(insert(table), rows)


def _sha(of: object) -> str:
    return hashlib.sha256(str(of).encode()).hexdigest()


def _few(vector: Any) -> Iterator[tuple[Table, Row]]:
    model = {"model_name": "many", "model_fingerprint": _MODEL, "model_dimension": _DIMENSION}
    yield collections, {"name": "default", "generation": 7, **model}
    yield folders, {"collection": "default", "folder": "/pictures", "expected": None}
    run: Row = {"collection": "default", "fingerprint": _MODEL, "full": False, "done": 1}
    yield runs, {**run, "started_at": 1.5, "finished_at": 2.5, "total": 1}
    tags = {"collection": "default", "fingerprint": _MODEL, "labels": '["cat", "Kätzchen"]'}
    yield labels, {**tags, "vectors": vector(2)}
    for number, community in enumerate(_COMMUNITIES):
        yield community_settings, {"community": community, "settings": '{"language": "de"}'}
        grant = {"collection": "default", "community": community, "origin": "allow"}
        yield grants, {**grant, "granted_at": 1e9}
        yield overlays, {"collection": "default", "scope": community, "revision": 1000 + number}
        for key in ("blood", "naked people"):
            criterion = {"community": community, "key": key, "text": key.title(), "age": False}
            yield moderation_criteria, {**criterion, "strictness": "normal", "added_at": 1e9}
    yield moderation_meanings, {"text": "blood", "fingerprint": _MODEL, "meaning": vector(4)}


def _of_picture(at: int, chance: random.Random, vector: Any) -> Iterator[tuple[Table, Row]]:
    sha, key, text = _sha(at), f"p{at:07x}", f"a thing of kind {at % 997}, № {at}"
    size = {"width": 640 + at % 640, "height": 480}
    path, when = f"{at % 100:02}/é {at}.jpg", 1.7e9 + at / 7
    at_path = {"collection": "default", "path": path, "sha256": sha}
    yield pictures, {"id": key, **at_path, **size}
    yield files, {**at_path, "size": 10_000 + at, "mtime_ns": 1_700_000_000_000_000_000 + at}
    yield captions, {"picture_id": key, "position": 0, "text": text, "text_hash": _sha(text)}
    frames = vector(2) if at % 500 == 0 else None
    encoded = {"fingerprint": _MODEL, "run": 1, "imported_by": ""}
    yield picture_vectors, {"sha256": sha, **encoded, **size, "vector": vector(), "frames": frames}
    yield caption_vectors, {"text_hash": _sha(text), **encoded, "vector": vector()}
    yield looks, {"sha256": sha, "placeholder": chance.randbytes(60), "date": when}
    if at % 20 == 0:
        lines = '[["LOVE ❤", 0.97]]'
        yield words, {"id": at + 1, "sha256": sha, "reader": "r1", "lines": lines}
        yield word_grams, {"gram": f"g{at % 211}", "words_id": at + 1}
    if at % 50 == 0:
        hidden: Row = {"collection": "default", "scope": chance.choice(_COMMUNITIES), "sha256": sha}
        removed = {"picture_id": f"r{at:07x}", "removed_at": when, "removed_by": "web:1"}
        yield removals, {**hidden, **removed}
        yield tombstones, {"id": f"t{at:07x}", "removed_at": when}
    if at % 10 == 0:
        decided: Row = {
            "community": chance.choice(_COMMUNITIES),
            "sha256": sha,
            "approved": at % 3 < 1,
        }
        yield (
            moderation_decisions,
            {
                **decided,
                "criterion": "blood",
                "decided_at": when,
                "fingerprint": _MODEL,
                "vector": vector(),
            },
        )
    if at % 200 == 0:
        refused: Row = {"collection": "default", "path": f"bad/{at}.png", "sha256": sha, "size": 7}
        reason = {"code": "damaged_picture", "reason": "It is damaged.", "mtime_ns": at}
        tried = {"tried_under": "", "tried_at": when, "tries": 2}
        yield failures, {**refused, **reason, **tried}
    if at % 5 == 0:
        yield from _of_upload(at, chance, vector)


def _of_upload(at: int, chance: random.Random, vector: Any) -> Iterator[tuple[Table, Row]]:
    community = chance.choice(_COMMUNITIES)
    sha, key, when = _sha(f"upload {at}"), f"u{at:07x}", 1.7e9 + at / 3
    size = {"width": 1024, "height": 768}
    encoded = {"fingerprint": _MODEL, "run": 1, "imported_by": "", "frames": None}
    yield picture_vectors, {"sha256": sha, **encoded, **size, "vector": vector()}
    gone = at % 4 == 0
    removal: Row = {
        "removed_at": when + 60 if gone else None,
        "removed_by": "web:2" if gone else None,
        "removed_scope": community if gone else None,
        "removed_as": f"v{at:07x}" if gone else None,
    }
    posted = at % 10 == 0
    kept: Row = {"id": key, "collection": "default", "scope": community, "community": community}
    of_file = {"sha256": sha, "posted_sha256": _sha(f"posted {at}"), **size}
    told = {"caption": f"«{at}»", "text_hash": _sha(f"«{at}»"), "uploader": f"web:{at % 1000}"}
    place = {"posted": posted, "place": ""}
    yield uploads, {**kept, **of_file, **told, **place, "added_at": when, **removal}
    if posted:
        message: Row = {"chat": community, "message": at, "part": 0, "community": community}
        where = {"parent": "", "place": "", "picture_id": key, "thread": None}
        author = {"author": "web:1", "author_name": "Ana 💎", "author_handle": "ana"}
        rest = {"posted_at": when, "caption": "", "album": "", "file_id": "", "file_unique_id": ""}
        yield posts, {**message, **where, **author, **rest}


def tables() -> Sequence[Table]:
    """Those that have rows."""
    found = {table for table, _ in _few(lambda *_: b"")}
    found |= {table for table, _ in _of_picture(0, random.Random(0), lambda *_: b"")}
    return sorted(found, key=lambda each: each.name)
