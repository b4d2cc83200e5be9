"""What every catalogue keeps, whatever database is below it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import CatalogueError
from core.domain.types import Failure, ModelIdentity, Vectors
from index.catalogue.catalogue import Catalogue
from index.catalogue.folders import MadeOf
from index.catalogue.ids import ALPHABET, LENGTH, fresh_ids
from index.catalogue.records import (
    BadFile,
    Batch,
    CaptionVector,
    Changes,
    IndexedPicture,
    NewPicture,
    PictureVector,
    Stamp,
    text_hash,
)
from tests.fakes import hashed_unit

MODEL = ModelIdentity(name="one", fingerprint="1" * 64, dimension=8)
OTHER = ModelIdentity(name="two", fingerprint="2" * 64, dimension=8)


@pytest.fixture(
    params=[
        pytest.param(lambda folder: folder / "catalogue.sqlite", id="path"),
        pytest.param(lambda folder: f"sqlite:///{folder / 'by-url.sqlite'}", id="url"),
        pytest.param(None, id="postgresql", marks=pytest.mark.process),
    ]
)
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    """An empty catalogue."""
    at = request.param
    opened = Catalogue.open(at(tmp_path) if at else request.getfixturevalue("postgresql_url"))
    yield opened
    opened.close()


def _sha(key: str) -> str:
    return text_hash(key)


def _vector(key: str, model: ModelIdentity = MODEL) -> Vectors:
    return hashed_unit((model.name + key).encode(), model.dimension)


def _new(path: str, *captions: str, content: str | None = None) -> NewPicture:
    return NewPicture(path, _sha(content or path), 30, 20, captions)


def _changes(
    added: tuple[NewPicture, ...] = (),
    changed: tuple[IndexedPicture, ...] = (),
    removed: tuple[str, ...] = (),
    failures: tuple[BadFile, ...] = (),
    paths: frozenset[str] = frozenset(),
) -> Changes:
    return Changes(added, changed, removed, failures, paths)


def _fill(
    catalogue: Catalogue,
    *pictures: NewPicture,
    collection: str = "c",
    model: ModelIdentity = MODEL,
    full: bool = False,
    remove: bool = False,
) -> int:
    """One whole run that adds these pictures, or puts them in the place of all others."""
    run = catalogue.begin_run(collection, model.fingerprint, full=full)
    vectors = tuple(
        PictureVector(new.sha256, new.width, new.height, _vector(new.sha256, model))
        for new in pictures
    )
    texts = tuple(
        CaptionVector(text, _vector(text, model)) for new in pictures for text in new.captions
    )
    batch = Batch(pictures=vectors, captions=texts)
    catalogue.save(run, collection, model.fingerprint, batch, done=1, total=2)
    removed = tuple(old.id for old in catalogue.known(collection).pictures) if remove else ()
    return catalogue.apply(run, collection, model, _changes(pictures, removed=removed))


def _stored(catalogue: Catalogue, collection: str = "c") -> tuple[list[str], Vectors, Vectors]:
    with catalogue.contents(collection) as contents:
        return (
            [picture.path for picture in contents.pictures],
            np.concatenate(list(contents.picture_vectors()) or [np.empty((0, 8))]),
            np.concatenate(list(contents.caption_vectors()) or [np.empty((0, 8))]),
        )


def test_an_unknown_collection_is_empty(catalogue: Catalogue) -> None:
    """A name that nobody has indexed holds nothing; asking for it is no error."""
    assert catalogue.identity("c") is None
    assert catalogue.generation("c") == 0
    assert catalogue.counts("c") == (0, 0)
    assert catalogue.failures("c") == ()
    assert catalogue.known("c").pictures == ()
    assert catalogue.unfinished_run("c") is None
    with catalogue.contents("c") as contents:
        assert contents.pictures == contents.captions == ()
        assert list(contents.picture_vectors()) == []


def test_rows_and_vectors_belong_together(catalogue: Catalogue) -> None:
    """Pictures come by path, each with its own vector, and captions with theirs in order."""
    _fill(catalogue, _new("b.png", "two", "second"), _new("a.png"), _new("c.png", "three"))
    paths, pictures, captions = _stored(catalogue)
    assert paths == ["a.png", "b.png", "c.png"]
    np.testing.assert_array_equal(pictures, [_vector(_sha(path)) for path in paths])
    np.testing.assert_array_equal(captions, [_vector(t) for t in ("two", "second", "three")])
    with catalogue.contents("c") as contents:
        assert contents.captions == (("two", 1), ("second", 1), ("three", 2))
        assert [picture.caption for picture in contents.pictures] == ["", "two", "three"]
    assert catalogue.counts("c") == (3, 3)


def test_copies_share_one_vector(catalogue: Catalogue) -> None:
    """Two paths with the same bytes, and two captions with the same words, need one vector."""
    _fill(catalogue, _new("a.png", "same", content="x"), _new("b.png", "same", content="x"))
    paths, pictures, captions = _stored(catalogue)
    assert len(paths) == len(pictures) == len(captions) == 2
    assert catalogue.encoded_pictures(MODEL.fingerprint) == {_sha("x"): (30, 20)}
    assert catalogue.encoded_captions(MODEL.fingerprint) == {text_hash("same")}


def test_ids_are_opaque_and_never_used_again(catalogue: Catalogue) -> None:
    """An id is eight characters of Crockford's alphabet; a removed one does not come back."""
    seen: set[str] = set()
    for _ in range(5):
        _fill(catalogue, *(_new(f"{number}.png") for number in range(40)), remove=True)
        given = {picture.id for picture in catalogue.known("c").pictures}
        assert len(given) == 40
        assert not given & seen
        seen |= given
    assert all(len(each) == LENGTH and set(each) <= set(ALPHABET) for each in seen)


