"""Collections as the settings describe them: who may search each, and as whom."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.domain.errors import SettingsError
from core.domain.types import Origin
from core.domain.viewer import Viewer, is_person
from index.catalogue.file_types import NameRules
from index.snapshots.overlay import Viewpoint

EVERYBODY = "*"
"""The community that stands for all of them."""

LOCAL = "local"
"""The person at the command line: whoever may read the data folder sees every collection."""

WEB = "web"
"""The operator's own web chat."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection as the settings describe it.

    ``communities`` may search it: ``web``, ``discord:<guild>``, ``telegram:<chat>``, or
    ``*`` for all. ``is_named``: somebody has written them down, rather than left it to the
    default. ``rules`` say which files of the folder are passed by. The name becomes a folder's
    name; raises SettingsError where it cannot.
    """

    name: str
    folder: Path
    communities: frozenset[str]
    is_named: bool = True
    rules: NameRules = NameRules()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SettingsError(
                f"{self.name!r} cannot be the name of a collection.",
                remedy="Use 1 to 64 letters, digits, dots, dashes and underscores.",
            )

    def visible_to(self, viewer: Viewer | str) -> bool:
        community = Viewer.of(viewer).community
        return community == LOCAL or not self.communities.isdisjoint({EVERYBODY, community})

    def shared_by(self, viewer: Viewer | str) -> bool:
        """Whether this community acts for all who share the collection, being named."""
        community = Viewer.of(viewer).community
        return community in {LOCAL, WEB} or community in self.communities - {EVERYBODY}

    def opened(self, granted: Mapping[str, Origin], alone: Collection[str]) -> CollectionSpec:
        """The collection with those who were let in, and the operators alone with the bot.

        What was kept open at an upgrade is open only where nobody is named.
        """
        more = {c for c, origin in granted.items() if origin != "kept" or not self.is_named}
        return replace(self, communities=self.communities | more | frozenset(alone))

    def viewpoint(self, viewer: Viewer | str) -> Viewpoint:
        """How a community looks at it: as one who shares it, or as a stranger.

        The operator's console and web chat are never strangers. What the operator or one of
        those who share it holds back is held back from strangers, and from persons alone, too:
        nobody else looks after them, and inline mode shows what they see to others. The
        console is moderated by nobody, and the operator's moderation is that of the web chat.
        """
        viewer = Viewer.of(viewer)
        community = viewer.community
        moderators: tuple[str, ...] = () if community == LOCAL else (community,)
        if viewer.person or not self.shared_by(viewer):
            groups = {name for name in self.communities if not is_person(name)}
            moderators += tuple(sorted((groups | {WEB}) - {community, EVERYBODY}))
        return Viewpoint(
            community,
            shares=self.shared_by(viewer),
            everything=community == LOCAL,
            moderators=moderators,
            adults=viewer.adults,
            channels=viewer.channels,
            wanted=viewer.wanted,
        )
