"""What is made ready once is used again, unless it is torn; and it never fills the disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.errors import ModelUnavailable
from core.encoder.benchmark_cache import JsonCache, verdict_key
from core.encoder.choice import BackendTrial, EncoderChoice
from core.encoder.exports import Exports, sha256_of

CHOICE = EncoderChoice(
    "openvino", "int8", (BackendTrial("openvino", "int8", 0.9991, 4.1, 4.5, 0.97),), ("onnx: no.",)
)


class Maker:
    """Writes an export of a size, and counts how often it is asked to."""

    def __init__(self, size: int = 100) -> None:
        self.size = size
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        """Two files."""
        self.calls += 1
        (folder / "a.bin").write_bytes(b"a" * self.size)
        (folder / "b.json").write_text("{}")


def flip(path: Path) -> None:
    """Change one byte, not the size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def shorten(path: Path) -> None:
    """Lose the end."""
    path.write_bytes(path.read_bytes()[:-1])


def test_an_export_is_made_once(tmp_path: Path) -> None:
    """The second caller, and the next process, find it there."""
    maker = Maker()
    first = Exports(tmp_path / "deep" / "exports").get("key", maker)
    assert Exports(tmp_path / "deep" / "exports").get("key", maker) == first
    assert maker.calls == 1
    assert (first / "a.bin").read_bytes() == b"a" * 100


