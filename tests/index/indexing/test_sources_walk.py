"""Walking a folder: pictures by their suffix, nothing hidden, nothing outside, no loops."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from core.domain.errors import SourceError
from core.domain.types import LeftOut
from index.catalogue.file_types import PICTURE_SUFFIXES, NameRules
from index.catalogue.walk import inside
from index.indexing.scan import scan_folder
from tests.fakes import picture_bytes


def _touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def _paths(folder: Path) -> list[str]:
    return [picture.path for picture in scan_folder(folder).pictures]


def test_pictures_by_their_suffix(tmp_path: Path) -> None:
    """Every picture suffix counts in any case; other files are no failures."""
    _touch(tmp_path, *(f"x{suffix}" for suffix in PICTURE_SUFFIXES), "X.JPG", "Y.Heic")
    _touch(tmp_path, "notes.txt", "film.avi", "script.svg", "archive.zip", "no-suffix", "png")
    scan = scan_folder(tmp_path)
    assert len(scan.pictures) == len(PICTURE_SUFFIXES) + 2
    assert scan.failures == ()


def test_the_order_is_fixed(tmp_path: Path) -> None:
    """The same folder is read in the same order, by path, whatever the disk says."""
    names = ["b/2.png", "a.png", "b/1.png", "Z.png", "ä.png", "b.png"]
    _touch(tmp_path, *names)
    assert _paths(tmp_path) == sorted(names)


def test_hidden_files_are_skipped(tmp_path: Path) -> None:
    """What is hidden is nobody's picture, whatever the settings say."""
    _touch(tmp_path, ".x.png", "._seen.png", ".thumbs/x.png", "seen.png")
    assert _paths(tmp_path) == ["seen.png"]


def test_content_decides_where_the_name_tells_nothing(tmp_path: Path) -> None:
    """A picture of any name or none is found, and no other file of such a name."""
    picture = picture_bytes("red")
    for name in ("holiday", "photo.of a cat", "scan.0001", "image.php", "IMG_1.JPG_large"):
        (tmp_path / name).write_bytes(picture)
    for name in ("README", "notes.xyz", "empty"):
        (tmp_path / name).write_text("BM no picture" if name != "empty" else "")
    scan = scan_folder(tmp_path)
    assert [found.path for found in scan.pictures] == [
        *("IMG_1.JPG_large", "holiday", "image.php", "photo.of a cat", "scan.0001")
    ]
    assert scan.left_out == LeftOut(no_pictures=3)
    assert scan.failures == ()


def test_what_is_not_looked_at_is_counted(tmp_path: Path) -> None:
    """Names that say something else save the look, and each of them is counted by its end."""
    for name in ("a.avi", "b.AVI", "c.mpg", "d.jpg.part", "e.jpg~", "f.nef"):
        (tmp_path / name).write_bytes(picture_bytes("red"))
    _touch(tmp_path, "a.png", "a.txt", "sub/g.avi")
    left_out = scan_folder(tmp_path).left_out
    assert left_out.unopened[0] == (".avi", 3)
    assert dict(left_out.unopened) == {
        ".avi": 3,
        ".mpg": 1,
        ".part": 1,
        ".jpg~": 1,
        ".nef": 1,
    }
    assert left_out.files == 7


def test_excluded_names_are_left_out_and_named(tmp_path: Path) -> None:
    """A name of the list is passed by in any case and composition, with all below it."""
    rules = NameRules(("#recycle", "$RECYCLE.BIN", "@eaDir", "*_thumb.*", "Geló\u0308scht"))
    left_out = ["#Recycle", "$Recycle.Bin", "sub/@eaDir", "sub/a_thumb.jpg", "gel\u00f3\u0308scht"]
    for name in left_out:
        _touch(tmp_path, name if name.endswith(".jpg") else f"{name}/deep/x.png")
    _touch(tmp_path, "sub/seen.png", "recycle/seen.png", "eaDir.png")
    scan = scan_folder(tmp_path, rules=rules)
    assert [found.path for found in scan.pictures] == [
        *("eaDir.png", "recycle/seen.png", "sub/seen.png")
    ]
    assert scan.left_out.excluded == tuple(sorted(left_out))
    assert all(map(rules.leaves_out_path, (f"{name}/x.png" for name in left_out)))


