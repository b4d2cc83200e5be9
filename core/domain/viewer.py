"""Who looks at collections: a community, from one kind of its places."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PERSON = re.compile(r"discord:dm:.+|telegram:[0-9]+")


@dataclass(frozen=True, slots=True)
class PostFilter:
    """Posts of one channel, of one person (as ``/privacy`` knows people), of a time.

    ``channel`` is a channel or a thread, as posts name it; empty for any, as is ``author``.
    ``after`` <= when it was posted < ``before``, in seconds since the epoch.
    """

    channel: str = ""
    author: str = ""
    after: float | None = None
    before: float | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """A community that looks from a place; ``adults``: one that lets adults alone in.

    ``channels`` are those of its channels whose posts may be shown in the answer: to the person
    who asks, or to everybody who reads it. ``wanted``: posts of this kind alone. Where a library
    takes a viewer, the name of a community stands for it in a place that is open to everybody
    and in no channel: who forgets either sees less, never more.
    """

    community: str
    adults: bool = False
    channels: frozenset[str] = frozenset()
    wanted: PostFilter | None = None

    @classmethod
    def of(cls, viewer: Viewer | str) -> Viewer:
        """The viewer itself, or the community of this name in a place for everybody."""
        return cls(viewer) if isinstance(viewer, str) else viewer

    @property
    def person(self) -> bool:
        """Whether it is somebody alone with the bot, as :func:`is_person` has it."""
        return is_person(self.community)


def is_person(community: str) -> bool:
    """Whether this is somebody alone with the bot, where no administrator looks after anybody.

    Telegram's inline mode asks as such a community, too, in whatever chat it is used.
    """
    return _PERSON.fullmatch(community) is not None