def test_a_taken_id_is_not_given(catalogue: Catalogue) -> None:
    """Where chance would give an id of a picture, an upload or a removed one, another is taken."""
    _fill(catalogue, _new("a.png"))
    [removed] = catalogue.known("c").pictures
    _fill(catalogue, _new("b.png"), remove=True)
    [present] = catalogue.known("c").pictures
    with catalogue.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO uploads VALUES"
            " ('up000000', 'c', '', 'web', 'w:1', '', '', 1, 1, '', '', 0, 0, '', '', '', '0', '')"
        )
    chances = iter(
        [removed.id, present.id, removed.id, "up000000", "00000001", "00000001", "00000002"]
    )
    with catalogue.database.read() as connection:
        fresh = fresh_ids(connection, 2, lambda: next(chances))
    assert set(fresh) == {"00000001", "00000002"}


def test_two_pictures_swap_their_paths(catalogue: Catalogue) -> None:
    """A path may pass from one picture to another within one change."""
    _fill(catalogue, _new("a.png"), _new("b.png"))
    a, b = catalogue.known("c").pictures
    swapped = tuple(
        IndexedPicture(old.id, path, old.sha256, old.width, old.height, ("new",))
        for old, path in ((a, "b.png"), (b, "a.png"))
    )
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    assert catalogue.apply(run, "c", MODEL, _changes(changed=swapped)) == 2
    known = catalogue.known("c").pictures
    assert [(each.path, each.id, each.captions) for each in known] == [
        ("a.png", b.id, ("new",)),
        ("b.png", a.id, ("new",)),
    ]


def test_a_caption_without_vector_is_left_out(catalogue: Catalogue) -> None:
    """A caption that the model could not encode is shown, but has no row to search."""
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    picture = _new("a.png", "not encoded", "encoded")
    vector = PictureVector(picture.sha256, 30, 20, _vector(picture.sha256))
    batch = Batch(pictures=(vector,), captions=(CaptionVector("encoded", _vector("encoded")),))
    catalogue.save(run, "c", MODEL.fingerprint, batch, done=1, total=1)
    catalogue.apply(run, "c", MODEL, _changes((picture,)))
    with catalogue.contents("c") as contents:
        assert contents.captions == (("encoded", 0),)
        assert contents.pictures[0].caption == "not encoded"
        assert sum(len(block) for block in contents.caption_vectors()) == 1


def test_a_missing_picture_vector_is_an_error(catalogue: Catalogue) -> None:
    """A picture without a vector is reported with the remedy, never skipped."""
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    catalogue.apply(run, "c", MODEL, _changes((_new("a.png"),)))
    with pytest.raises(CatalogueError, match="--full"), catalogue.contents("c") as contents:
        list(contents.picture_vectors())


def test_the_generation_counts_what_searches_see(catalogue: Catalogue) -> None:
    """It counts up by one with a change, and stays where nothing has changed."""
    assert _fill(catalogue, _new("a.png")) == 1
    assert _fill(catalogue) == 1
    assert _fill(catalogue, _new("b.png")) == 2
    assert _fill(catalogue, full=True) == 3
    assert catalogue.generation("c") == 3
    assert catalogue.generation("d") == 0


