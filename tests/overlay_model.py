"""A plain model of who sees what: sets and lists that the real thing is compared with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from core.domain.types import Picture
from tests.fakes import COLOURS, picture_bytes

COMMUNITIES = ("discord:1", "discord:2", "telegram:3")
"""The first one shares the open collection, the others are strangers to it."""

OPEN, SHARED = "gallery", "shared"
NAMED = {OPEN: {"discord:1"}, SHARED: {"discord:1", "discord:2"}}
PEOPLE = ("discord:17", "telegram:18")
CONTENTS = [picture_bytes(colour, seed) for seed, colour in enumerate(list(COLOURS)[:5])]


def sha(content: int) -> str:
    """The hash of one of the contents, as the folder has it."""
    return hashlib.sha256(CONTENTS[content]).hexdigest()


@dataclass
class Added:
    """An upload of the model; ``removed`` is when, by which id it is undone, and in which scope."""

    picture: Picture
    content: int
    scope: str
    uploader: str
    removed: tuple[float, str, str] | None = None


@dataclass
class Model:
    """Plain sets and lists that say what everybody should see.

    ``folder`` are the contents of each collection's folder, ``indexed`` those at its last
    reindex; ``hidden`` maps collection, scope and hash to when it was hidden, and by which
    id it is undone. ``named`` are the communities that the settings name beside each
    collection: who was named sees what it did before it was.
    """

    folder: dict[str, set[int]] = field(default_factory=lambda: {OPEN: set(), SHARED: set()})
    indexed: dict[str, set[int]] = field(default_factory=lambda: {OPEN: set(), SHARED: set()})
    uploads: list[Added] = field(default_factory=list)
    hidden: dict[tuple[str, str, str], tuple[float, str]] = field(default_factory=dict)

    named: dict[str, set[str]] = field(
        default_factory=lambda: {name: set(found) for name, found in NAMED.items()}
    )

    def scope(self, collection: str, community: str) -> str:
        """Whom a community's changes concern."""
        return "" if community in self.named[collection] else community

    def controls(self, collection: str, community: str) -> set[str]:
        """In which scopes it may delete uploads and undo removals."""
        return {community, self.scope(collection, community)}

    def may(self, collection: str, community: str) -> bool:
        """Whether the community may search the collection."""
        return collection == OPEN or community in self.named[collection]

    def base(self, collection: str, community: str) -> set[str]:
        """The hashes of the folder that a community sees."""
        scopes = {"", community}
        return {
            sha(content)
            for content in self.indexed[collection]
            if not any((collection, scope, sha(content)) in self.hidden for scope in scopes)
        }

    def added(self, collection: str, community: str) -> list[Added]:
        """The uploads that a community sees."""
        return [
            each
            for each in self.uploads
            if each.picture.collection == collection
            and each.removed is None
            and (
                each.scope == community
                or (
                    each.scope == ""
                    and (collection, community, each.picture.sha256) not in self.hidden
                )
            )
        ]

    def seen(self, collection: str, community: str) -> set[str]:
        """The hashes of the pictures that a community sees."""
        uploads = self.added(collection, community)
        return self.base(collection, community) | {each.picture.sha256 for each in uploads}

    def has(self, collection: str, community: str, content: int) -> bool:
        """Whether a community sees a picture that was made of this content."""
        return sha(content) in self.base(collection, community) or any(
            each.content == content for each in self.added(collection, community)
        )
