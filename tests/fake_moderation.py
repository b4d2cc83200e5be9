"""A hand-written fake of moderation over a fake library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.domain.errors import NotFound
from core.domain.types import Picture
from core.domain.viewer import Viewer
from core.search.moderation import (
    Criterion,
    Decided,
    HeldPage,
    HeldPicture,
    Level,
    Reason,
    Strictness,
    Trial,
    tidy_criterion,
)
from tests.fake_collections import FakeLibrary

SCORE = 3.5
"""Of whatever meets a criterion."""


@dataclass
class FakeModeration:
    """A picture meets a criterion whose words are in its caption.

    ``kept`` are the criteria of each community, ``verdicts`` what was decided about pictures.
    """

    library: FakeLibrary
    kept: dict[str, list[Criterion]] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], bool] = field(default_factory=dict)

    async def criteria(self, community: str) -> Sequence[Criterion]:
        return tuple(self.kept.get(community, ()))

    async def add(self, criterion: Criterion, *, community: str) -> int:
        tidy_criterion(criterion.text)
        others = [each for each in self.kept.get(community, ()) if each.key != criterion.key]
        self.kept[community] = [*others, criterion]
        self._judge(community)
        return len(self._meeting(criterion.text, community))

    async def drop(self, text: str, *, community: str) -> Criterion:
        for criterion in self.kept.get(community, ()):
            if criterion.key == Criterion(text).key:
                self.kept[community].remove(criterion)
                self._judge(community)
                return criterion
        raise NotFound("There is no such criterion here.", remedy="See: /moderation list")

    async def test(
        self, text: str, *, community: Viewer | str, collection: str | None = None, best: int = 10
    ) -> Trial:
        community = Viewer.of(community).community
        name = collection or self.library.visible(community)[0]
        meeting = self._meeting(tidy_criterion(text), community)
        verdicts = [self.verdicts.get((community, each.id)) for each in meeting]
        return Trial(
            criterion=text,
            collection=name,
            pictures=len(self.library.snapshots[name].pictures),
            levels=tuple(
                Level(each, len(meeting), verdicts.count(False), verdicts.count(True))
                for each in Strictness
            ),
            best=tuple((each, SCORE) for each in meeting[:best]),
        )

    async def held(self, *, community: Viewer | str, offset: int = 0, count: int = 5) -> HeldPage:
        community = Viewer.of(community).community
        waiting = self._waiting(community)
        return HeldPage(tuple(waiting[offset : offset + count]), offset, len(waiting))

    async def hides(self, picture_id: str, *, community: Viewer | str) -> bool:
        community = Viewer.of(community).community
        self._judge(community)
        return picture_id in self.library.held.get(community, set())

    async def decide(
        self, picture_id: str, *, community: Viewer | str, approve: bool | None
    ) -> Decided:
        community = Viewer.of(community).community
        picture = self._picture(picture_id, community)
        if approve is None:
            self.verdicts.pop((community, picture_id), None)
        else:
            self.verdicts[community, picture_id] = approve
        self._judge(community)
        return Decided(picture, len(self._waiting(community)))

    async def file(self, picture_id: str, *, community: Viewer | str) -> tuple[Picture, Path]:
        community = Viewer.of(community).community
        return self._picture(picture_id, community), self.library.files[picture_id]

    def _pictures(self, community: str) -> list[Picture]:
        names = self.library.visible(community)
        return [each for name in names for each in self.library.snapshots[name].pictures]

    def _picture(self, picture_id: str, community: str) -> Picture:
        for picture in self._pictures(community):
            if picture.id == picture_id:
                return picture
        raise NotFound("There is no such picture here.", remedy="See: /moderation review")

    def _meeting(self, text: str, community: str) -> list[Picture]:
        wanted = text.casefold()
        return [each for each in self._pictures(community) if wanted in each.caption.casefold()]

    def _waiting(self, community: str) -> list[HeldPicture]:
        found: dict[str, HeldPicture] = {}
        for criterion in self.kept.get(community, ()):
            for picture in self._meeting(criterion.text, community):
                if (community, picture.id) not in self.verdicts:
                    found[picture.id] = HeldPicture(picture, (Reason(criterion.text, SCORE),))
        return list(found.values())

    def _judge(self, community: str) -> None:
        removed = {
            name for (where, name), ok in self.verdicts.items() if where == community and not ok
        }
        waiting = {held.picture.id for held in self._waiting(community)}
        self.library.held[community] = removed | waiting
        strict = [each for each in self.kept.get(community, ()) if not each.age]
        for_children = {p.id for each in strict for p in self._meeting(each.text, community)}
        self.library.for_adults = waiting - for_children