def test_another_folder_is_another_generation(catalogue: Catalogue) -> None:
    """Where it takes pictures out, which no search may show any more; else nothing changes."""
    _fill(catalogue, _new("a.png"), _new("b.png"))
    catalogue.begin_folder("c", MadeOf("/first"))
    assert catalogue.generation("c") == 1
    gone = [each.id for each in catalogue.known("c").pictures if each.path == "a.png"]
    catalogue.begin_folder("c", MadeOf("/second"), gone)
    assert catalogue.generation("c") == 2
    assert _stored(catalogue)[0] == ["b.png"]


def test_saved_work_is_invisible_until_applied(catalogue: Catalogue) -> None:
    """What a killed run has saved changes no search, and the next run finds it."""
    _fill(catalogue, _new("a.png"))
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    batch = Batch(
        stamps=(Stamp("b.png", 10, 20, _sha("b.png")),),
        pictures=(PictureVector(_sha("b.png"), 3, 4, _vector("b")),),
        failures=(BadFile(Failure("bad.png", "damaged_picture", "cut"), _sha("bad"), 1, 2),),
    )
    catalogue.save(run, "c", MODEL.fingerprint, batch, done=7, total=9)
    assert _stored(catalogue)[0] == ["a.png"]
    progress = catalogue.unfinished_run("c")
    assert progress is not None
    assert (progress.run, progress.done, progress.total) == (run, 7, 9)
    again = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    assert again > run
    known = catalogue.known("c")
    assert known.stamps["b.png"] == Stamp("b.png", 10, 20, _sha("b.png"))
    assert known.bad[_sha("bad")].failure.reason == "cut"
    assert catalogue.encoded_pictures(MODEL.fingerprint)[_sha("b.png")] == (3, 4)


def test_a_killed_full_run_goes_on(catalogue: Catalogue) -> None:
    """A full run counts only what it has encoded itself, before and after a kill."""
    _fill(catalogue, _new("a.png"), _new("b.png"))
    run = catalogue.begin_run("c", MODEL.fingerprint, full=True)
    assert catalogue.encoded_pictures(MODEL.fingerprint, since_run=run) == {}
    batch = Batch(pictures=(PictureVector(_sha("a.png"), 1, 1, _vector("a")),))
    catalogue.save(run, "c", MODEL.fingerprint, batch, done=1, total=2)
    assert catalogue.begin_run("c", MODEL.fingerprint, full=True) == run
    assert set(catalogue.encoded_pictures(MODEL.fingerprint, since_run=run)) == {_sha("a.png")}
    catalogue.apply(run, "c", MODEL, _changes())
    assert catalogue.begin_run("c", MODEL.fingerprint, full=True) > run


def test_another_model_is_built_beside(catalogue: Catalogue) -> None:
    """The old model's vectors serve until the new one's are complete, then they go."""
    _fill(catalogue, _new("a.png"))
    run = catalogue.begin_run("c", OTHER.fingerprint, full=True)
    batch = Batch(pictures=(PictureVector(_sha("a.png"), 1, 1, _vector("a", OTHER)),))
    catalogue.save(run, "c", OTHER.fingerprint, batch, done=1, total=1)
    assert catalogue.identity("c") == MODEL
    np.testing.assert_array_equal(_stored(catalogue)[1], [_vector(_sha("a.png"))])
    catalogue.apply(run, "c", OTHER, _changes())
    assert catalogue.identity("c") == OTHER
    np.testing.assert_array_equal(_stored(catalogue)[1], [_vector("a", OTHER)])
    assert catalogue.encoded_pictures(MODEL.fingerprint) == {}


def test_vectors_in_use_elsewhere_stay(catalogue: Catalogue) -> None:
    """What another collection shows, or another reindex is collecting, is not thrown away."""
    _fill(catalogue, _new("a.png", "red"), _new("b.png"))
    _fill(catalogue, _new("a.png", "red"), collection="d")
    run = catalogue.begin_run("e", MODEL.fingerprint, full=False)
    batch = Batch(pictures=(PictureVector(_sha("e"), 1, 1, _vector("e")),))
    catalogue.save(run, "e", MODEL.fingerprint, batch, done=1, total=1)
    _fill(catalogue, remove=True)
    assert set(catalogue.encoded_pictures(MODEL.fingerprint)) >= {_sha("a.png"), _sha("e")}
    catalogue.apply(run, "e", MODEL, _changes((_new("e.png", content="e"),)))
    assert set(catalogue.encoded_pictures(MODEL.fingerprint)) == {_sha("a.png"), _sha("e")}
    assert catalogue.encoded_captions(MODEL.fingerprint) == {text_hash("red")}


