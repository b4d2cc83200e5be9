"""What goes in and out of the catalogue: frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.types import Failure, FrameVectors, Look, ModelIdentity, Vectors


def text_hash(text: str) -> str:
    """The key of a caption's vector: SHA-256 (hex) of its UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a path held when it was last read: ``size`` in bytes, ``sha256`` in hex."""

    path: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture that has no id yet; ``captions`` in order, the first one is shown."""

    path: str
    sha256: str
    width: int
    height: int
    captions: tuple[str, ...]

    def known_as(self, picture_id: str) -> IndexedPicture:
        """The same with an id."""
        size = self.width, self.height
        return IndexedPicture(picture_id, self.path, self.sha256, *size, self.captions)


@dataclass(frozen=True, slots=True)
class IndexedPicture:
    """A picture as the catalogue holds it; ``captions`` in order, the first one is shown."""

    id: str
    path: str
    sha256: str
    width: int
    height: int
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadFile:
    """A failure with the bytes that failed.

    ``sha256`` is empty where the bytes are not to blame (a missing file, an encoder that failed):
    such a file is tried again every time. Others are once they have changed, and when
    :class:`index.indexing.patience.Circumstances` say so: ``tried_under`` is their key at the last
    of ``tries`` under it, at ``tried_at`` (seconds since the epoch).
    """

    failure: Failure
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0
    tried_under: str = ""
    tried_at: float = 0.0
    tries: int = 1


@dataclass(frozen=True, slots=True)
class PictureVector:
    """The vector of a picture's bytes: float32 [d], the picture's size in pixels, its look.

    ``frames``: those of a picture that moves.
    """

    sha256: str
    width: int
    height: int
    vector: Vectors
    look: Look = Look()  # noqa: RUF009 - frozen
    frames: FrameVectors | None = None


@dataclass(frozen=True, slots=True)
class CaptionVector:
    """The vector of a caption: float32 [d]."""

    text: str
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Batch:
    """Finished work that is committed together, so that nobody need do it again."""

    stamps: tuple[Stamp, ...] = ()
    pictures: tuple[PictureVector, ...] = ()
    captions: tuple[CaptionVector, ...] = ()
    failures: tuple[BadFile, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexState:
    """What the catalogue knows of a collection before a reindex.

    ``stamps`` by path; ``bad`` are the failures by the SHA-256 of the bytes that failed;
    ``identity`` is the model of the collection, None before the first reindex.
    """

    identity: ModelIdentity | None
    pictures: tuple[IndexedPicture, ...]
    stamps: Mapping[str, Stamp]
    bad: Mapping[str, BadFile]


@dataclass(frozen=True, slots=True)
class Suspects:
    """What a reindex is not to take over from earlier ones.

    ``pictures`` are contents (SHA-256) and ``texts`` hashes of captions whose vectors are not
    to be trusted; ``paths`` are files whose size and time say nothing about their bytes.
    """

    pictures: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.pictures or self.texts or self.paths)

    def __or__(self, other: Suspects) -> Suspects:
        return Suspects(
            self.pictures | other.pictures, self.texts | other.texts, self.paths | other.paths
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What turns one state of a collection into the next.

    ``removed`` are ids; ``changed`` are pictures that keep their id; ``failures`` are all
    that there are now, those of earlier runs are forgotten; ``paths`` are all files that
    are there, what is known of others is forgotten; ``vanished`` are these others, where
    somebody has them at hand, so that not every known file is read for it. ``mended`` where
    vectors were made anew that pictures had already. ``sweeping``: all vectors are looked at
    for such as nothing needs, and not only those of what went.
    """

    added: tuple[NewPicture, ...]
    changed: tuple[IndexedPicture, ...]
    removed: tuple[str, ...]
    failures: tuple[BadFile, ...]
    paths: frozenset[str]
    mended: bool = False
    vanished: frozenset[str] | None = None
    sweeping: bool = True

    @property
    def searchable(self) -> bool:
        """Whether a search may find something else than before."""
        return bool(self.added or self.changed or self.removed or self.mended)


@dataclass(frozen=True, slots=True)
class RunProgress:
    run: int
    done: int
    total: int
