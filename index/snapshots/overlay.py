"""Pictures of the chat as values: who sees what, what is kept, what is laid over a base."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.types import UPLOADED, FrameVectors, Picture, Vectors
from core.domain.viewer import PostFilter, Viewer
from index.catalogue.contents import EncodedPictures

SHARED = ""
"""The scope of all who share a collection."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A community looking at one collection.

    ``shares``: the settings name it beside the collection, so that it acts for all of those;
    otherwise it acts for itself. ``everything``: the operator, who sees what any of them
    added. ``moderators`` are the communities whose moderation hides pictures from it, itself
    first; ``adults``: it looks from a place that lets adults alone in. ``channels`` and
    ``wanted`` are as in :class:`core.domain.viewer.Viewer`.
    """

    community: str
    shares: bool
    everything: bool = False
    moderators: tuple[str, ...] = ()
    adults: bool = False
    channels: frozenset[str] = frozenset()
    wanted: PostFilter | None = None

    @property
    def viewer(self) -> Viewer:
        """The community in the kind of place that it looks from."""
        return Viewer(self.community, self.adults, self.channels, self.wanted)

    @property
    def scope(self) -> str:
        """Whom its changes concern: all who share the collection, or itself."""
        return SHARED if self.shares else self.community

    @property
    def scopes(self) -> tuple[str, ...]:
        """Whose changes concern it, if it does not see everything anyway.

        Its own always do: it may have been a stranger before it was named in the settings.
        """
        return (SHARED, self.community)

    @property
    def controls(self) -> tuple[str, ...]:
        """Whose uploads it may delete, and whose removals it may undo."""
        return self.scopes if self.shares else (self.community,)


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A picture about to be kept.

    ``jpeg`` is the file, ``sha256`` (hex) its hash, ``posted_sha256`` that of the bytes that were
    posted; ``width`` and ``height`` are the file's in pixels, ``placeholder`` is as in
    :class:`core.domain.types.Look`. ``vector`` and ``caption_vector`` are float32 [d]; the latter
    is None where there is no caption. ``frames``: those of a picture that moves, which ``jpeg``
    holds as an animated WebP. ``posted``: it is the picture of a post, and ``place`` the channel
    whose readers alone see it, empty where the whole community does.
    """

    jpeg: bytes
    sha256: str
    posted_sha256: str
    width: int
    height: int
    caption: str
    vector: Vectors
    caption_vector: Vectors | None
    uploader: str
    placeholder: bytes = b""
    frames: FrameVectors | None = None
    posted: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """An upload as the catalogue holds it; ``removed`` ones can still be restored."""

    picture: Picture
    scope: str
    community: str
    uploader: str
    added_at: float
    removed: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Overlay(EncodedPictures):
    """What lies over a collection's base for one viewpoint: its uploads.

    ``removed`` are the contents (SHA-256) of the base that are hidden.
    """

    removed: frozenset[str]


def upload_path(picture_id: str) -> str:
    return f"{UPLOADED}{picture_id}.jpg"
