"""Rows in columns are the rows that were written, whether they are held or read."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.domain.types import Picture
from index.snapshots.stored_rows import (
    StoredCaptions,
    StoredPictures,
    Texts,
    map_arrays,
    write_arrays,
)

# Any text that a catalogue can hold: also halves of surrogate pairs, as in names of files.
_ANY = st.text(st.characters(exclude_categories=()), max_size=12)

_PICTURES = st.lists(
    st.builds(
        Picture,
        id=_ANY,
        collection=st.just("gallery"),
        path=_ANY,
        caption=_ANY,
        sha256=st.sampled_from(["a" * 64, "b" * 64, "c" * 64, ""]),
        width=st.integers(0, 2**40),
        height=st.integers(0, 9),
    ),
    max_size=12,
    unique_by=lambda picture: picture.id,
)


both_ways = pytest.mark.parametrize("mapped_from", [0, 1 << 22], ids=["mapped", "in memory"])


@settings(max_examples=50, deadline=None)
@given(pictures=_PICTURES, strange=_ANY)
def test_pictures_come_back(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[Picture], strange: str
) -> None:
    """Every picture, in its place, by its id and by its contents; nothing else is found."""
    file = tmp_path_factory.mktemp("rows") / "x.rows"
    held = StoredPictures.of("gallery", pictures)
    held.write(file)
    for rows in (held, *(StoredPictures.read(file, "gallery", least) for least in (0, 1 << 22))):
        assert rows == tuple(pictures)
        assert tuple(pictures) == rows
        assert [rows.row_of(each.id) for each in pictures] == [*range(len(pictures))]
        assert rows[:3] == tuple(pictures[:3])
        known = {each.id: row for row, each in enumerate(pictures)}
        assert rows.row_of(strange) == known.get(strange)
        wanted = {"a" * 64, "", "nothing"}
        expected = [row for row, each in enumerate(pictures) if each.sha256 in wanted]
        assert rows.rows_of(wanted).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(captions=st.lists(st.tuples(_ANY, st.integers(0, 2**40)), max_size=12))
def test_captions_come_back(
    tmp_path_factory: pytest.TempPathFactory, captions: list[tuple[str, int]]
) -> None:
    """Every text with the row of its picture, and these rows alone."""
    file = tmp_path_factory.mktemp("rows") / "x.rows"
    held = StoredCaptions.of(captions)
    held.write(file)
    for rows in (held, *(StoredCaptions.read(file, least) for least in (0, 1 << 22))):
        assert rows == captions
        assert list(rows) == captions
        assert rows.owners.tolist() == [row for _, row in captions]
        assert [*rows.texts] == [text for text, _ in captions]


@both_ways
def test_arrays_come_back(tmp_path: Path, mapped_from: int) -> None:
    """Their numbers, types and shapes, empty ones too, also once the file is deleted."""
    arrays: list[NDArray[Any]] = [
        np.arange(6).reshape(2, 3),
        np.empty((0, 2)),
        np.frombuffer(b"abc", np.uint8),
    ]
    file = tmp_path / "x"
    write_arrays(file, arrays)
    found = map_arrays(file, mapped_from)
    file.unlink()
    for one, other in zip(arrays, found, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="read-only"):
        found[0][0] = 1


def _objects(file: Path) -> None:
    np.save(file.with_suffix(".npy"), np.array([{}], dtype=object), allow_pickle=True)
    file.with_suffix(".npy").rename(file)


@both_ways
@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"somebody else's"),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(file.read_bytes() + b"\0" * 99),
        _objects,
        lambda file: write_arrays(file, [np.arange(3)] * 2),
        lambda file: write_arrays(file, [np.arange(4)] * 3),
        lambda file: write_arrays(file, [np.arange(4)] * 5),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, damage: Callable[[Path], Any], mapped_from: int
) -> None:
    """What is torn or holds something else is an error that the caller mends."""
    picture = Picture("a", "gallery", "a.png", "a thing", "0" * 64, 1, 1)
    for name in ("pictures", "captions"):
        file = tmp_path / name
        if name == "pictures":
            StoredPictures.of("gallery", [picture]).write(file)
        else:
            StoredCaptions.of([("a thing", 0)]).write(file)
        file.chmod(0o644)
        damage(file)
        with pytest.raises(ValueError, match=r"."):
            StoredPictures.read(file, "gallery", mapped_from)
        with pytest.raises(ValueError, match=r"."):
            StoredCaptions.read(file, mapped_from)


def test_contents_are_compared_letter_by_letter() -> None:
    """What has the same CRC-32 is not the same: these two words have."""
    pictures = [
        Picture(content, "gallery", f"{content}.png", "", content, 1, 1)
        for content in ("plumless", "buckaroo", "buckeroo")
    ]
    assert zlib.crc32(b"plumless") == zlib.crc32(b"buckeroo")
    rows = StoredPictures.of("gallery", pictures)
    assert rows.rows_of({"buckeroo"}).tolist() == [2]
    assert rows.rows_of(()).tolist() == []


def test_rows_count_from_both_ends() -> None:
    """As in a tuple: negative rows from the end, and an error beyond either."""
    rows = StoredCaptions.of([("a", 1), ("b", 2)])
    assert (rows[-1], rows[-2]) == (("b", 2), ("a", 1))
    assert rows[::-1] == (("b", 2), ("a", 1))
    for row in (2, -3):
        with pytest.raises(IndexError):
            rows[row]
        with pytest.raises(IndexError):
            Texts.of(["a", "b"])[row]
    assert rows != [("a", 1)]
    assert rows != "ab"
    assert rows != 7
