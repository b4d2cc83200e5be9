"""The values that travel between rooms: frozen, comparable, without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Embeddings, one a row: shape [n, d], float32, each row of Euclidean length 1."""

Pixels = NDArray[np.uint8]
"""One RGB picture: shape [height, width, 3], uint8, 0 to 255."""

PixelBatch = NDArray[np.uint8]
"""RGB pictures of one size: shape [n, height, width, 3], uint8, 0 to 255."""


class Band(StrEnum):
    """How a score compares with what true matches of this collection score."""

    STRONG = "strong"
    FAIR = "fair"
    WEAK = "weak"


class FoundBy(StrEnum):
    """What makes a hit an answer to a text: the picture itself, its caption, or both.

    Or the words that stand in the picture.
    """

    PICTURE = "picture"
    CAPTION = "caption"
    BOTH = "both"
    WORDS = "words"


class Lane(StrEnum):
    """Who waits: chat requests are served before bulk work such as reindexing."""

    CHAT = "chat"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The picture an encoder wants: everything that happens before normalisation.

    ``fit`` says how a picture of another shape becomes ``height`` x ``width`` pixels:

    - ``crop``: scale so that the shorter edge is ``shortest_edge`` (CLIP) or, where it is
      set, to ``scale_to`` = (height, width) whatever the aspect (ALIGN); cut out the centre;
    - ``stretch``: scale both edges, whatever the aspect (SigLIP);
    - ``pad``: centre on a white square, then scale (mini).

    ``resample`` is Pillow's number of the filter (``PIL.Image.Resampling``: 2 bilinear,
    3 bicubic); ``reducing_gap`` stays unset so that pixels equal those of transformers.
    """

    height: int
    width: int
    fit: Literal["crop", "stretch", "pad"]
    shortest_edge: int | None = None
    resample: int = 3
    scale_to: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What must be equal for two vectors to be comparable.

    ``fingerprint`` is the SHA-256 (hex) over the weights and the preprocessing.
    """

    name: str
    fingerprint: str
    dimension: int


UPLOADED = ".uploads/"
"""How the path of a picture begins that was added in chat. No picture of a folder has such a
path, as names that begin with a dot are hidden."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of one collection, as the catalogue knows it.

    ``id`` is opaque, stable over renames and caption edits and never used again.
    ``path`` is relative to the collection's folder, with ``/``, or begins with ``UPLOADED``.
    ``caption`` is the one that is shown, possibly empty; ``sha256`` (hex) is that of the
    file's bytes; ``width`` and ``height`` are those of the file in pixels, after EXIF
    orientation.
    """

    id: str
    collection: str
    path: str
    caption: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: the ``rank`` counts from 1.

    ``score``: the cosine of the query with the picture, in [-1, 1], also where it is the
    caption that was found; ``band``: the better of what picture and caption are worth;
    ``found_by``: which of them, None where only pictures were compared. ``tag``: the label of
    the collection that fits the picture best, None where none does.
    ``match``: what hits are ordered by, in [-1, 1], no hit's higher than that of one before it:
    the cosine, which a caption lifts. ``caption_score``: the cosine of the query with the
    picture's best caption, None where that is none of those that speak for it. ``text``: the
    line of words in the picture that was found, None where none was. ``at_s``: of a picture that
    moves, the second of the frame that was found; None where it does not move. ``copies``: the
    uploads and posts near it in the order that it stands for, as near-duplicates.
    """

    rank: int
    picture: Picture
    score: float
    band: Band
    found_by: FoundBy | None = None
    tag: str | None = None
    match: float = field(kw_only=True)
    caption_score: float | None = field(default=None, kw_only=True)
    text: str | None = field(default=None, kw_only=True)
    at_s: float | None = field(default=None, kw_only=True)
    copies: tuple[Picture, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class CaptionHit:
    """One stored caption that matches a picture, with the picture that carries it."""

    rank: int
    caption: str
    score: float
    picture: Picture


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label of a zero-shot classification: ``probability`` in [0, 1], cosine score."""

    label: str
    probability: float
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The labels, best first; ``none_fits`` when even the best one is weak."""

    labels: tuple[LabelScore, ...]
    none_fits: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """``seconds`` since the epoch; not ``zoned``: by a clock whose zone nobody noted."""

    seconds: float
    zoned: bool

    def here(self) -> float:
        """Seconds since the epoch; a clock without a zone was one of this machine's."""
        if self.zoned:
            return self.seconds
        return datetime.fromtimestamp(self.seconds, UTC).replace(tzinfo=None).timestamp()


@dataclass(frozen=True, slots=True)
class DecodeStats:
    """What the decode workers did and how they are.

    ``alive`` of ``workers`` can take a picture or have one; ``busy`` have one; ``waiting``
    callers wait for one. ``failed`` counts pictures by error code, ``restarts`` workers that
    died or were cut off. ``pids`` are the processes.
    """

    workers: int
    alive: int
    busy: int
    waiting: int
    decoded: int
    failed: Mapping[str, int]
    restarts: int
    pids: tuple[int, ...]


