"""Random changes at two nodes of one database: both show what a plain model of them says."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from core.domain.errors import NotFound
from core.search.moderation import Criterion
from index.library.community_settings import DEFAULTS
from tests.galleries import Gallery
from tests.nodes import two_nodes

pytestmark = [
    pytest.mark.process,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

COLOURS = ("red", "green", "blue", "yellow")
COMMUNITIES = ("discord:1", "discord:2")
PEOPLE = ("person:1", "person:2", "person:3")
STEPS = {
    "add": 8,
    "remove": 4,
    "remove at both": 1,
    "add at both": 1,
    "undo": 3,
    "hold": 2,
    "forget": 1,
    "reindex": 2,
    "settings": 2,
}
LONG = 20.0
"""Seconds after which a change is given up, on a machine that has much else to do."""


@dataclass(frozen=True)
class Added:
    """A picture that somebody added: seen in this community alone."""

    id: str
    name: str
    colour: str
    community: str
    person: str


@dataclass
class Model:
    """What everybody should see, as plain sets."""

    folder: dict[str, str] = field(default_factory=dict)  # colours by path
    shown: dict[str, Added] = field(default_factory=dict)  # by name, as below
    removed: dict[str, Added] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=lambda: {c: set() for c in COMMUNITIES})
    counts: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(COMMUNITIES))

    def seen(self, community: str) -> set[str]:
        """What a search of this community may show."""
        held = self.held[community]
        folder = {path for path, colour in self.folder.items() if colour not in held}
        mine = (each for each in self.shown.values() if each.community == community)
        return folder | {each.name for each in mine if each.colour not in held}

    def everything(self) -> tuple[object, ...]:
        """All that a node should say."""
        return tuple((self.seen(each), self.counts[each]) for each in COMMUNITIES)

    def forget(self, person: str) -> None:
        """Nothing of theirs is there any more, nor can it be restored."""
        for some in (self.shown, self.removed):
            for name in [name for name, each in some.items() if each.person == person]:
                del some[name]


class Changes:
    """Makes changes at nodes, and in the model of them."""

    def __init__(self, nodes: tuple[Gallery, Gallery], seed: int) -> None:
        self.nodes = nodes
        self.chance = random.Random(seed)
        self.model = Model()
        self.made: Counter[str] = Counter()
        self.last = ""
        self._number = 0
        self._steps: Mapping[str, Callable[[Gallery], Awaitable[None]]] = {
            "add": self._add,
            "add at both": self._add_at_both,
            "remove": self._remove,
            "remove at both": self._remove_at_both,
            "undo": self._undo,
            "forget": self._forget,
            "hold": self._hold,
            "reindex": self.reindex,
            "settings": self._set,
        }

    async def one(self) -> tuple[Gallery, Gallery]:
        """The next one; the node where it was made, and the other one."""
        here, there = self.chance.sample(self.nodes, 2)
        [step] = self.chance.choices(list(STEPS), list(STEPS.values()))
        if step.startswith("remove") and not self._removable():
            step = "add"
        if step == "undo" and not self.model.removed:
            step = "add"
        self.made[step] += 1
        self.last = step
        await self._steps[step](here)
        return here, there

    async def _add(self, node: Gallery) -> None:
        self._number += 1
        name, colour = f"picture {self._number}", self.chance.choice(COLOURS)
        community, person = self.chance.choice(COMMUNITIES), self.chance.choice(PEOPLE)
        new = await node.post(colour, self._number, name, community=community, uploader=person)
        self.model.shown[name] = Added(new.id, name, colour, community, person)

    def _removable(self) -> list[str]:
        shown = self.model.shown.values()
        return sorted(each.name for each in shown if each.name in self.model.seen(each.community))

    def _take_out(self) -> Added:
        name = self.chance.choice(self._removable())
        each = self.model.removed[name] = self.model.shown.pop(name)
        return each

    async def _add_at_both(self, _: Gallery) -> None:
        await asyncio.gather(*map(self._add, self.nodes))

    async def _remove(self, node: Gallery) -> None:
        await _remove(node, self._take_out())

    async def _remove_at_both(self, _: Gallery) -> None:
        each = self._take_out()
        ends = await asyncio.gather(
            *(_remove(node, each) for node in self.nodes), return_exceptions=True
        )
        [lost] = [end for end in ends if end is not None]
        assert isinstance(lost, NotFound), "whoever comes second is told that it is gone"

    async def _undo(self, node: Gallery) -> None:
        name = self.chance.choice(sorted(self.model.removed))
        each = self.model.shown[name] = self.model.removed.pop(name)
        await node.contributions.restore(each.id, community=each.community)

    async def _forget(self, node: Gallery) -> None:
        person = self.chance.choice(PEOPLE)
        self.model.forget(person)
        await node.contributions.forget(person)

    async def _hold(self, node: Gallery) -> None:
        community, colour = self.chance.choice(COMMUNITIES), self.chance.choice(COLOURS)
        if colour in self.model.held[community]:
            self.model.held[community].remove(colour)
            await node.moderation.drop(colour, community=community)
        elif len(self.model.held[community]) < len(COLOURS) - 1:
            self.model.held[community].add(colour)
            await node.moderation.add(Criterion(colour), community=community)

    async def reindex(self, node: Gallery) -> None:
        """With a picture more in the folder, or one less."""
        self._number += 1
        paths = sorted(self.model.folder)
        if len(paths) > 3 and self.chance.random() < 0.5:
            gone = self.chance.choice(paths)
            (node.pictures / gone).unlink()
            del self.model.folder[gone]
        else:
            path, colour = f"{self._number}.png", self.chance.choice(COLOURS)
            node.add(path, colour, self._number)
            self.model.folder[path] = colour
        await node.reindex()

    async def _set(self, node: Gallery) -> None:
        community, count = self.chance.choice(COMMUNITIES), self.chance.randrange(1, 11)
        await node.settings.save(community, replace(DEFAULTS, count=count))
        self.model.counts[community] = count


async def _remove(node: Gallery, each: Added) -> None:
    await node.contributions.remove(each.id, community=each.community, remover=each.person)


async def _said(node: Gallery) -> tuple[object, ...]:
    """What a node says to each community."""
    await node.settings.catch_up()  # as before each command
    return tuple([(await node.seen(each), node.settings.of(each).count) for each in COMMUNITIES])


async def _until_said(node: Gallery, wanted: tuple[object, ...]) -> float:
    """How long it takes until a node says exactly this: seconds."""
    begun = time.monotonic()
    while (said := await _said(node)) != wanted:
        assert time.monotonic() - begun < LONG, (said, wanted)
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


@pytest.fixture
def nodes(database: str, tmp_path: Path) -> Iterator[tuple[Gallery, Gallery]]:
    """Two on one database, open to everybody, so that each community has its own uploads."""
    del database
    with two_nodes(tmp_path, communities="discord:9 *") as made:
        yield made


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.long)])
async def test_random_changes_at_either_node(nodes: tuple[Gallery, Gallery], number: int) -> None:
    """After each, both say what the model does: nothing less, nothing foreign, nothing forgotten.

    Of two that remove the same picture at once, one does, as if they had come one by one.
    """
    changes = Changes(nodes, seed=22)
    await changes.reindex(nodes[0])
    await _until_said(nodes[1], changes.model.everything())
    took = []
    for _ in range(number):
        here, there = await changes.one()
        wanted = changes.model.everything()
        if "both" not in changes.last:
            assert await _said(here) == wanted, f"{changes.last}: a node sees its own at once"
        took.append(max(await _until_said(there, wanted), await _until_said(here, wanted)))
    took.sort()
    print(
        f"{dict(changes.made)}, seen at the other node after {took[number // 2]:.3f} s, 99 of 100 "
        f"within {took[-max(1, number // 100)]:.3f} s, at most {took[-1]:.3f} s"
    )
    assert nodes[0].verify() == nodes[1].verify() == []
