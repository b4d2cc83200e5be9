"""What the files of uploads keep, wherever they are: in a folder, or in a bucket of S3."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index.library.bucket import Bucket
from index.library.bucket_files import BucketFiles
from index.library.upload_files import UploadFiles

Opened = Callable[[], UploadFiles]
HERE = "gärten & co", "abcd2345"


@pytest.fixture(
    params=["folder", pytest.param("s3", marks=pytest.mark.process)],
)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """What opens the same files again: with a bucket, at another node."""
    if request.param == "folder":
        return lambda: UploadFiles(tmp_path / "uploads")
    url, nodes = request.getfixturevalue("s3_url"), iter(range(9))
    return lambda: BucketFiles(Bucket(url), tmp_path / f"node{next(nodes)}")


def test_what_is_written_is_found_by_everybody(opened: Opened) -> None:
    """With its original, byte for byte; and all of them are listed and counted."""
    one, two = opened(), opened()
    assert not one.holds(HERE[0])
    one.originals.write(*HERE, b"as it was posted")
    one.write(*HERE, b"a thumbnail")
    assert two.find(*HERE).read_bytes() == b"a thumbnail"
    original = two.originals.find(*HERE)
    assert original is not None
    assert original.read_bytes() == b"as it was posted"
    assert [(each.collection, each.picture_id) for each in two.all()] == [HERE]
    assert list(two.originals.all()) == [HERE]
    assert (two.kept_bytes(), two.originals.kept()) == (11, (1, 16))
    assert one.kept_bytes() == 11
    assert two.originals.total_bytes() == 16
    assert two.holds(HERE[0])
    assert not two.holds("another")


def test_what_is_not_there_has_no_file(opened: Opened) -> None:
    """Neither a picture nor an original; and to delete it is no error."""
    files = opened()
    assert not files.find(*HERE).exists()
    assert files.originals.find(*HERE) is None
    files.delete(*HERE)
    files.originals.delete(*HERE)
    assert list(files.all()) == []


def test_what_is_deleted_is_gone_with_its_original(opened: Opened) -> None:
    """Whether it was removed before or not."""
    one, two = opened(), opened()
    for picture_id in ("aaaa2345", "bbbb2345"):
        one.originals.write("pets", picture_id, b"original")
        one.write("pets", picture_id, b"thumbnail")
    one.put_aside("pets", "bbbb2345")
    for picture_id in ("aaaa2345", "bbbb2345"):
        two.delete("pets", picture_id)
        assert not opened().find("pets", picture_id).exists()
    assert list(one.all()) == list(one.originals.all()) == []


def test_a_removal_is_undone(opened: Opened) -> None:
    """What was put aside is found, and is back where it is served from."""
    one, two = opened(), opened()
    one.write(*HERE, b"jpeg")
    one.put_aside(*HERE)
    assert two.find(*HERE).read_bytes() == b"jpeg"
    assert two.put_back(*HERE)
    assert opened().find(*HERE).read_bytes() == b"jpeg"


def test_what_is_put_by_is_kept_for_a_while_and_served_no_more(opened: Opened) -> None:
    """Then it goes, with its original."""
    files = opened()
    files.originals.write(*HERE, b"original")
    files.write(*HERE, b"jpeg")
    files.put_by(*HERE, now=time.time())
    assert files.kept(time.time() + 60) == []
    assert not files.find(*HERE).exists()
    assert files.kept_bytes() == 4
    assert files.forget_lost(time.time() - 600) == 0
    assert files.forget_lost(time.time() + 600) == 2
    assert files.kept(time.time() + 60) == []


def test_an_original_alone_is_told_of(opened: Opened) -> None:
    """A kill came between it and its thumbnail."""
    files = opened()
    files.originals.write(*HERE, b"original")
    [found] = files.kept(time.time() + 600)
    assert (found.collection, found.picture_id, found.aside) == (*HERE, None)


def test_a_file_becomes_a_picture(opened: Opened, tmp_path: Path) -> None:
    """As those of an import do."""
    files = opened()
    files.path("pets", "x").parent.mkdir(parents=True)
    given = tmp_path / "given.part"
    given.write_bytes(b"jpeg")
    files.stage("pets", "cccc2345", b"jpeg", b"")
    files.take("pets", "cccc2345", given)
    files.unstage("pets", "cccc2345")
    assert opened().find("pets", "cccc2345").read_bytes() == b"jpeg"
