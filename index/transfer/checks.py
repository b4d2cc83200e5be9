"""Reads an exported folder from an untrusted source; everything is checked before use."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from core.domain.errors import BadLabels, SourceError
from core.domain.types import UPLOADED, ModelIdentity
from core.search.labels import tidy_labels
from index.catalogue.records import text_hash
from index.catalogue.schema import caption_vectors, picture_vectors
from index.transfer.files import read_lines, read_vectors, refused
from index.transfer.format import (
    CAPTIONS,
    FILES,
    FORMAT,
    LABELS,
    MANIFEST,
    PICTURES,
    REMOVALS,
    VECTORS,
    VERSION,
    WORDS,
    ExportManifest,
    Kept,
    PictureEntry,
    RemovalEntry,
    UploadEntry,
    WordsEntry,
    digest_of,
    opened,
    texts_of,
)
from index.transfer.rows import Block, Held

_MAX_MANIFEST = 1 << 16

_MAX_TABLE = 1 << 28
"""Bytes of the table of captions: two million captions of a hundred letters."""

_MAX_UPLOAD = 1 << 24
"""Bytes of an upload: what is kept of one is scaled down to about 1 MB."""

_MAX_LABELS = 1 << 20
"""Bytes of the labels: more than a thousand of a hundred characters."""

_KEPT = (b"\xff\xd8\xff", b"RIFF")
"""How an upload begins: JPEG, or WebP where it moves."""


def read_export(source: Path, root: Path) -> Held:
    """What an exported folder says, once all of it is found in order but its pictures.

    ``root`` is ``source``, resolved. Raises SourceError, OSError.
    """
    manifest = _manifest(source, root)
    if set(manifest.files) - {LABELS, WORDS} != set(FILES):
        raise refused(f"{MANIFEST} does not name the files {', '.join(FILES)}")
    for name, digest in manifest.files.items():
        with opened(root, name, links=False) as stream:
            if digest_of(stream) != digest:
                raise refused(f"{name} is not what was exported")
    with opened(root, CAPTIONS, links=False) as stream:
        if os.fstat(stream.fileno()).st_size > _MAX_TABLE:
            raise refused(f"{CAPTIONS} is larger than {_MAX_TABLE >> 20} MiB")
    what = Held(
        model=ModelIdentity(**manifest.model.model_dump()),
        pictures=tuple(read_lines(root, PICTURES, PictureEntry)),
        uploads=tuple(read_lines(root, UPLOADED + PICTURES, UploadEntry)),
        removals=tuple(read_lines(root, UPLOADED + REMOVALS, RemovalEntry)),
        labels=_labels(root) if LABELS in manifest.files else (),
        words=tuple(read_lines(root, WORDS, WordsEntry)) if WORDS in manifest.files else (),
    )
    _check_unique(what)
    for each in what.uploads:
        with opened(root, each.path, links=False) as stream:
            small = os.fstat(stream.fileno()).st_size <= _MAX_UPLOAD
            if not small or not stream.read(4).startswith(_KEPT):
                raise refused(f"{each.path} is no picture that was added in chat")
    for _ in read_blocks(root, what):
        pass
    return what


def read_blocks(root: Path, what: Held) -> Iterator[Block]:
    """All vectors of an exported folder. Raises SourceError, OSError."""
    parts: tuple[tuple[str, Sequence[Kept]], ...] = (("", what.pictures), (UPLOADED, what.uploads))
    for prefix, entries in parts:
        texts = list(texts_of(entries))
        rows = {"pictures": len(entries), "captions": len(texts)}
        for name, first, vectors in read_vectors(
            root, prefix + VECTORS, rows, what.model.dimension
        ):
            part = slice(first, first + len(vectors))
            if name == "pictures":
                yield Block(
                    picture_vectors,
                    picture_vectors.c.sha256,
                    [
                        {"sha256": each.sha256, "width": each.width, "height": each.height}
                        for each in entries[part]
                    ],
                    vectors,
                )
            else:
                hashes = [{"text_hash": text_hash(text)} for text in texts[part]]
                yield Block(caption_vectors, caption_vectors.c.text_hash, hashes, vectors)


def _manifest(source: Path, root: Path) -> ExportManifest:
    try:
        with opened(root, MANIFEST, links=False) as stream:
            text = stream.read(_MAX_MANIFEST)
        found = json.loads(text)
    except (OSError, ValueError, RecursionError):
        text, found = b"", None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise SourceError(
            f"There is no exported collection in {source}: it has no {MANIFEST} of one.",
            remedy="Name the folder that tangerine export has made.",
        )
    version = found.get("version")
    if isinstance(version, int) and version > VERSION:
        raise SourceError(
            f"{source} was exported by a newer version of this program.",
            remedy="Update Tangerine, then import it again.",
        )
    try:
        return ExportManifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise refused(f"{MANIFEST}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _labels(root: Path) -> tuple[str, ...]:
    with opened(root, LABELS, links=False) as stream:
        text = stream.read(_MAX_LABELS + 1)
    if len(text) > _MAX_LABELS:
        raise refused(f"{LABELS} is too large")
    try:
        lines = text.decode().splitlines()
        labels = tidy_labels(lines)
    except UnicodeDecodeError:
        raise refused(f"{LABELS} is not UTF-8") from None
    except BadLabels as error:
        raise refused(f"{LABELS}: {error}") from None
    if list(labels) != lines:
        raise refused(f"{LABELS} holds more than one label a line")
    return labels


def _check_unique(what: Held) -> None:
    for kind, values in (
        ("path", [each.path for each in what.pictures]),
        ("id", what.ids),
        ("word entry", [each.sha256 for each in what.words]),
        ("removal", [(each.scope, each.sha256) for each in what.removals]),
        ("upload", [(each.scope, each.sha256) for each in what.uploads]),
    ):
        if len(set(values)) < len(values):
            raise refused(f"a {kind} is there twice")