def test_deleted_pictures_are_left_out_by_default(tmp_path: Path) -> None:
    """What systems and NAS keep of deleted pictures, older states and thumbnails is not found."""
    for name in (
        *("#recycle", "@Recycle", "$RECYCLE.BIN", "@Recently-Snapshot", "#snapshot"),
        *("@__thumb", "lost+found", "@eaDir", "__MACOSX", ".Trash-1000", "RECYCLED"),
        *("Network Trash Folder", "FOUND.000", "@GMT-2024.05.01-10.00.00", "@tmp", "@sharebin"),
    ):
        _touch(tmp_path, f"{name}/x.png", f"sub/{name}/holiday/y.jpg")
    _touch(tmp_path, "sub/._seen.png", "sub/seen.png")
    scan = scan_folder(tmp_path, rules=NameRules(Settings().index.exclude))
    assert [found.path for found in scan.pictures] == ["sub/seen.png"]


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    """What a reindex compares is what the file system says, of a link's target too."""
    (tmp_path / "a.png").write_bytes(b"12345")
    os.utime(tmp_path / "a.png", ns=(1, 1_234_567_890_123_456_789))
    (tmp_path / "b.png").symlink_to("a.png")
    assert [(p.size, p.mtime_ns) for p in scan_folder(tmp_path).pictures] == [
        (5, 1_234_567_890_123_456_789)
    ] * 2


def test_links_never_loop_or_lead_out(tmp_path: Path) -> None:
    """Loops end, folders are read once, and a link that leads out is a failure."""
    folder = tmp_path / "pictures"
    _touch(folder, "sub/a.png")
    _touch(tmp_path, "outside/secret.png")
    (folder / "loop").symlink_to(folder)
    (folder / "sub" / "up").symlink_to("..")
    (folder / "self.png").symlink_to("self.png")
    (folder / "broken.png").symlink_to("nowhere.png")
    (folder / "out.png").symlink_to(tmp_path / "outside" / "secret.png")
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "out.zip").symlink_to("/etc/passwd")
    (folder / "fine.png").symlink_to("sub/a.png")
    scan = scan_folder(folder)
    assert [picture.path for picture in scan.pictures] == ["fine.png", "sub/a.png"]
    assert {failure.path for failure in scan.failures} >= {"out", "out.png"}
    assert {failure.path for failure in scan.failures} <= {"out", "out.png", "self.png"}
    assert all("leads out" in each.reason for each in scan.failures if each.path != "self.png")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """A gallery behind a link is that gallery."""
    _touch(tmp_path / "real", "a.png")
    (tmp_path / "link").symlink_to("real")
    scan = scan_folder(tmp_path / "link")
    assert [picture.path for picture in scan.pictures] == ["a.png"]
    assert scan.folder == tmp_path / "real"
    assert scan.failures == ()


def test_a_name_that_is_not_utf8_is_a_failure(tmp_path: Path) -> None:
    """A name that no database can hold is reported readably; the others are found."""
    _touch(tmp_path, "fine.png")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))).touch()
    scan = scan_folder(tmp_path)
    assert [picture.path for picture in scan.pictures] == ["fine.png"]
    [failure] = scan.failures
    assert "not UTF-8" in failure.reason
    assert failure.path.isascii()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[None]:
    """A socket and a pipe that are called like pictures."""
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket.jpg"))
        os.mkfifo(tmp_path / "pipe")
        yield


@pytest.mark.usefixtures("listener")
def test_only_ordinary_files_are_pictures(tmp_path: Path) -> None:
    """A pipe or a socket is never opened: reading it would wait for ever."""
    (tmp_path / "folder.png").mkdir()
    _touch(tmp_path, "folder.png/a.png")
    scan = scan_folder(tmp_path)
    assert [picture.path for picture in scan.pictures] == ["folder.png/a.png"]
    assert [failure.path for failure in scan.failures] == ["pipe.png", "socket.jpg"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """A folder that is not there, or no folder, is one error with a remedy."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(SourceError, match=r"cannot be read.*mounted"):
            scan_folder(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_known_as_such(tmp_path: Path) -> None:
    """What an unreadable folder holds is unknown, which the scan says."""
    _touch(tmp_path, "a.png", "locked/b.png")
    (tmp_path / "locked").chmod(0)
    try:
        scan = scan_folder(tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert [picture.path for picture in scan.pictures] == ["a.png"]
    assert scan.unreadable == ("locked/",)
    assert [failure.path for failure in scan.failures] == ["locked"]


def test_found_pictures_are_told(tmp_path: Path) -> None:
    """Progress counts up to the number of pictures."""
    _touch(tmp_path, *(f"{number}.png" for number in range(5)), "x.txt")
    told: list[int] = []
    scan_folder(tmp_path, told.append)
    assert told == [1, 2, 3, 4, 5]


def test_inside_follows_links(tmp_path: Path) -> None:
    """Inside means where a path really leads; a path that leads nowhere valid is outside."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "out").symlink_to("..")
    (tmp_path / "in" / "loop").symlink_to("loop")
    root = (tmp_path / "in").resolve()
    assert inside(root, root / "x.png")
    assert not inside(root, root / ".." / "x.png")
    assert not inside(root, root / "out" / "x.png")
    assert not inside(root, root / "nul\0")