MAX_FRAMES = 8
"""Frames that stand for a picture that moves, at most: each is encoded and kept."""


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame of a picture that moves, ``at_s`` seconds from its beginning."""

    at_s: float
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """Pixels in the shape an encoder wants, and what the file says of itself.

    ``pixels`` is read-only; ``format`` is Pillow's name ("JPEG", "PNG", "HEIF", ...);
    ``width`` and ``height`` are of the whole picture after EXIF orientation. ``placeholder`` is
    as in :class:`Look`; ``taken`` is None where the file does not say. ``preview`` is the whole
    picture, smaller: uint8 [h, w, 3], read-only; None where nobody asked for one. ``frames`` are
    those that stand for a picture that moves, in their order, the first of which has its
    ``pixels``; empty where it does not move, or nobody asked for them.
    """

    pixels: Pixels
    format: str
    width: int
    height: int
    placeholder: bytes = b""
    taken: Taken | None = None
    preview: Pixels | None = None
    frames: tuple[DecodedFrame, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FrameVectors:
    """The frames of a picture that moves: seconds from its beginning, float32 [n], and vectors.

    The first is the one whose vector the picture has.
    """

    at_s: NDArray[np.float32]
    vectors: Vectors


MAX_LINES = 300
MAX_LETTERS = 300
"""Lines of words of one picture, and letters of one line: a page of a book has 40 lines of 80."""


@dataclass(frozen=True, slots=True)
class WordLine:
    """A line of words that stands in a picture, and how sure its reader is, in [0, 1]."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class WordsProgress:
    """How many pictures of a collection were read, of how many, and how many of these have words.

    Equal pictures count once.
    """

    read: int
    total: int
    with_words: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a page shows of a picture before it has it, and its date.

    ``placeholder``: a WebP of a few pixels, empty where there is none yet. ``date``: seconds
    since the epoch: when it was taken, else when its file was last written or it was added;
    None where nobody knows.
    """

    placeholder: bytes = b""
    date: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ByDate:
    """The pictures of a collection, the newest first, whoever may see them.

    ``ids``: bytes of 8 [n]; ``dates``: float64 [n], falling, ``-inf`` where nobody knows.
    """

    ids: NDArray[np.bytes_]
    dates: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work has come: ``done`` of ``total`` pictures or rows (0: unknown)."""

    stage: Literal["wait", "scan", "encode", "commit", "tag", "read", "copy"]
    done: int
    total: int


CAPTION_WITHOUT_PICTURE = "caption_without_picture"
"""The code of a row of a caption table that names no picture (``core.domain.errors``)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or a row of a caption table that could not be used: the error's code and words."""

    path: str
    code: str
    reason: str

    @property
    def is_caption_only(self) -> bool:
        """Whether no picture is missing from the index: only a caption found no picture."""
        return self.code == CAPTION_WITHOUT_PICTURE


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What lies in a folder and was not taken for a picture, hidden files aside.

    ``unopened`` files by the end of their names, which says what else they are, the most
    frequent first; ``no_pictures``: files of other names whose first bytes are no picture's;
    ``excluded``: paths of files and folders that the settings leave out.
    """

    unopened: tuple[tuple[str, int], ...] = ()
    no_pictures: int = 0
    excluded: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        return self.no_pictures + sum(count for _, count in self.unopened)


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What one reindex changed; ``seconds`` is wall-clock time.

    ``failed`` holds files that cannot be read, and rows of caption tables without a picture;
    ``left_out`` is empty where only some paths were looked at.
    """

    collection: str
    added: int
    changed: int
    removed: int
    unchanged: int
    failed: tuple[Failure, ...]
    seconds: float
    left_out: LeftOut = LeftOut()

    @property
    def unread(self) -> tuple[Failure, ...]:
        return tuple(failure for failure in self.failed if not failure.is_caption_only)

    @property
    def unmatched(self) -> tuple[Failure, ...]:
        """Rows of caption tables that name no picture; nothing is missing from the index."""
        return tuple(failure for failure in self.failed if failure.is_caption_only)


