"""Packages are fetched once, unpacked whole or not at all, and failures say what to do.

``apt-get`` and ``npm`` are stood in for by small programs of ours on the search path, which
hand out real archives; ``dpkg-deb`` and the unpacking are the real ones.
"""

from __future__ import annotations

import io
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.domain.errors import SourceError
from index.demo.packages import fetch_debian, fetch_npm

pytestmark = pytest.mark.process

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is Debian's own")


def install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a shell program first on the search path; it counts its calls in ``<name>.calls``."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/{name}.calls\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / f"{name}.calls"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A real Debian package with one file."""
    root = tmp_path / "build"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: pictures\nVersion: 1.0\nArchitecture: all\nMaintainer: Us <us@example.org>\n"
        "Description: pictures for a test\n"
    )
    (root / "usr" / "share").mkdir(parents=True)
    (root / "usr" / "share" / "one.txt").write_text("one")
    command = ["dpkg-deb", "--root-owner-group", "-b", str(root), str(tmp_path / "p.deb")]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "p.deb"


def apt(archive: Path) -> str:
    """A program that updates into the lists' folder it was told, and downloads the archive."""
    return f"""
for option in "$@"; do case "$option" in Dir::State::lists=*) lists="${{option#*=}}";; esac; done
case "$*" in
  *update*) : > "$lists/site_main_Packages";;
  *download*) cp {archive} pictures_1.0_all.deb;;
esac"""


@needs_dpkg
def test_a_debian_package_is_unpacked_and_kept(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call finds it and runs nothing; apt's state stays inside the cache."""
    calls = install(tmp_path / "bin", "apt-get", apt(archive), monkeypatch)
    cache = tmp_path / "cache"
    root = fetch_debian("pictures", cache)
    assert (root / "usr" / "share" / "one.txt").read_text() == "one"
    told = calls.read_text()
    assert [("update" in line, "download" in line) for line in told.splitlines()] == [
        (True, False),
        (False, True),
    ]
    assert f"Dir::State::lists={cache}" in told
    assert fetch_debian("pictures", cache) == root
    assert calls.read_text() == told


@needs_dpkg
def test_many_callers_fetch_once(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers that come while it is being fetched wait and get the same folder."""
    calls = install(tmp_path / "bin", "apt-get", "sleep 0.2" + apt(archive), monkeypatch)
    with ThreadPoolExecutor(6) as threads:
        found = set(threads.map(lambda _: fetch_debian("pictures", tmp_path / "c"), range(6)))
    assert len(found) == 1
    assert calls.read_text().count(" download ") == 1


@needs_dpkg
def test_old_lists_are_read_anew_once(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that fails by lists of yesterday is tried again by those of today."""
    flaky = f"""
case "$*" in *download*) [ "$(grep -c download {tmp_path}/bin/apt-get.calls)" -gt 1 ] || exit 100
esac"""
    calls = install(tmp_path / "bin", "apt-get", flaky + apt(archive), monkeypatch)
    assert (fetch_debian("pictures", tmp_path / "cache") / "usr").is_dir()
    assert calls.read_text().count(" update") == 2


def test_what_apt_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error ends in apt's own last words and a remedy; nothing half-done is left."""
    failing = """case "$*" in *update*) for o in "$@"; do case "$o" in
      Dir::State::lists=*) : > "${o#*=}/x_Packages";; esac; done;;
      *) echo "E: Unable to locate package pictures" >&2; exit 100;; esac"""
    install(tmp_path / "bin", "apt-get", failing, monkeypatch)
    with pytest.raises(SourceError, match="Unable to locate package pictures") as caught:
        fetch_debian("pictures", tmp_path / "cache")
    assert caught.value.remedy
    left = [path.name for path in (tmp_path / "cache" / "debian").iterdir()]
    assert [name for name in left if not name.endswith(".lock")] == []


def test_no_lists_at_all_is_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that quietly fetched nothing is told as what it is."""
    install(tmp_path / "bin", "apt-get", "true", monkeypatch)
    with pytest.raises(SourceError, match="no package lists") as caught:
        fetch_debian("pictures", tmp_path / "cache")
    assert "network" in caught.value.remedy


def npm_pictures(package: str, cache: Path) -> Path:
    """The newest version of an npm package."""
    return fetch_npm(package, None, cache)


@pytest.mark.parametrize("fetch", [fetch_debian, npm_pictures])
def test_a_missing_program_is_told(
    fetch: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without apt-get or npm the error names the program and a way out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="is missing") as caught:
        fetch("pictures", tmp_path / "cache")
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["", "../up", "--option", "a b", "UPPER", "x;y", "@/x"])
def test_names_that_are_none_run_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no package name never reaches a command line or a path."""
    calls = [install(tmp_path / "bin", tool, "true", monkeypatch) for tool in ("apt-get", "npm")]
    with pytest.raises(SourceError):
        fetch_debian(name, tmp_path / "cache")
    with pytest.raises(SourceError):
        fetch_npm(name, None, tmp_path / "cache")
    with pytest.raises(SourceError):
        fetch_npm("pictures", f"../{name}", tmp_path / "cache")
    assert not any(path.exists() for path in calls)


def packed(file: Path, members: dict[str, str]) -> Path:
    """A gzipped tar archive with these files."""
    with tarfile.open(file, "w:gz") as archive:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return file


def test_an_npm_package_is_unpacked_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one folder inside becomes the root; scripts of the package are not run."""
    members = {"package/package.json": "{}", "package/assets/a.txt": "a"}
    file = packed(tmp_path / "p.tgz", members)
    calls = install(tmp_path / "bin", "npm", f"cp {file} pictures-1.0.0.tgz", monkeypatch)
    root = fetch_npm("@us/pictures", "1.0.0", tmp_path / "cache")
    assert (root / "assets" / "a.txt").read_text() == "a"
    assert fetch_npm("@us/pictures", "1.0.0", tmp_path / "cache") == root
    (told,) = calls.read_text().splitlines()
    assert "@us/pictures@1.0.0" in told
    assert "--ignore-scripts" in told


def test_an_archive_that_climbs_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file above the archive's own folder is not written."""
    file = packed(tmp_path / "p.tgz", {"package/package.json": "{}", "../../../evil.txt": "x"})
    install(tmp_path / "bin", "npm", f"cp {file} pictures-1.0.0.tgz", monkeypatch)
    with pytest.raises(SourceError, match="cannot be unpacked"):
        fetch_npm("pictures", None, tmp_path / "cache")
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the folder, not an errno."""
    install(tmp_path / "bin", "npm", "true", monkeypatch)
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(SourceError, match="cannot be kept") as caught:
        fetch_npm("pictures", None, tmp_path / "cache")
    assert caught.value.remedy
