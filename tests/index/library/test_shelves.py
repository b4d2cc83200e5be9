"""What a community alone sees is brought up to date by its changes, as if all were read again."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from core.domain.types import Post
from core.domain.viewer import PostFilter, Viewer
from core.search.moderation import Criterion
from index.library.kept_views import KeptViews
from index.snapshots.overlaid import IdentifiedSnapshot
from tests.fakes import COLOURS, picture_bytes
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("either_database")

_HOME = "discord:5"
_VIEWERS = (
    Viewer(_HOME),
    Viewer(_HOME, channels=frozenset({"1"})),
    Viewer(_HOME, channels=frozenset({"1", "2"})),
    Viewer(_HOME, channels=frozenset({"1", "2"}), wanted=PostFilter(author="discord:3")),
    Viewer("discord:6", channels=frozenset({"1", "2"})),
    Viewer("local"),
)


def _post(number: int, channel: int) -> Post:
    return Post(
        chat=f"discord:{channel}",
        message=number,
        community=_HOME,
        author=f"discord:{number % 4}",
        author_name="Ana",
        posted_at=float(1_700_000_000 + number * 37 % 101),
        caption=f"kite {number % 5}" if number % 3 else "",
        place=str(channel),
    )


def _told(view: IdentifiedSnapshot | None) -> object:
    """Everything that a question could be told of a view, whatever the order of its rows."""
    if view is None:
        return None
    pictures = view.pictures
    assert [view.row_of(each.id) for each in pictures] == list(range(len(pictures)))
    captions = {(pictures[row].id, text) for text, row in view.captions}
    assert [row for _, row in view.captions] == view.owners.tolist()
    scores, rows = view.picture_index.search(np.eye(view.identity.dimension, dtype=np.float32), 99)
    near = [
        {(pictures[row].id, round(float(score), 4)) for score, row in zip(*each, strict=True)}
        for each in zip(scores, rows, strict=True)
    ]
    said = view.caption_words.search("kite 3", 99).rows
    words = {pictures[view.captions[row][1]].id for row in said}
    return {(each.id, each.caption) for each in pictures}, captions, near, words


async def _agree(kept: Gallery, fresh: Gallery) -> None:
    for viewer in _VIEWERS:
        spec = kept.library.spec_of(kept.name)
        mine = kept.library.views.current(kept.name, spec.viewpoint(viewer))
        other = fresh.library.views.current(kept.name, spec.viewpoint(viewer))
        assert _told(mine) == _told(other), viewer


@pytest.mark.parametrize("times", [10, pytest.param(60, marks=pytest.mark.long)])
async def test_changes_leave_what_reading_all_again_would(tmp_path: Path, times: int) -> None:
    """Whatever is posted, said anew, deleted, forgotten, added and removed, in any order."""
    gallery = Gallery(tmp_path, communities="web discord:5 discord:6", kept=KeptViews(loose=8))
    gallery.add("of the folder.png", "grey", caption="grey kite")
    await gallery.reindex()
    gallery.settings._held[_HOME] = replace(gallery.settings.of(_HOME), index_posts=True)
    chance = random.Random(5)
    number = 0
    for _ in range(times):
        what = chance.randrange(8)
        if what < 4:
            given = []
            channel = chance.choice([1, 2])
            for _ in range(chance.randint(1, 4)):
                data = picture_bytes(chance.choice(list(COLOURS)), seed=number, edge=48)
                given.append((_post(number, channel), data))
                number += 1
            await gallery.posts.add(given)
        elif what == 4:
            await gallery.channels.deleted(f"discord:{chance.choice([1, 2])}", range(number // 3))
        elif what == 5:
            for post in await gallery.channels.known("discord:1", range(number)):
                await gallery.posts.say(post, f"kite {chance.randrange(9)}")
        elif what == 6:
            await gallery.posts.forget(_HOME, f"discord:{chance.randrange(4)}")
        else:
            data = picture_bytes(chance.choice(list(COLOURS)), seed=1000 + number, edge=48)
            await gallery.contributions.add(
                data, f"kite of mine {number}", community=_HOME, uploader="discord:9"
            )
            number += 1
        fresh = Gallery(tmp_path, communities="web discord:5 discord:6")
        await _agree(gallery, fresh)
        fresh.close()
    gallery.close()


def _statements(gallery: Gallery) -> list[str]:
    """What is read from the database from now on."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(gallery.catalogue.database.backend.reading, "before_cursor_execute", note)
    return asked


async def test_whoever_asked_lately_finds_the_view_after_a_change_made(tmp_path: Path) -> None:
    """Beside a history that is read no question pays for what came in a moment ago."""
    gallery = Gallery(tmp_path, communities="web discord:5")
    gallery.add("of the folder.png", "grey", caption="grey kite")
    await gallery.reindex()
    gallery.settings._held[_HOME] = replace(gallery.settings.of(_HOME), index_posts=True)
    asked = _statements(gallery)
    spec = gallery.library.spec_of(gallery.name)
    viewpoint = spec.viewpoint(Viewer(_HOME, channels=frozenset({"1"})))

    def seen() -> int:
        asked.clear()
        view = gallery.library.views.current(gallery.name, viewpoint)
        return 0 if view is None else len(view.pictures)

    await gallery.posts.add([(_post(0, 1), picture_bytes("red", edge=48))])
    assert seen() == len(["of the folder", 0])
    assert asked
    for number in range(1, 5):
        data = picture_bytes(list(COLOURS)[number], seed=number, edge=48)
        await gallery.posts.add([(_post(number, 1), data)])
        assert seen() == len(["of the folder", 0]) + number
        assert asked == []
    await gallery.channels.deleted("discord:1", [0, 1])
    assert seen() == len(["of the folder", 2, 3, 4])
    assert asked == []
    gallery.close()


async def test_a_change_does_not_judge_all_pictures_while_it_holds_the_database(
    tmp_path: Path,
) -> None:
    """Where a criterion is set, the next question looks; what is held is in no view."""
    gallery = Gallery(tmp_path, communities="web discord:5")
    gallery.add("of the folder.png", "grey", caption="grey kite")
    await gallery.reindex()
    gallery.settings._held[_HOME] = replace(gallery.settings.of(_HOME), index_posts=True)
    asked = _statements(gallery)
    viewer = Viewer(_HOME, channels=frozenset({"1"}))
    viewpoint = gallery.library.spec_of(gallery.name).viewpoint(viewer)
    views = gallery.library.views

    async def posted(number: int, colour: str) -> set[str]:
        await gallery.posts.add([(_post(number, 1), picture_bytes(colour, edge=48))])
        asked.clear()
        view = views.current(gallery.name, viewpoint)
        return set() if view is None else {each.caption for each in view.pictures}

    assert await posted(1, "green") == {"grey kite", "kite 1"}
    await gallery.moderation.add(Criterion("red"), community=_HOME)
    assert await posted(2, "red") == {"grey kite", "kite 1"}
    assert asked, "it was looked at by the question"
    assert await posted(4, "blue") == {"grey kite", "kite 1", "kite 4"}
    held = views.waiting(gallery.name, viewpoint)
    assert [each.picture.caption for each in held] == ["kite 2"]
    await gallery.moderation.drop("red", community=_HOME)
    assert await posted(5, "black") == {"grey kite", *(f"kite {n}" for n in (1, 2, 4, 0))}
    assert await posted(7, "white") == {"grey kite", *(f"kite {n}" for n in (1, 2, 4, 0))}
    assert asked == []
    gallery.close()