def test_failures_are_those_of_the_last_run(catalogue: Catalogue) -> None:
    """Every run states all failures anew; what works now is forgotten, and gone stamps too."""
    bad = BadFile(Failure("a.png", "damaged_picture", "cut"), _sha("a"), 1, 2)
    gone = BadFile(Failure("b.png", "source", "missing"))
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    stamps = (Stamp("a.png", 1, 2, _sha("a")), Stamp("z.png", 1, 2, _sha("z")))
    catalogue.save(
        run, "c", MODEL.fingerprint, Batch(stamps=stamps, failures=(bad,)), done=1, total=1
    )
    catalogue.apply(
        run, "c", MODEL, _changes(failures=(bad, gone, gone), paths=frozenset({"a.png"}))
    )
    assert catalogue.failures("c") == (bad.failure, gone.failure, gone.failure)
    known = catalogue.known("c")
    assert set(known.bad) == {_sha("a")}
    assert set(known.stamps) == {"a.png"}
    _fill(catalogue)
    assert catalogue.failures("c") == ()


def test_a_failed_change_leaves_nothing_behind(catalogue: Catalogue) -> None:
    """Where one row of a change is impossible, none of it is kept."""
    _fill(catalogue, _new("a.png"))
    before = catalogue.known("c")
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    with pytest.raises(CatalogueError):
        catalogue.apply(run, "c", OTHER, _changes((_new("b.png"), _new("a.png"))))
    assert catalogue.known("c") == before
    assert catalogue.generation("c") == 1


def test_a_view_is_of_one_moment(catalogue: Catalogue) -> None:
    """What is committed while a view is open does not show in it."""
    _fill(catalogue, _new("a.png"))
    with catalogue.contents("c") as contents:
        assert contents.generation == 1
        _fill(catalogue, _new("b.png"))
        assert [picture.path for picture in contents.pictures] == ["a.png"]
        assert sum(len(block) for block in contents.picture_vectors()) == 1
    assert _stored(catalogue)[0] == ["a.png", "b.png"]


def test_threads_write_at_once(catalogue: Catalogue) -> None:
    """Many threads that write at the same time all get their turn; nothing is lost."""
    errors: list[BaseException] = []

    def fill(number: int) -> None:
        try:
            for turn in range(3):
                _fill(catalogue, _new(f"{turn}.png"), collection=f"c{number}")
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [catalogue.counts(f"c{number}") for number in range(6)] == [(3, 0)] * 6


def test_many_rows_in_one_change(catalogue: Catalogue) -> None:
    """A change of thousands of pictures is no different from one of two."""
    count = 3000
    _fill(catalogue, *(_new(f"{number}.png", "same words") for number in range(count)))
    assert catalogue.counts("c") == (count, count)
    assert len(_stored(catalogue)[1]) == count
    _fill(catalogue, remove=True)
    assert catalogue.counts("c") == (0, 0)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _data: b"this was a database" * 400, id="foreign"),
        pytest.param(lambda data: data[:4096] + b"\xff" * (len(data) - 4096), id="pages"),
    ],
)
def test_a_damaged_catalogue_is_reported(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A damaged database says so, with the remedy, and is left as it is."""
    file = tmp_path / "catalogue.sqlite"
    catalogue = Catalogue.open(file)
    _fill(catalogue, *(_new(f"{number}.png") for number in range(50)))
    catalogue.close()
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    with pytest.raises(CatalogueError, match=r"damaged.*backup"):
        Catalogue.open(file).known("c")
    assert file.read_bytes() == damaged


def test_a_locked_catalogue_says_so(tmp_path: Path) -> None:
    """A writer that waits in vain says who is in the way and what to do."""
    catalogue = Catalogue.open(tmp_path / "catalogue.sqlite", busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogueError, match="Another program holds"):
        catalogue.begin_run("c", MODEL.fingerprint, full=False)
    assert catalogue.counts("c") == (0, 0), "readers go on"
    other.rollback()
    other.close()
    catalogue.begin_run("c", MODEL.fingerprint, full=False)
    catalogue.close()


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    """Where there is no room, the error says so and what was there before is still there."""
    catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
    _fill(catalogue, _new("a.png"))
    with catalogue.database.backend.reading.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(CatalogueError, match=r"disk is full.*space"):
        _fill(catalogue, *(_new(f"{number}.png") for number in range(2000)))
    assert _stored(catalogue)[0] == ["a.png"]
    catalogue.close()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """A data folder below a file is an error with the setting to look at."""
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match="TANGERINE_DATA_DIR"):
        Catalogue.open(tmp_path / "file" / "data" / "catalogue.sqlite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CatalogueError, match="TANGERINE_DATA_DIR"):
        Catalogue.open(tmp_path / "folder")
