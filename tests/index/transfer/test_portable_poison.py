"""Vectors of an export are somebody's word: nobody else's pictures are found by them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from bot.engine.engine import SystemClock
from index.indexing.reindexer import Reindexer
from index.library.library import CollectionSpec
from index.maintenance.verify import verify_collection
from tests.galleries import Gallery
from tests.portable_parts import export, put_tensors, take, take_tried, take_whole

_COLOURS = ("red", "blue", "green", "yellow")


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[Gallery]:
    """Where the export comes from: four pictures with captions."""
    gallery = Gallery(tmp_path / "old")
    for seed, colour in enumerate(_COLOURS):
        gallery.add(f"{colour}.png", colour, seed, caption=f"a {colour} thing")
    yield gallery
    gallery.close()


class Installation:
    """A collection that imports, and beside it one with equal pictures of its own."""

    def __init__(self, home: Path, pictures: Path) -> None:
        self.importing = Gallery(home / "new")
        self.other = CollectionSpec("other", home / "other", frozenset({"web"}))
        shutil.copytree(pictures, self.other.folder)

    async def reindex_other(self, *, full: bool = False) -> None:
        """Index the pictures beside the imported ones."""
        gallery = self.importing
        reindexer = Reindexer(
            [self.other],
            catalogue=gallery.catalogue,
            store=gallery.store,
            overlays=gallery.overlays,
            embedder=gallery.embedder,
            decoder=gallery.decoder,
            clock=SystemClock(),
        )
        await reindexer.reindex(self.other.name, full=full)

    def vectors(self, collection: str) -> np.ndarray:
        """Of pictures and captions by path, as they are searched."""
        snapshot = self.importing.store.current(collection)
        assert snapshot is not None
        order = sorted(range(len(snapshot.pictures)), key=lambda row: snapshot.pictures[row].path)
        captions = sorted(range(len(snapshot.captions)), key=lambda row: snapshot.captions[row][0])
        return np.concatenate(
            [
                snapshot.picture_index.reconstruct(np.array(order)),
                snapshot.caption_index.reconstruct(np.array(captions)),
            ]
        )

    def differences(self) -> list[str]:
        """What verify says of both."""
        gallery = self.importing
        return [
            str(each.message)
            for spec in (gallery.spec, self.other)
            for each in verify_collection(gallery.catalogue, gallery.store, gallery.overlays, spec)
        ]


@pytest.fixture
async def there(honest: Gallery, tmp_path: Path) -> Installation:
    """An installation that has neither indexed nor imported anything; the export is ``out``."""
    await honest.reindex()
    export(honest, tmp_path / "out")
    return Installation(tmp_path, honest.pictures)


@pytest.fixture
async def right(honest: Gallery, tmp_path: Path) -> np.ndarray:
    """The vectors that pictures and captions have by right."""
    alone = Installation(tmp_path / "alone", honest.pictures)
    await alone.reindex_other()
    return alone.vectors("other")


def tamper(folder: Path, rows: int = 4) -> None:
    """Give the last ``rows`` pictures and captions each the vector of the one before."""
    tensors = load_file(folder / "vectors.safetensors")
    changed = {}
    for name in ("pictures", "captions"):
        one = tensors[name].copy()
        one[-rows:] = np.roll(one[-rows:], 1, axis=0)
        changed[name] = one
    put_tensors(folder, **changed)


async def test_equal_pictures_elsewhere_get_their_own_vectors(
    there: Installation, right: np.ndarray, tmp_path: Path
) -> None:
    """Also where no sample had a wrong one in it, and verify tells of the collection that has."""
    tamper(tmp_path / "out")
    await take_whole(there.importing, tmp_path / "out", size=0)
    assert not np.allclose(there.vectors("gallery"), right, atol=1e-6)
    await there.reindex_other()
    np.testing.assert_allclose(there.vectors("other"), right, atol=1e-6)
    [told] = there.differences()
    assert "other vectors than the catalogue" in told


async def test_vectors_that_are_there_are_not_replaced(
    there: Installation, right: np.ndarray, tmp_path: Path
) -> None:
    """An import changes nothing for a collection that has equal pictures already."""
    await there.reindex_other()
    tamper(tmp_path / "out")
    await take_whole(there.importing, tmp_path / "out", size=0)
    await there.reindex_other(full=False)
    for collection in ("other", "gallery"):
        np.testing.assert_allclose(there.vectors(collection), right, atol=1e-6)
    assert there.differences() == []


async def test_one_wrong_vector_in_the_sample_is_enough(
    there: Installation, right: np.ndarray, tmp_path: Path
) -> None:
    """Then nothing of the export is believed: everything is encoded anew."""
    tamper(tmp_path / "out", rows=2)
    taken = await take_tried(there.importing, tmp_path / "out", size=4)
    assert (taken.vectors, taken.tried, taken.wrong) == (8, 8, 4)
    await there.importing.reindex()
    np.testing.assert_allclose(there.vectors("gallery"), right, atol=1e-6)
    assert there.importing.embedder.pictures_encoded == 4 + 4, "to compare, and all of them"


async def test_an_honest_export_costs_its_sample(
    there: Installation, right: np.ndarray, tmp_path: Path
) -> None:
    """What was tried is as good as our own, and is shared; the rest is encoded once more."""
    taken = await take_tried(there.importing, tmp_path / "out", size=1)
    assert (taken.vectors, taken.tried, taken.wrong) == (8, 2, 0)
    await there.importing.reindex()
    assert there.importing.embedder.pictures_encoded == 1
    await there.reindex_other()
    assert there.importing.embedder.pictures_encoded == 1 + 3
    for collection in ("other", "gallery"):
        np.testing.assert_allclose(there.vectors(collection), right, atol=1e-6)
    assert there.differences() == []


async def test_no_vectors_of_another_model_are_kept(there: Installation, tmp_path: Path) -> None:
    """Nobody here can tell what they are worth, now or once that model is loaded."""
    take(there.importing, tmp_path / "out")
    with there.importing.overlays.read() as connection:
        for table in ("picture_vectors", "caption_vectors"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


async def test_a_second_vector_of_the_same_picture_does_not_count(
    there: Installation, honest: Gallery, right: np.ndarray, tmp_path: Path
) -> None:
    """Of equal pictures the vector that was tried is the one that is taken in."""
    honest.write("z-red.png", (honest.pictures / "red.png").read_bytes())
    await honest.reindex()
    export(honest, tmp_path / "twice")
    tensors = load_file(tmp_path / "twice" / "vectors.safetensors")
    changed = tensors["pictures"].copy()
    changed[-1] = changed[0]
    put_tensors(tmp_path / "twice", pictures=changed)
    taken = await take_tried(there.importing, tmp_path / "twice", size=4)
    assert taken.wrong == 0
    await there.importing.reindex()
    await there.reindex_other()
    np.testing.assert_allclose(there.vectors("other"), right, atol=1e-6)
