"""Labels of a collection: kept in the catalogue, seen by every process, tags by what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from core.domain.errors import BadLabels, CommunityUnknown, EncodingFailed, NotFound, UnknownLabel
from core.domain.types import UPLOADED, Lane
from core.search.moderation import Criterion
from core.search.query import SearchQuery
from core.search.service import Search
from index.catalogue.schema import labels as table
from index.library.labels import StoredLabels
from tests.fakes import FakeEmbedder, FakeEncoder
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("database")

COLOURS = ("red", "green", "blue")
SERVER, STRANGER = "discord:1", "discord:2"


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    """Two pictures of each of three colours, open to everybody, shared by one server."""
    made = Gallery(tmp_path, communities=f"{SERVER} *", duplicate_cosine=2)
    for colour in COLOURS:
        for seed in range(2):
            made.add(f"{colour}{seed}.png", colour, seed)
    yield made
    made.close()


def labels_of(gallery: Gallery, embedder: FakeEmbedder | None = None) -> StoredLabels:
    """The labels as a process sees them that starts now."""
    return StoredLabels(gallery.overlays, embedder or gallery.embedder)


def searching(gallery: Gallery, labels: StoredLabels) -> Search:
    """A search over the gallery with these labels."""
    return Search(gallery.library, gallery.embedder, gallery.decoder, labels=labels)


async def found(search: Search, label: str, community: str = SERVER) -> set[str]:
    """The paths, or captions, of all pictures with a label."""
    result = await search.find(SearchQuery("", (label,)), community=community, k=100)
    shown = [hit.picture for hit in result.hits]
    return {each.caption if each.path.startswith(UPLOADED) else each.path for each in shown}


async def test_labels_outlive_the_process(gallery: Gallery) -> None:
    """Another one reads the very vectors, without asking the encoder."""
    kept = await labels_of(gallery).replace("gallery", [*COLOURS, "RED"])
    assert kept.labels == COLOURS
    assert gallery.embedder.lanes[Lane.CHAT] == 0, "long work goes into the bulk lane"
    before = gallery.embedder.texts_encoded
    again = labels_of(gallery)
    await again.prepare()
    read = again.of("gallery")
    assert read is not None
    assert gallery.embedder.texts_encoded == before
    assert read.labels == COLOURS
    np.testing.assert_array_equal(read.words, kept.words)
    np.testing.assert_array_equal(read.everyday, kept.everyday)
    assert again.of("other") is None


async def test_what_another_process_changes_is_seen(gallery: Gallery) -> None:
    """And while nothing changes, it is the same object, by which tags are kept."""
    mine, other = labels_of(gallery), labels_of(gallery)
    assert mine.of("gallery") is None
    await other.replace("gallery", ["red"])
    first = mine.of("gallery")
    assert first is not None
    assert mine.of("gallery") is first
    await other.replace("elsewhere", ["blue"])
    assert mine.of("gallery") is first
    await other.replace("gallery", ["green"])
    second = mine.of("gallery")
    assert second is not None
    assert second.labels == ("green",)
    assert await other.clear("gallery")
    assert mine.of("gallery") is None
    assert not await other.clear("gallery")


async def test_labels_that_fail_leave_those_before(gallery: Gallery) -> None:
    """Bad ones, and one that the model cannot encode."""
    encoder = FakeEncoder(fails_on=lambda text: "impossible" in text)
    labels = labels_of(gallery, FakeEmbedder(encoder))
    await labels.replace("gallery", ["red"])
    with pytest.raises(BadLabels):
        await labels.replace("gallery", [""])
    with pytest.raises(EncodingFailed):
        await labels.replace("gallery", ["blue", "impossible"])
    read = labels.of("gallery")
    assert read is not None
    assert read.labels == ("red",)


async def test_another_model_understands_them_anew(gallery: Gallery) -> None:
    """Vectors of two models are never mixed; the labels are encoded at the next start."""
    old = labels_of(gallery)
    first = await old.replace("gallery", COLOURS)
    new = labels_of(gallery, FakeEmbedder(FakeEncoder(name="another")))
    assert new.of("gallery") is None
    await new.prepare()
    second = new.of("gallery")
    assert second is not None
    assert second.labels == COLOURS
    assert not np.allclose(second.words, first.words)
    # Whoever still runs the old model keeps what it needs.
    kept = old.of("gallery")
    assert kept is not None
    np.testing.assert_array_equal(kept.words, first.words)
    # What is replaced or cleared is so for every model.
    await old.replace("gallery", ["red"])
    assert new.of("gallery") is None
    await new.prepare()
    third = new.of("gallery")
    assert third is not None
    assert third.labels == ("red",)
    await new.clear("gallery")
    assert old.of("gallery") is None


async def test_what_comes_in_is_tagged_at_once(gallery: Gallery) -> None:
    """By a reindex and by an upload; what is renamed keeps its tag, what is gone has none."""
    await gallery.reindex()
    labels = labels_of(gallery)
    await labels.replace("gallery", COLOURS)
    search = searching(gallery, labels)
    assert await found(search, "red") == {"red0.png", "red1.png"}
    gallery.add("red9.png", "red", 9)
    (gallery.pictures / "red0.png").rename(gallery.pictures / "renamed.png")
    (gallery.pictures / "red1.png").unlink()
    await gallery.reindex()
    assert await found(search, "red") == {"red9.png", "renamed.png"}
    posted = await gallery.post("red", 50, "mine", community=SERVER)
    assert await found(search, "red") == {"red9.png", "renamed.png", "mine"}
    more = await search.more_like(posted.id, community=SERVER, k=2)
    assert {hit.tag for hit in more.hits} == {"red"}
    await gallery.contributions.remove(posted.id, community=SERVER, remover="discord:7")
    assert await found(search, "red") == {"red9.png", "renamed.png"}
    await gallery.reindex(full=True)
    assert await found(search, "red") == {"red9.png", "renamed.png"}


async def test_tags_show_nothing_that_a_community_does_not_see(gallery: Gallery) -> None:
    """Uploads of others, and what moderation holds, stay away under every label."""
    await gallery.reindex()
    labels = labels_of(gallery)
    await labels.replace("gallery", COLOURS)
    search = searching(gallery, labels)
    await gallery.post("green", 50, "shared", community=SERVER)
    await gallery.post("green", 51, "theirs", community=STRANGER)
    greens = {"green0.png", "green1.png", "shared"}
    assert await found(search, "green") == greens
    assert await found(search, "green", STRANGER) == {*greens, "theirs"}
    await gallery.moderation.add(Criterion("red"), community=SERVER)
    assert await found(search, "red") == set()
    assert await found(search, "red", STRANGER) == set()


async def test_labels_of_a_collection_that_is_not_for_a_community_are_not_told(
    tmp_path: Path,
) -> None:
    """Its names of labels are no more to be learnt there than its pictures."""
    gallery = Gallery(tmp_path, communities=SERVER)
    gallery.add("red.png")
    await gallery.reindex()
    labels = labels_of(gallery)
    await labels.replace("gallery", ["secret"])
    search = searching(gallery, labels)
    with pytest.raises((NotFound, CommunityUnknown)) as refused:
        await search.find(SearchQuery("", ("x",)), collection="gallery", community=STRANGER)
    assert "secret" not in str(refused.value)
    with pytest.raises(UnknownLabel, match="secret"):
        await search.find(SearchQuery("", ("x",)), community=SERVER)
    gallery.close()


async def test_nothing_of_any_picture_is_kept(gallery: Gallery) -> None:
    """Who deletes an upload need not look for its tag: the rows name labels alone."""
    await gallery.reindex()
    labels = labels_of(gallery)
    await labels.replace("gallery", COLOURS)
    posted = await gallery.post("red", 50, "mine", community=SERVER)
    await found(searching(gallery, labels), "red")
    with gallery.overlays.read() as connection:
        rows = connection.execute(select(table)).all()
    assert len(rows) == 1
    assert not re.search(f"{posted.id}|{posted.sha256}", repr(rows))
