"""A collection as a folder of open formats, to be taken to another machine.

::

    tangerine.json              what this is: collection, model, checksums; written last
    captions.csv                image,description: one row a caption
    pictures.jsonl              one line a picture: id, path, sha256, width, height, captions
    vectors.safetensors         pictures [n, d] in the order of the lines, captions [m, d] in
                                the order of their captions; a row of zeros where there is none
    .words.jsonl                words that were read in the pictures; only where there are some
    .labels.txt                 what it is tagged with, one label a line; only where it is
    <path>                      the pictures, where their collection has them
    .uploads/                   what was added in chat: the same files, with who may see it,
    .uploads/removals.jsonl     and what a community does not want to see

A scan of a gallery reads ``captions.csv`` and passes over hidden folders. So the folder is a
gallery of its own, in which no upload shows that was meant for one community.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.domain.errors import SourceError
from core.domain.types import MAX_LETTERS, MAX_LINES, UPLOADED, Progress
from index.catalogue.file_types import VIDEO_SUFFIXES, kind_of, suffix_of
from index.catalogue.ids import ALPHABET, LENGTH
from index.catalogue.walk import inside
from index.indexing.caption_texts import MAX_CAPTION, tidy

if TYPE_CHECKING:
    from io import BufferedReader

MANIFEST = "tangerine.json"
CAPTIONS = "captions.csv"
PICTURES = "pictures.jsonl"
VECTORS = "vectors.safetensors"
REMOVALS = "removals.jsonl"
LABELS = ".labels.txt"
WORDS = ".words.jsonl"

FILES = (PICTURES, VECTORS, UPLOADED + PICTURES, UPLOADED + VECTORS, UPLOADED + REMOVALS)
"""What the manifest vouches for, beside :data:`LABELS` and :data:`WORDS` where a collection has
some; each picture's own checksum is in its line."""

FORMAT: Final = "tangerine collection"
VERSION: Final = 1

_CHUNK = 1 << 20

Tell = Callable[[Progress], None]
"""Is told how far the work is, and may raise to end it."""


