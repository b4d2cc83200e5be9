"""Pictures that move in a collection: one picture with several vectors, from start to deletion."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import select, update

from core.domain.types import Hit
from core.search.service import Search
from index.catalogue.schema import picture_vectors
from index.maintenance.verify import verify_index
from index.snapshots.snapshot import FRAMES
from index.vectors.tuning import IndexRules
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.moving import animation

LAYERED = IndexRules(layered_from=1, layered_share=10.0)


def clip(*colours: str, seed: int = 0) -> bytes:
    """A GIF of these colours, which the fake decoder shows for a second each."""
    data = (picture_bytes(colour, seed=seed, edge=32) for colour in colours)
    return animation([Image.open(BytesIO(each)).convert("RGB") for each in data])


async def best(gallery: Gallery, words: str) -> Hit:
    """The first hit of a question."""
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    return (await search.find(words, community="web", k=1)).hits[0]


def frames_on_disk(gallery: Gallery) -> list[Path]:
    """Files of frames below the index."""
    return sorted((gallery.data / "index").rglob(FRAMES))


async def test_a_hit_is_the_best_frame_and_says_where(tmp_path: Path) -> None:
    """In a whole generation, over it as a change, after a restart, and gone when it is deleted."""
    gallery = Gallery(tmp_path, rules=LAYERED)
    for colour in ("red", "blue", "green"):
        gallery.add(f"{colour}.png", colour)
    await gallery.reindex()
    assert frames_on_disk(gallery) == []
    gallery.write("clip.gif", clip("black", "cyan", "black"))
    report = await gallery.reindex()
    assert (report.added, report.failed) == (1, ())
    hit = await best(gallery, "cyan")
    assert (hit.picture.path, hit.at_s) == ("clip.gif", 1.0)
    assert (await best(gallery, "red")).at_s is None
    # Equal frames are one: black, cyan.
    with gallery.catalogue.database.read() as connection:
        [stored] = connection.execute(
            select(picture_vectors.c.frames).where(picture_vectors.c.frames.is_not(None))
        ).scalars()
    assert len(stored) == 2 * 4 * (1 + gallery.embedder.identity.dimension)
    assert len(frames_on_disk(gallery)) == 1
    assert verify_index(gallery.store, gallery.name) == []
    again = Gallery(tmp_path, rules=LAYERED)
    assert (await best(again, "cyan")).at_s == 1.0
    (gallery.pictures / "clip.gif").unlink()
    await gallery.reindex()
    assert (await best(gallery, "cyan")).picture.path != "clip.gif"
    with gallery.catalogue.database.read() as connection:
        assert not connection.execute(
            select(picture_vectors.c.sha256).where(picture_vectors.c.frames.is_not(None))
        ).all()


async def test_more_like_it_goes_by_the_closest_frame(tmp_path: Path) -> None:
    """And two of the same beginning are two, where they are found by what differs."""
    gallery = Gallery(tmp_path)
    gallery.add("red.png", "red")
    gallery.add("blue.png", "blue")
    gallery.write("one.gif", clip("white", "red", seed=1))
    gallery.write("two.gif", clip("white", "cyan", seed=1))
    gallery.write("three.gif", clip("black", "blue", seed=2))
    await gallery.reindex()
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    page = await search.find("anything", community="web", k=5)
    ids = {hit.picture.path: hit.picture.id for hit in page.hits}
    for path, closest, at_s in (("three.gif", "blue.png", None), ("one.gif", "two.gif", 0.0)):
        like = await search.more_like(ids[path], community="web", k=1)
        assert [(hit.picture.path, hit.at_s) for hit in like.hits] == [(closest, at_s)]
    cyan = await best(gallery, "cyan")
    assert (cyan.picture.path, cyan.at_s) == ("two.gif", 1.0)


async def test_a_posted_clip_is_described_and_classified_by_all_of_it(tmp_path: Path) -> None:
    """By the frame that comes closest to a caption, and for each label by the one that fits it."""
    gallery = Gallery(tmp_path)
    for colour in ("cyan", "orange"):
        gallery.add(f"{colour}.png", colour, caption=colour)
    await gallery.reindex()
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    posted = clip("black", "black", "cyan")
    described = await search.describe(posted, community="web", k=1)
    assert described.hits[0].caption == "cyan"
    fitting = (await search.classify(posted, ["cyan", "orange", "green"])).labels
    assert fitting[0].label == "cyan"


async def test_damaged_frames_are_found_and_made_anew(tmp_path: Path) -> None:
    """Verification names the picture; what repairs it encodes it again."""
    gallery = Gallery(tmp_path)
    gallery.write("clip.gif", clip("black", "cyan"))
    await gallery.reindex()
    table = picture_vectors
    with gallery.catalogue.database.write() as connection:
        wrong = np.full(2 * (1 + gallery.embedder.identity.dimension), 7, "<f4").tobytes()
        connection.execute(update(table).where(table.c.frames.is_not(None)).values(frames=wrong))
    [difference] = verify_index(gallery.store, gallery.name)
    assert "clip.gif has damaged vectors of its frames" in difference.message
    assert difference.suspects.pictures
