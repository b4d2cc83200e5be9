"""The index's files: what is written comes back, what is damaged is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.vectors.choose import build_index, load_index
from index.vectors.durable import checksum, swap_durably
from index.vectors.flat import FlatIndex
from index.vectors.manifest import DamagedGenerationError, read_manifest
from tests.fakes import unit


def _vectors(count: int = 20, dimension: int = 8) -> np.ndarray:
    return unit(np.random.default_rng(0).standard_normal((count, dimension)))


@pytest.mark.parametrize("count", [0, 1, 20])
def test_an_index_survives_its_file(tmp_path: Path, count: int) -> None:
    """An index read from its file answers like the one that was written."""
    vectors = _vectors(count)
    built = build_index(8, [vectors])
    built.save(tmp_path / "x.faiss")
    loaded = load_index(built.kind, tmp_path / "x.faiss", 8)
    for one, other in zip(built.search(_vectors(3), 5), loaded.search(_vectors(3), 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_open_index_needs_its_file_no_more(tmp_path: Path) -> None:
    """What becomes of the file once it is read changes no answer."""
    path = tmp_path / "x.faiss"
    build_index(8, [_vectors()]).save(path)
    index = load_index("exact", path, 8)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    np.testing.assert_array_equal(index.reconstruct(np.arange(20)), _vectors())


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """What is no index, or one of another dimension or engine, is not loaded."""
    (tmp_path / "x.faiss").write_bytes(b"no index at all")
    with pytest.raises(ValueError, match="no FAISS index"):
        FlatIndex.load(tmp_path / "x.faiss", 8)
    build_index(8, [_vectors()]).save(tmp_path / "y.faiss")
    with pytest.raises(ValueError, match="16 dimensions"):
        load_index("exact", tmp_path / "y.faiss", 16)
    with pytest.raises(ValueError, match="no engine"):
        load_index("other", tmp_path / "y.faiss", 8)


def test_an_unwritable_file_is_an_os_error(tmp_path: Path) -> None:
    """A file that cannot be written is the error that callers know, not FAISS's own."""
    with pytest.raises(OSError, match=r"x\.faiss"):
        build_index(8, [_vectors()]).save(tmp_path / "missing" / "x.faiss")


def test_another_shape_is_refused() -> None:
    """A query of another dimension is an error, not an answer; stored vectors are safe."""
    index = build_index(8, [_vectors()])
    with pytest.raises(ValueError, match="shape"):
        index.search(_vectors(2, dimension=4), 3)
    with pytest.raises(IndexError):
        index.reconstruct(np.array([-1], dtype=np.int64))


def test_a_swap_leaves_the_old_content_where_it_fails(tmp_path: Path) -> None:
    """Where the new content cannot be put in place, the old one stays and nothing is left."""
    target = tmp_path / "manifest.json"
    swap_durably(target, b"old")
    assert target.read_bytes() == b"old"
    swap_durably(target, b"new")
    assert target.read_bytes() == b"new"
    blocked = tmp_path / "folder"
    (blocked / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="irectory"):
        swap_durably(blocked, b"new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "manifest.json"]


def test_a_checksum_sees_every_bit(tmp_path: Path) -> None:
    """One flipped bit changes the checksum, one more byte the size."""
    file = tmp_path / "x"
    file.write_bytes(b"\0" * 3_000_000)
    before = checksum(file)
    file.write_bytes(b"\0" * 2_999_999 + b"\1")
    after = checksum(file)
    assert before[0] != after[0]
    assert before[1] == after[1] == 3_000_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 99}',
        b'{"format": 1}',
        b'{"format": 1, "files": {}, "model": {}}',
        (
            b'{"format": 1, "files": {"../x": {"sha256": "", "size": 0}}, "model": {"name": "m", '
            b'"fingerprint": "f", "dimension": 1}, "collection": "c", "generation": 1, '
            b'"pictures": 0, "captions": 0, "kind": "exact"}'
        ),
    ],
)
def test_a_damaged_manifest_is_noticed(tmp_path: Path, content: bytes) -> None:
    """Whatever a manifest holds that is none of ours, the error says damaged."""
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(DamagedGenerationError):
        read_manifest(tmp_path)


def test_no_manifest_is_none(tmp_path: Path) -> None:
    """A folder without a manifest is one without a generation, not a damaged one."""
    assert read_manifest(tmp_path) is None