@pytest.mark.parametrize("name", ["a.bin", "b.json", "manifest.json"])
@pytest.mark.parametrize("damage", [flip, shorten, Path.unlink])
def test_a_torn_export_is_made_again(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    """Any file altered, shortened or gone: the whole is made anew."""
    exports, maker = Exports(tmp_path), Maker()
    damage(exports.get("key", maker) / name)
    folder = exports.get("key", maker)
    assert maker.calls == 2
    assert (folder / "a.bin").read_bytes() == b"a" * 100
    assert exports.get("key", maker) == folder
    assert maker.calls == 2


class Reader:
    """Counts the files whose bytes are read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path) -> str:
        """As :func:`core.encoder.exports.sha256_of`."""
        self.read.append(path.name)
        return sha256_of(path)


def test_a_start_reads_no_bytes_that_were_checked(tmp_path: Path) -> None:
    """Every command starts with this: one check is enough for files that nobody touched since."""
    folder = Exports(tmp_path).get("key", Maker())
    assert Exports(tmp_path, settled_s=0).find("key") == folder
    reader = Reader()
    assert Exports(tmp_path, digest=reader).find("key") == folder
    assert reader.read == []
    (folder / "a.bin").write_bytes(b"a" * 100)
    assert Exports(tmp_path, digest=reader).find("key") == folder
    assert reader.read == ["a.bin", "b.json"]


@pytest.mark.parametrize("name", ["a.bin", "b.json", "manifest.json"])
@pytest.mark.parametrize("damage", [flip, shorten, Path.unlink])
def test_an_export_torn_after_a_check_is_not_whole(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    """Also where the damage leaves a file's size and its time of change."""
    exports = Exports(tmp_path, settled_s=0)
    folder = exports.get("key", Maker())
    assert exports.find("key") == folder
    times = (folder / name).stat()
    time.sleep(0.02)  # the system's clock of files goes on in steps of up to 10 ms
    damage(folder / name)
    if (folder / name).exists():
        os.utime(folder / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert exports.find("key") is None


def test_what_has_just_changed_is_read_again(tmp_path: Path) -> None:
    """A file's time of change does not tell two changes of one moment apart."""
    exports = Exports(tmp_path, settled_s=60)
    folder = exports.get("key", Maker())
    assert exports.find("key") == folder
    assert not (folder / "checked.json").exists()


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half a model is no model: the error reaches the caller, the folder is empty."""

    def fail(folder: Path) -> None:
        (folder / "a.bin").write_bytes(b"half")
        raise ModelUnavailable("no")

    with pytest.raises(ModelUnavailable, match="no"):
        Exports(tmp_path).get("key", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_a_killed_process_began_is_swept(tmp_path: Path) -> None:
    """The next export takes the leftovers away."""
    leftover = tmp_path / ".making-abc"
    leftover.mkdir()
    (leftover / "a.bin").write_bytes(b"half")
    Exports(tmp_path).get("key", Maker())
    assert not leftover.exists()


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    """Within the bound all stay; beyond it the oldest use goes, never the one asked for."""
    exports = Exports(tmp_path, kept_bytes=2000)
    maker = Maker(500)
    for age, key in enumerate(("old", "used", "middle")):
        manifest = exports.get(key, maker) / "manifest.json"
        os.utime(manifest, (1000 + age, 1000 + age))
    exports.get("used", maker)
    assert maker.calls == 3
    exports.get("new", maker)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["new", "used"]
    exports.get("huge", Maker(5000))
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["huge"]


def test_the_bound_itself_is_allowed(tmp_path: Path) -> None:
    """A byte more than is kept makes the oldest go, and no byte less."""
    maker = Maker()
    for key in ("one", "two"):
        Exports(tmp_path).get(key, maker)
    taken = sum(
        file.stat().st_size for key in ("one", "two") for file in (tmp_path / key).iterdir()
    )
    Exports(tmp_path, kept_bytes=taken).get("two", maker)
    assert (tmp_path / "one").is_dir()
    Exports(tmp_path, kept_bytes=taken - 1).get("two", maker)
    assert not (tmp_path / "one").exists()


def test_a_dropped_export_is_gone(tmp_path: Path) -> None:
    """And dropping what is not there does nothing."""
    exports = Exports(tmp_path)
    exports.get("key", Maker())
    exports.drop("key")
    exports.drop("key")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelUnavailable, match="cannot be made ready in") as caught:
        Exports(tmp_path / "file" / "exports").get("key", Maker())
    assert "torch" in caught.value.remedy


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """What was written until then is taken away."""

    def make(folder: Path) -> None:
        (folder / "half").write_bytes(b"0" * 100)
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelUnavailable, match="No space left"):
        Exports(tmp_path).get("key", make)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_verdict_is_remembered(tmp_path: Path) -> None:
    """Every number of it."""
    JsonCache(EncoderChoice, tmp_path / "trials").keep("key", CHOICE)
    assert JsonCache(EncoderChoice, tmp_path / "trials").find("key") == CHOICE
    assert JsonCache(EncoderChoice, tmp_path / "trials").find("other") is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"backend": "torch"}', '{"trials": [{"a": 1}]}']
)
def test_a_damaged_verdict_counts_as_none(tmp_path: Path, content: str) -> None:
    """Then the trials are run again."""
    (tmp_path / "key.json").write_text(content)
    assert JsonCache(EncoderChoice, tmp_path).find("key") is None


def test_verdicts_are_bounded_and_never_stop_a_start(tmp_path: Path) -> None:
    """The newest stay; where nothing can be written nothing is kept."""
    for number in range(40):
        JsonCache(EncoderChoice, tmp_path).keep(f"{number}", CHOICE)
        os.utime(tmp_path / f"{number}.json", (number, number))
    JsonCache(EncoderChoice, tmp_path).keep("last", CHOICE)
    assert len(list(tmp_path.iterdir())) == 32
    assert JsonCache(EncoderChoice, tmp_path).find("39") == CHOICE
    assert JsonCache(EncoderChoice, tmp_path).find("0") is None
    JsonCache(EncoderChoice, tmp_path / "last.json" / "below").keep("key", CHOICE)


def test_a_verdict_holds_for_what_it_was_made_on() -> None:
    """Another model, wish, processor or version of a library is looked at anew."""
    keys = [verdict_key("f", {"threads": 1}), verdict_key("g", {"threads": 1})]
    keys.append(verdict_key("f", {"threads": 2}))
    assert verdict_key("f", {"threads": 1}) == keys[0]
    keys.append(verdict_key("f", {"threads": 1}, versions=lambda _: "0"))
    keys.append(verdict_key("f", {"threads": 1}, here=lambda: ("another",)))
    assert len(set(keys)) == len(keys)
