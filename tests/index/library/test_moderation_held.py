"""Pictures that criteria hold: real catalogue, index and files, judged where views are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.engine.engine import SystemClock
from core.domain.choices import Strictness
from core.domain.errors import (
    BadSetting,
    EmptyCollection,
    ModelMismatch,
    NotFound,
    PictureHeld,
)
from core.domain.types import UPLOADED, Picture
from core.domain.viewer import Viewer
from core.search.moderation import MAX_CRITERIA, NEAR_DUPLICATE, Criterion
from index.indexing.reindexer import Reindexer
from index.library.moderation import ChatModeration
from index.library.moderation_filter import Judge
from index.library.moderation_rows import Rules
from index.snapshots.overlay import Overlay
from tests.fakes import FakeEmbedder, FakeEncoder, picture_bytes
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("database")

SERVER, OTHER, PERSON = "discord:1", "discord:2", "discord:dm:9"
COLOURS = ("red", "green", "blue", "yellow", "black")


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    """Two pictures of each of five colours, open to everybody, shared by two servers."""
    made = Gallery(tmp_path, communities=f"{SERVER} {OTHER} *", duplicate_cosine=0.999)
    for colour in COLOURS:
        for seed in range(2):
            made.add(f"{colour}{seed}.png", colour, seed)
    yield made
    made.close()


async def hold(gallery: Gallery, text: str = "red", **values: object) -> int:
    """Let the server hold what meets a criterion."""
    return await gallery.moderation.add(Criterion(text, **values), community=SERVER)


async def waiting(gallery: Gallery, community: str = SERVER) -> list[str]:
    """The paths, or captions, of what a community has to decide about."""
    page = await gallery.moderation.held(community=community, count=100)
    assert page.total == len(page.pictures)
    return sorted(named(held.picture) for held in page.pictures)


def named(picture: Picture) -> str:
    """The path, or the caption of an upload."""
    return picture.caption if picture.path.startswith(UPLOADED) else picture.path


async def held_id(gallery: Gallery, path: str) -> str:
    """The id of a picture that waits."""
    page = await gallery.moderation.held(community=SERVER, count=100)
    return next(held.picture.id for held in page.pictures if named(held.picture) == path)


async def decide(gallery: Gallery, path: str, *, approve: bool) -> Picture:
    """Approve or hide a picture that waits."""
    name = await held_id(gallery, path)
    return (await gallery.moderation.decide(name, community=SERVER, approve=approve)).picture


ALL = {f"{colour}{seed}.png" for colour in COLOURS for seed in range(2)}
REDS = {"red0.png", "red1.png"}


async def test_what_meets_a_criterion_is_gone_for_the_community_alone(gallery: Gallery) -> None:
    """It is in no snapshot, has no file and is not counted; others see it as before."""
    await gallery.reindex()
    red = gallery.ids()["red0.png"]
    before = await gallery.library.open(None, SERVER)
    assert await hold(gallery) == 2
    assert await gallery.seen(SERVER) == ALL - REDS
    assert await gallery.seen(OTHER) == ALL
    with pytest.raises(NotFound):
        await gallery.library.picture_file(red, SERVER)
    assert (await gallery.library.picture_file(red, OTHER))[0].id == red
    assert [status.pictures for status in await gallery.library.status(SERVER)] == [8]
    assert [status.pictures for status in await gallery.library.status(OTHER)] == [10]
    assert await waiting(gallery) == sorted(REDS)
    assert await waiting(gallery, OTHER) == []
    assert await gallery.moderation.hides(red, community=SERVER)
    assert not await gallery.moderation.hides(red, community=OTHER)
    # Whoever holds the old snapshot is done with it; nothing gives it out again.
    after = await gallery.library.open(None, SERVER)
    assert after is not before
    assert after is await gallery.library.open(None, SERVER), "kept while nothing changes"


async def test_decisions_show_or_hide_for_good(gallery: Gallery) -> None:
    """What is approved is shown, what is removed waits no longer; both can be taken back."""
    await gallery.reindex()
    await hold(gallery)
    approved = await decide(gallery, "red0.png", approve=True)
    removed = await decide(gallery, "red1.png", approve=False)
    assert await gallery.seen(SERVER) == ALL - {"red1.png"}
    assert await waiting(gallery) == []
    assert (gallery.pictures / "red1.png").exists(), "never deleted"
    await gallery.contributions.sweep()
    assert gallery.verify() == []
    for name in (approved.id, removed.id):
        await gallery.moderation.decide(name, community=SERVER, approve=None)
    assert await waiting(gallery) == sorted(REDS)
    assert await gallery.seen(SERVER) == ALL - REDS
    # The other way round, without taking back in between.
    await decide(gallery, "red0.png", approve=False)
    await gallery.moderation.decide(approved.id, community=SERVER, approve=True)
    assert "red0.png" in await gallery.seen(SERVER)


async def test_only_what_is_held_can_be_decided(gallery: Gallery) -> None:
    """Neither a picture that nothing holds, nor one that others hold, nor one that is not there."""
    await gallery.reindex()
    await hold(gallery)
    ids = gallery.ids()
    for name, community in (
        (ids["green0.png"], SERVER),
        (ids["red0.png"], OTHER),
        ("00000000", SERVER),
    ):
        with pytest.raises(NotFound):
            await gallery.moderation.decide(name, community=community, approve=False)


async def test_new_pictures_are_judged_before_anybody_sees_them(gallery: Gallery) -> None:
    """An upload, and a file that a reindex finds, are held from the first moment on."""
    await gallery.reindex()
    await hold(gallery)
    posted = await gallery.post("red", 7, "from chat", community=SERVER)
    assert await gallery.moderation.hides(posted.id, community=SERVER)
    assert "from chat" not in await gallery.seen(SERVER)
    gallery.add("red9.png", "red", 9)
    await gallery.reindex()
    assert await waiting(gallery) == sorted([*REDS, "red9.png", "from chat"])
    assert await gallery.seen(SERVER) == ALL - REDS
    await decide(gallery, "from chat", approve=True)
    assert "from chat" in await gallery.seen(SERVER)


async def test_the_first_picture_of_a_collection_is_judged(tmp_path: Path) -> None:
    """Uploads are held where the folder was never indexed: few pictures need no collection."""
    gallery = Gallery(tmp_path, communities=SERVER)
    await hold(gallery)
    await gallery.post("red", caption="held", community=SERVER)
    with pytest.raises(EmptyCollection):
        await gallery.library.open(None, SERVER)
    await gallery.post("green", caption="shown", community=SERVER)
    assert await gallery.seen(SERVER) == {"shown"}
    gallery.close()


async def test_decisions_are_about_contents(gallery: Gallery) -> None:
    """They survive a full reindex, another name of the file and a new caption."""
    await gallery.reindex()
    await hold(gallery)
    await decide(gallery, "red0.png", approve=True)
    await decide(gallery, "red1.png", approve=False)
    for old, new in (("red0.png", "first.png"), ("red1.png", "second.png")):
        (gallery.pictures / old).rename(gallery.pictures / new)
    await gallery.reindex(full=True)
    assert await gallery.seen(SERVER) == ALL - REDS | {"first.png"}
    assert await waiting(gallery) == []


async def test_what_is_nearly_equal_to_a_removed_picture_is_held(tmp_path: Path) -> None:
    """Also where no criterion is left to hold it, until somebody approves that one, too."""
    gallery = Gallery(tmp_path, communities=SERVER, duplicate_cosine=2.0)
    for name, colour, seed in (("a.png", "red", 0), ("g.png", "green", 0)):
        gallery.add(name, colour, seed)
    await gallery.reindex()
    await hold(gallery)
    gone = await decide(gallery, "a.png", approve=False)
    await gallery.moderation.drop("red", community=SERVER)
    assert await gallery.seen(SERVER) == {"g.png"}, "a removed one stays hidden"
    # The same pixels in another file: another content, the same vector.
    other = picture_bytes("red", 0) + b"trailing bytes"
    (gallery.pictures / "b.png").write_bytes(other)
    await gallery.reindex()
    assert await waiting(gallery) == ["b.png"]
    page = await gallery.moderation.held(community=SERVER)
    [reason] = page.pictures[0].reasons
    assert reason.criterion == NEAR_DUPLICATE
    assert reason.score > 0.999
    (gallery.pictures / "a.png").unlink()
    await gallery.reindex()
    assert await waiting(gallery) == ["b.png"], "known after the first one is gone"
    await decide(gallery, "b.png", approve=True)
    assert await gallery.seen(SERVER) == {"b.png", "g.png"}
    assert gone.path == "a.png"
    gallery.close()


async def test_uploads_that_are_nearly_equal_to_a_removed_picture_are_held(
    gallery: Gallery,
) -> None:
    """From the cosine of near-duplicates on, in the chat as in the folder; not below it."""
    await gallery.reindex()
    base = gallery.snapshot()
    gone, other = base.picture_index.reconstruct(np.array([0, 5]))
    posted = replace(base.pictures[0], id="posted00", path=".uploads/posted00.jpg", sha256="new")
    overlay = Overlay(
        removed=frozenset(),
        pictures=(posted,),
        picture_vectors=gone[None],
        captions=(),
        caption_vectors=np.empty((0, len(gone)), np.float32),
    )
    held = {}
    for name, vector in (("equal", gone), ("other", other)):
        rules = Rules(SERVER, (), {}, frozenset({"removed before"}), vector[None])
        judgement = Judge().judge(base, overlay, [rules], adults=True)
        held[name] = {each.picture.id for each in judgement.waiting}
        assert judgement.hidden >= {each.picture.sha256 for each in judgement.waiting}
    assert held["equal"] == {"posted00", base.pictures[0].id}
    assert held["other"] == {base.pictures[5].id}


async def test_what_keeps_children_away_is_shown_to_adults(gallery: Gallery) -> None:
    """In places for adults alone; not what another criterion holds, nor what was removed."""
    await gallery.reindex()
    adults = Viewer(SERVER, adults=True)
    await hold(gallery, age=True)
    assert await gallery.seen(SERVER) == ALL - REDS
    assert await gallery.seen(adults) == ALL
    red = gallery.ids()["red0.png"]
    assert (await gallery.library.picture_file(red, adults))[0].id == red
    with pytest.raises(NotFound):
        await gallery.library.picture_file(red, SERVER)
    await hold(gallery, "blue")
    assert await gallery.seen(adults) == ALL - {"blue0.png", "blue1.png"}
    await decide(gallery, "red1.png", approve=False)
    assert "red1.png" not in await gallery.seen(adults)
    await hold(gallery, "red", age=False)
    assert REDS.isdisjoint(await gallery.seen(adults)), "the criterion was replaced"


async def test_persons_alone_are_looked_after_by_those_who_share(gallery: Gallery) -> None:
    """Private chats (and inline mode) show nothing that a sharing community holds back.

    What strangers hold back for themselves is of no account to anybody else.
    """
    await gallery.reindex()
    await gallery.moderation.add(Criterion("green"), community="discord:99")
    assert await gallery.seen("discord:99") == ALL - {"green0.png", "green1.png"}
    assert await gallery.seen(PERSON) == ALL
    await hold(gallery)
    for person in (PERSON, "telegram:17"):
        assert await gallery.seen(person) == ALL - REDS
        assert await waiting(gallery, person) == []
        with pytest.raises(NotFound):
            await gallery.library.picture_file(gallery.ids()["red0.png"], person)
    one, other = [await gallery.library.open(None, each) for each in (PERSON, "telegram:17")]
    assert one is other, "made once for all of them"
    await decide(gallery, "red0.png", approve=True)
    assert await gallery.seen(PERSON) == ALL - {"red1.png"}


async def test_strangers_see_nothing_that_is_held_by_the_operator_or_those_who_share(
    gallery: Gallery,
) -> None:
    """A group that anybody may make is no way round moderation; its own comes on top."""
    await gallery.reindex()
    await hold(gallery)
    await gallery.moderation.add(Criterion("blue"), community="web")
    held = REDS | {"blue0.png", "blue1.png"}
    for stranger in ("telegram:-5", "discord:99"):
        assert await gallery.seen(stranger) == ALL - held
        assert await waiting(gallery, stranger) == [], "there is nothing for them to decide"
        with pytest.raises(NotFound):
            await gallery.moderation.decide(
                gallery.ids()["red0.png"], community=stranger, approve=True
            )
    await gallery.moderation.add(Criterion("green"), community="discord:99")
    assert await gallery.seen("discord:99") == ALL - held - {"green0.png", "green1.png"}
    assert await gallery.seen("telegram:-5") == ALL - held
    assert await gallery.seen(OTHER) == ALL, "who shares it decides alone"


async def test_every_process_sees_a_change_at_once(gallery: Gallery) -> None:
    """A second library over the same data, as of another process, holds the same."""
    await gallery.reindex()
    other = Gallery(gallery.data.parent, communities=f"{SERVER} *")
    assert await other.seen(SERVER) == ALL
    await hold(gallery)
    assert await other.seen(SERVER) == ALL - REDS
    name = await held_id(gallery, "red0.png")
    await other.moderation.decide(name, community=SERVER, approve=True)
    assert await gallery.seen(SERVER) == ALL - {"red1.png"}
    other.close()


async def test_another_model_judges_anew(gallery: Gallery, tmp_path: Path) -> None:
    """Until it has encoded the criteria nothing is shown; then what it holds is."""
    await gallery.reindex()
    await hold(gallery)
    embedder = FakeEmbedder(FakeEncoder(name="other"))
    moved = Gallery(tmp_path, communities=f"{SERVER} *", embedder=embedder)
    await Reindexer(
        [moved.spec],
        catalogue=moved.catalogue,
        store=moved.store,
        overlays=moved.overlays,
        embedder=embedder,
        decoder=moved.decoder,
        clock=SystemClock(),
    ).reindex("gallery", full=True)
    with pytest.raises(ModelMismatch):
        await moved.library.open(None, SERVER)
    assert [status.pictures for status in await moved.library.status(SERVER)] == [0]
    await ChatModeration(moved.library, moved.overlays, embedder).prepare()
    # What could not be shown is not remembered as such once a change is announced.
    await moved.moderation.add(Criterion("red"), community=SERVER)
    assert await moved.seen(SERVER) == ALL - REDS
    moved.close()


async def test_criteria_are_encoded_once_at_start(gallery: Gallery) -> None:
    """A start with nothing new asks the model for nothing."""
    await hold(gallery)
    asked = len(gallery.embedder.encoder.texts)
    await gallery.moderation.prepare()
    assert len(gallery.embedder.encoder.texts) == asked


async def test_a_picture_that_is_held_is_named_by_nobody(gallery: Gallery) -> None:
    """Posting it again names no other; its id removes nothing, but for whoever added it."""
    await gallery.reindex()
    await hold(gallery)
    with pytest.raises(PictureHeld) as refused:
        await gallery.contributions.add(
            picture_bytes("red", 0), "", community=SERVER, uploader="discord:7"
        )
    assert "red0" not in str(refused.value)
    red = gallery.ids()["red0.png"]
    with pytest.raises(NotFound):
        await gallery.contributions.remove(red, community=SERVER, remover="discord:7")
    posted = await gallery.post("red", 7, community=SERVER, uploader="discord:7")
    [mine] = (await gallery.contributions.personal("discord:7")).uploads
    assert mine.held
    with pytest.raises(NotFound):
        await gallery.contributions.remove(posted.id, community=SERVER, remover="discord:8")
    gone = await gallery.contributions.remove(posted.id, community=SERVER, remover="discord:7")
    assert gone.id == posted.id


async def test_criteria_are_listed_replaced_and_given_up(gallery: Gallery) -> None:
    """One text is one criterion, whatever its case; approvals are remembered when it returns."""
    await gallery.reindex()
    await hold(gallery)
    await hold(gallery, "blue")
    await decide(gallery, "red0.png", approve=True)
    await hold(gallery, "RED", strictness=Strictness.LOW)
    criteria = await gallery.moderation.criteria(SERVER)
    assert {(each.key, each.strictness) for each in criteria} == {
        ("red", Strictness.LOW),
        ("blue", Strictness.NORMAL),
    }
    assert await gallery.moderation.criteria(OTHER) == ()
    await gallery.moderation.drop("Red", community=SERVER)
    assert await gallery.seen(SERVER) >= REDS
    with pytest.raises(NotFound):
        await gallery.moderation.drop("red", community=SERVER)
    await hold(gallery)
    assert await waiting(gallery) == ["blue0.png", "blue1.png", "red1.png"]


async def test_there_are_so_many_criteria_and_no_more(gallery: Gallery) -> None:
    """The one too many is refused and nothing is kept of it; replacing one is not."""
    for number in range(MAX_CRITERIA):
        await hold(gallery, f"thing {number}")
    with pytest.raises(BadSetting):
        await hold(gallery, "one more")
    await hold(gallery, "thing 3", strictness=Strictness.HIGH)
    assert len(await gallery.moderation.criteria(SERVER)) == MAX_CRITERIA


async def test_a_test_holds_nothing_and_counts_past_decisions(gallery: Gallery) -> None:
    """It counts what each strictness would hold, with precision on what was decided before."""
    await gallery.reindex()
    trial = await gallery.moderation.test("red", community=SERVER, best=3)
    assert await gallery.seen(SERVER) == ALL
    assert await gallery.moderation.criteria(SERVER) == ()
    assert trial.pictures == 10
    assert {picture.path for picture, _ in trial.best[:2]} == REDS
    assert len(trial.best) == 3
    assert [level.precision for level in trial.levels] == [None, None, None]
    by_level = {level.strictness: level.held for level in trial.levels}
    assert 2 == by_level[Strictness.NORMAL] <= by_level[Strictness.HIGH]
    await hold(gallery)
    await decide(gallery, "red0.png", approve=True)
    await decide(gallery, "red1.png", approve=False)
    trial = await gallery.moderation.test("red", community=SERVER)
    [level] = [each for each in trial.levels if each.strictness is Strictness.NORMAL]
    assert (level.held, level.removed, level.approved) == (2, 1, 1), "decided ones are tested, too"
    assert level.precision == 0.5
    with pytest.raises(NotFound):
        await gallery.moderation.test("red", community=SERVER, collection="other")


async def test_a_test_ranks_every_picture_that_is_left(gallery: Gallery) -> None:
    """Scores come in the order of the pictures, without those that were removed in chat."""
    await gallery.reindex()
    gone = gallery.ids()["red1.png"]
    await gallery.contributions.remove(gone, community=SERVER, remover="discord:7")
    await gallery.post("red", 5, "posted", community=SERVER)
    pictures, scores = await gallery.moderation.scores("red", community=SERVER)
    assert len(pictures) == len(scores) == 10
    best = [pictures[row] for row in np.argsort(-scores)[:2]]
    assert {named(picture) for picture in best} == {"red0.png", "posted"}


async def test_moderation_follows_a_community_and_ends_with_it(gallery: Gallery) -> None:
    """A group that moves keeps criteria and decisions; one that is left for good keeps none."""
    await gallery.reindex()
    await hold(gallery)
    await decide(gallery, "red0.png", approve=True)
    await gallery.contributions.moved(SERVER, OTHER)
    assert await gallery.seen(SERVER) == ALL
    assert await gallery.seen(OTHER) == ALL - {"red1.png"}
    assert [each.text for each in await gallery.moderation.criteria(OTHER)] == ["red"]
    await gallery.contributions.left(OTHER)
    gallery.now += 8 * 86_400
    await gallery.contributions.sweep()
    assert await gallery.seen(OTHER) == ALL
    assert await gallery.moderation.criteria(OTHER) == ()


async def test_a_large_collection_is_judged_by_what_is_usual_in_it(tmp_path: Path) -> None:
    """With sixty pictures scores are those of the collection, and red still stands out."""
    gallery = Gallery(tmp_path, communities=SERVER)
    for seed in range(20):
        for colour in ("green", "blue", "yellow"):
            gallery.add(f"{colour}{seed}.png", colour, seed)
    gallery.add("red.png", "red", 99)
    await gallery.reindex()
    await hold(gallery, strictness=Strictness.LOW)
    assert await waiting(gallery) == ["red.png"]
    posted = await gallery.post("red", 5, community=SERVER)
    assert await gallery.moderation.hides(posted.id, community=SERVER)
    gallery.close()