@dataclass(frozen=True, slots=True)
class SoFar:
    """How many pictures were searched, of how many, while the rest is still being indexed."""

    searched: int
    total: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of hits.

    ``query`` is the text that was asked, None for a picture alone; ``offset`` the number
    of hits before this page; ``has_more`` whether another page follows; ``close_match``
    is False when every hit of the first page is weak; ``doubtful`` where the best one is, but
    stands out of what has nothing to do with any picture: it may be right. ``strong`` and
    ``fair``: how many hits of these bands there are up to the end of this page; where they are
    fewer than all of those, there are no others, but for a text mixed with a picture.
    ``so_far``: how much was searched, where the collection is being indexed for the first time.
    ``by_letters``: captions and words in pictures alone were searched, without the model.
    ``preview``: the posted picture, as in :class:`DecodedPicture`.
    """

    query: str | None
    collection: str
    hits: tuple[Hit, ...]
    offset: int
    has_more: bool
    close_match: bool
    strong: int = 0
    fair: int = 0
    so_far: SoFar | None = None
    doubtful: bool = False
    by_letters: bool = False
    preview: Pixels | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DescribeResult:
    """Stored captions that match a picture, best first.

    ``so_far`` and ``preview`` are as in :class:`SearchResult`.
    """

    collection: str
    hits: tuple[CaptionHit, ...]
    so_far: SoFar | None = None
    preview: Pixels | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """What ``tangerine status`` says of one collection.

    ``index``: the engine that searches it; ``recall``: the share of the true ten best
    pictures that it finds, as measured on the collection, None where it finds all;
    ``expected``: how many pictures there are, until all were indexed once; ``outdated``: its
    vectors are of another model than the one that runs.
    """

    name: str
    pictures: int
    captions: int
    index: str
    generation: int
    recall: float | None = None
    expected: int | None = None
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that somebody added in chat.

    ``uploader`` is the requester's name over all communities of the platform (as
    ``discord:17``), ``community`` where it was added, ``added_at`` seconds since the epoch.
    ``file`` holds the picture as it is kept: a JPEG without the metadata of the original.
    ``held``: the community's moderation shows it to nobody.
    """

    picture: Picture
    community: str
    uploader: str
    added_at: float
    file: Path
    held: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """A message of a chat with a picture.

    ``chat`` (as ``telegram:-1001``) and ``message`` say where it is, ``community`` whose it is:
    another one where the chat has moved. ``author`` is the requester's name of who posted it, or
    the chat's in whose name it was posted, with the name and the handle (without ``@``) that the
    chat showed. ``posted_at``: seconds since the epoch. ``album`` is what the messages of one
    album share. ``part`` numbers the pictures of a message that has several. ``parent`` is the
    channel that the message's thread is in, ``place`` the channel whose readers alone see it; both
    are empty where the whole community reads the chat. ``file_id`` shows the picture again on the
    platform, ``file_unique_id`` is equal for equal files; either may be empty. ``picture_id`` is
    the kept picture, empty before there is one, and ``file`` its thumbnail. ``held``: the
    community's moderation shows it to nobody.
    """

    chat: str
    message: int
    community: str
    author: str
    author_name: str
    posted_at: float
    author_handle: str = ""
    caption: str = ""
    thread: int | None = None
    album: str = ""
    file_id: str = ""
    file_unique_id: str = ""
    picture_id: str = ""
    file: Path | None = None
    held: bool = False
    part: int = 0
    parent: str = ""
    place: str = ""

    @property
    def key(self) -> tuple[int, int]:
        """Which picture of its chat it is: the message's number, and the part."""
        return self.message, self.part


@dataclass(frozen=True, slots=True)
class PostChannel:
    """A channel or thread whose posts are followed.

    ``parent`` and ``place`` are as in :class:`Post`. ``begins``: posts behind this message are
    taken in. ``position`` is the last message whose
    pictures are all kept; ``complete``: that was once the newest one. ``announced``: everybody
    there was told.
    """

    chat: str
    community: str
    place: str
    parent: str = ""
    is_on: bool = True
    announced: bool = False
    begins: int = 0
    position: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class PostsKept:
    """How many pictures of posts a community has, of how many posts, and when the first was.

    ``first_at``: seconds since the epoch, None where there is none. ``full``: as many as may be.
    """

    pictures: int
    posts: int
    first_at: float | None
    full: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a channel was read: the pictures up to this message are all kept.

    ``complete``: it is the channel's newest one.
    """

    chat: str
    position: int
    complete: bool = False


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of posts: ``known`` were there before, ``refused`` are of people who opted out.

    ``unreadable`` have no picture that can be read, ``left_out`` found no room.
    """

    added: int = 0
    known: int = 0
    refused: int = 0
    unreadable: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Everything that the collections hold of one person.

    ``removals`` counts the pictures that this person removed and that are noted under the
    person's name. ``posts`` are those whose pictures are searched; ``opted_out``: none ever are.
    ``words``: the lines that were read in each picture, by its id.
    """

    requester: str
    uploads: tuple[Upload, ...]
    removals: int
    posts: tuple[Post, ...] = ()
    opted_out: bool = False
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Origin = Literal["allow", "claim", "command line", "moved", "kept"]
"""How a community was let into a collection: by an operator's /allow, by a code, on the command
line, as the new name of one that the settings name; or kept open as before an upgrade."""


@dataclass(frozen=True, slots=True)
class CommunitySettings:
    """What a community's administrators chose; None stands for the operator's default.

    ``photo_channels`` are the chats of the community in which every posted photo is
    answered. ``count``: results where no number is asked for, 1 to 10. ``show_weak``: whether
    weak matches are shown without asking. The cooldowns are seconds after a text or picture
    before the same person's next request there, 0 to 3600. ``index_posts``: whether pictures
    that people post there are searched there; ``public_name``: by which the chat is found, empty
    for none.
    """

    photo_channels: frozenset[str] = frozenset()
    count: int | None = None
    show_weak: bool = False
    text_cooldown_s: float | None = None
    picture_cooldown_s: float | None = None
    index_posts: bool = False
    public_name: str = ""
