"""The neutral reply: what is answered, not how a platform draws it.

Every text is data without markup: adapters escape it in their own platform's way. A reply
is immutable and may be drawn any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain.types import Band

ACTION_BYTES = 64
"""The longest action in UTF-8 bytes: Telegram's ``callback_data`` (Discord takes 100)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``heading`` names what follows, ``note`` is an aside.

    ``link``: an address of ours that stands behind it, empty for none.
    """

    text: str
    style: Literal["plain", "heading", "note"] = "plain"
    link: str = ""


@dataclass(frozen=True, slots=True)
class PostLine:
    """Where a picture of the chat was posted.

    ``text``: by whom and when; ``link`` opens the post, empty where there is none; ``file_id``
    shows the picture again on the platform that has it, empty where it cannot.
    """

    text: str
    link: str
    file_id: str


@dataclass(frozen=True, slots=True)
class PictureCard:
    """One hit: ``number`` counts over all pages from 1, ``score`` is its match in [-1, 1].

    Cards of one answer are in the order of their matches, the highest first
    (:class:`core.domain.types.Hit`). ``score_text`` is the match with its band in words, ``alt``
    what a screen reader says; ``width`` and ``height`` are the picture's own, in pixels. ``post``
    says where it was posted, where that is what it is from; ``at_s`` the second of the frame that
    was found, where it moves.
    """

    number: int
    id: str
    caption: str
    score: float
    band: Band
    score_text: str
    alt: str
    width: int
    height: int
    post: PostLine | None = None
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """One page of hits, best first."""

    cards: tuple[PictureCard, ...]


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """The query beside its best hits as one PNG, for platforms that want one picture."""

    png: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class MapSheet(ContactSheet):
    """The map of a collection as a PNG, and how a page that draws maps itself asks for it.

    ``collection`` may be empty (the default one), ``groups`` 0 means none, ``text`` is the
    question that is marked.
    """

    collection: str
    groups: int
    text: str


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """One stored caption that matches, with the picture that carries it.

    ``alt`` is what a screen reader says of that picture.
    """

    number: int
    caption: str
    score: float
    score_text: str
    picture_id: str
    alt: str


@dataclass(frozen=True, slots=True)
class CaptionList:
    """Stored captions, best first."""

    lines: tuple[CaptionLine, ...]


@dataclass(frozen=True, slots=True)
class LabelBar:
    """One label: ``probability`` in [0, 1] is the bar's length, ``value`` the same in words."""

    label: str
    probability: float
    score: float
    value: str


@dataclass(frozen=True, slots=True)
class LabelBars:
    """Labels, most probable first; ``png`` is drawn where the request asked for drawings.

    ``rtl``: for whoever reads from right to left.
    """

    bars: tuple[LabelBar, ...]
    alt: str
    png: bytes | None = None
    rtl: bool = False


@dataclass(frozen=True, slots=True)
class ProgressBar:
    """How far long work has come; ``total`` 0 means unknown. ``text`` says it in words."""

    collection: str
    done: int
    total: int
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one pair a line."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """Messages that one may send as they are."""

    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A file to keep, of at most 8 MiB; ``media_type`` as ``application/zip``."""

    name: str
    data: bytes
    media_type: str


Part = (
    Text
    | Pictures
    | ContactSheet
    | MapSheet
    | CaptionList
    | LabelBars
    | ProgressBar
    | Facts
    | Examples
    | Document
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press. ``action`` holds all that is needed to answer, also after a restart.

    ``subject`` is the number of the picture the button belongs to. Where ``needs_picture``
    is set, the adapter sends the asked picture again with the action, since a picture does
    not fit into 64 bytes. Raises ValueError for a longer action.
    """

    kind: Literal["page", "more_like", "show_weak", "remove", "restore", "add", "set", "decide"]
    label: str
    action: str
    subject: int | None = None
    needs_picture: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.action.encode()) <= ACTION_BYTES:
            raise ValueError(f"an action takes 1 to {ACTION_BYTES} bytes: {self.action!r}")


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What went wrong: ``message`` the cause, ``remedy`` what to do, both in words.

    ``retry_after`` is in seconds; ``incident`` is the short id under which the log tells
    more of an unexpected error.
    """

    code: str
    message: str
    remedy: str
    retry_after: float | None = None
    incident: str | None = None

    @property
    def text(self) -> str:
        return f"{self.message} {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, drawn as one message where the platform allows.

    ``private`` replies are for the asker's eyes only (ephemeral on Discord). ``job`` names
    work that goes on: ``Commands.follow`` tells how it comes along.
    """

    parts: tuple[Part, ...] = ()
    buttons: tuple[Button, ...] = ()
    private: bool = False
    error: ErrorInfo | None = None
    job: str | None = None