class CopyError(Exception):
    """A file is not copied: ``unreadable``, its bytes have ``changed``, or its name is ``taken``.

    The text says why it is unreadable.
    """

    def __init__(self, kind: Literal["unreadable", "changed", "taken"], reason: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def _caption(text: str) -> str:
    if not text or tidy(text) != text:
        raise ValueError(f"a caption is one line of 1 to {MAX_CAPTION} characters")
    return text


def _relative(path: str) -> str:
    """A path that a scan could have found: below the folder, nothing hidden, a picture."""
    parts = PurePosixPath(path).parts
    plain = "/".join(parts) == path and parts and not any(part.startswith(".") for part in parts)
    if not plain or path.startswith("/") or "\0" in path:
        raise ValueError("a path leads to a picture below the folder")
    video = suffix_of(path) in VIDEO_SUFFIXES  # which may be read elsewhere
    if kind_of(path) not in {"picture", "unknown"} and not video:
        raise ValueError("a path ends as a picture's may, in .jpg or .png or the like")
    path.encode()  # a lone surrogate is a ValueError, too
    return path


PictureId = Annotated[str, Field(pattern=rf"^[{ALPHABET}]{{{LENGTH}}}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Caption = Annotated[str, AfterValidator(_caption)]
Edge = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, Field(max_length=200)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PictureEntry(_Entry):
    """A line of ``pictures.jsonl``: a picture of the folder, its captions in order."""

    id: PictureId
    path: Annotated[str, AfterValidator(_relative)]
    sha256: Digest
    width: Edge
    height: Edge
    captions: tuple[Caption, ...]


class UploadEntry(_Entry):
    """A line of ``.uploads/pictures.jsonl``: a picture that was added in chat.

    ``scope`` is empty where all who share the collection see it, else the one community that
    does; ``community`` is where ``uploader`` added it, ``added_at`` when, in seconds since
    the epoch.
    """

    id: PictureId
    sha256: Digest
    width: Edge
    height: Edge
    captions: Annotated[tuple[Caption, ...], Field(max_length=1)]
    scope: Name
    community: Name
    uploader: Name
    posted_sha256: Digest
    added_at: Seconds

    @property
    def path(self) -> str:
        return f"{UPLOADED}{self.id}.jpg"


class RemovalEntry(_Entry):
    """A line of ``removals.jsonl``: a content that a scope does not see any more."""

    scope: Name
    sha256: Digest
    picture_id: PictureId
    removed_at: Seconds
    removed_by: Name


def _line(text: str) -> str:
    if not text.strip() or len(text) > MAX_LETTERS or not text.isprintable():
        raise ValueError(f"a line of words has 1 to {MAX_LETTERS} characters that can be shown")
    return text


_Line = Annotated[str, AfterValidator(_line)]
_Share = Annotated[float, Field(ge=0, le=1)]


class WordsEntry(_Entry):
    """A line of ``.words.jsonl``: the lines in a content, and how sure their reader was."""

    sha256: Digest
    lines: Annotated[tuple[tuple[_Line, _Share], ...], Field(max_length=MAX_LINES)]


class ModelEntry(_Entry):
    name: Annotated[str, Field(max_length=1000)]
    fingerprint: Digest
    dimension: Annotated[int, Field(ge=1, le=65_536)]


class ExportManifest(_Entry):
    """``tangerine.json``: ``files`` holds the SHA-256 of all that it vouches for."""

    format: Literal["tangerine collection"]
    version: Literal[1]
    collection: Annotated[str, Field(max_length=64)]
    model: ModelEntry
    files: dict[str, Digest]


Kept = PictureEntry | UploadEntry


def texts_of(entries: Sequence[Kept]) -> Iterator[str]:
    """Every caption, in the order of the rows of ``captions``."""
    for entry in entries:
        yield from entry.captions


@contextmanager
def opened(root: Path, path: str, *, links: bool) -> Iterator[BinaryIO]:
    """A regular file below a resolved folder, to be read.

    Links that stay inside the folder are followed where ``links`` says so, others never.
    Raises OSError, also for what is no regular file.
    """
    file = root / path
    resolved = file.resolve(strict=True)
    if not (inside(root, file) if links else resolved == file):
        raise OSError(0, "it is a link, or below one")
    # A pipe in the file's place must not make anybody wait.
    descriptor = os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no ordinary file")
        yield stream


def digest_of(stream: BinaryIO) -> str:
    """The SHA-256 (hex) of what is left of a stream. Raises OSError."""
    return hashlib.file_digest(cast("BufferedReader", stream), "sha256").hexdigest()


def copy(root: Path, path: str, target: Path, sha256: str, *, links: bool) -> None:
    """Copy a file of known content below ``root`` to a new file, with its time.

    Raises CopyError, and OSError where the target cannot be written; no half target is left.
    """
    digest = hashlib.sha256()
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(opened(root, path, links=links))
        except OSError as error:
            raise CopyError("unreadable", error.strerror or str(error)) from error
        before = os.fstat(stream.fileno())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        except FileExistsError:
            raise CopyError("taken") from None
        with ExitStack() as half:
            half.callback(target.unlink)
            with out:
                for chunk in _chunks(stream):
                    digest.update(chunk)
                    out.write(chunk)
            if digest.hexdigest() != sha256:
                raise CopyError("changed")
            half.pop_all()
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := stream.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise CopyError("unreadable", error.strerror or str(error)) from error


def cannot_write(error: OSError, folder: Path) -> SourceError:
    return SourceError(
        f"{folder} cannot be written ({error.strerror or error}). Nothing of it was kept.",
        remedy="Make room there, or name a folder that may be written and that does not exist yet.",
    )
