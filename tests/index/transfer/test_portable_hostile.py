"""Exported folders that somebody made to do harm, or that a bad copy tore: all are refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import SourceError
from tests.galleries import Gallery
from tests.portable_parts import (
    export,
    lines,
    names,
    put_lines,
    put_tensors,
    set_manifest,
    sign,
    take,
    take_whole,
    tree,
)

_ROOT = Path(__file__).parents[3]
UPLOADS = ".uploads/pictures.jsonl"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of two pictures and an upload; tests take copies of it."""
    home = tmp_path_factory.mktemp("exported")
    gallery = Gallery(home / "old")
    gallery.add("red.png", "red", 1, caption="a red thing")
    gallery.add("sub/blue.png", "blue", 2, caption="a blue thing")

    async def fill() -> None:
        await gallery.reindex()
        await gallery.post("pink", 3, "a pink thing")

    asyncio.run(fill())
    export(gallery, home / "out")
    gallery.close()
    return home / "out"


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """An empty collection, which stays one whatever is refused."""
    gallery = Gallery(tmp_path_factory.mktemp("new"))
    yield gallery
    gallery.close()


def _path(path: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        entries = lines(folder)
        put_lines(folder, [entries[0] | {"path": path}, *entries[1:]])

    return tamper


def _field(**fields: object) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        entries = lines(folder)
        put_lines(folder, [entries[0] | fields, *entries[1:]])

    return tamper


def _upload(**fields: object) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        put_lines(folder, [lines(folder, UPLOADS)[0] | fields], UPLOADS)

    return tamper


def _linked(path: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        file = folder / path
        elsewhere = folder.parent / f"elsewhere-{file.name}"
        file.rename(elsewhere)
        file.symlink_to(elsewhere)

    return tamper


def _tensors(**tensors: object) -> Callable[[Path], None]:
    return lambda folder: put_tensors(folder, **tensors)


def _changed(path: str) -> Callable[[Path], None]:
    """A byte of the file is another one, which its checksum tells."""

    def tamper(folder: Path) -> None:
        data = bytearray((folder / path).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / path).write_bytes(data)

    return tamper


def _text(path: str, text: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        (folder / path).write_text(text)
        sign(folder, path)

    return tamper


def _labels(text: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        (folder / ".labels.txt").write_bytes(text.encode(errors="surrogateescape"))
        sign(folder, ".labels.txt")

    return tamper


def _linked_labels(folder: Path) -> None:
    _labels("red\n")(folder)
    _linked(".labels.txt")(folder)


def _huge_table(folder: Path) -> None:
    # Sparse: its length is what counts.
    os.truncate(folder / "captions.csv", (1 << 28) + 1)


def _huge_lines(folder: Path) -> None:
    with (folder / "pictures.jsonl").open("ab") as file:
        file.write(b'{"id": "' + b"a" * (1 << 24) + b'"}\n')
    sign(folder, "pictures.jsonl")


def _pipe(folder: Path) -> None:
    (folder / "red.png").unlink()
    os.mkfifo(folder / "red.png")


def _upload_bytes(folder: Path) -> None:
    entry = lines(folder, UPLOADS)[0]
    script = b"<script>alert(1)</script>"
    (folder / ".uploads" / f"{entry['id']}.jpg").write_bytes(script)
    put_lines(folder, [entry | {"sha256": hashlib.sha256(script).hexdigest()}], UPLOADS)


_D = 32
_ONE = np.eye(2, _D, dtype=np.float32)
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "above": (_path("../red.png"), "path"),
    "far above": (_path("sub/../../red.png"), "path"),
    "absolute": (_path("/etc/cron.d/red.png"), "path"),
    "hidden": (_path(".ssh/red.png"), "path"),
    "no picture": (_path("run.sh"), "path"),
    "empty path": (_path(""), "path"),
    "not plain": (_path("sub//red.png"), "path"),
    "NUL": (_path("red\0.png"), "path"),
    "surrogate": (_path("red\ud800.png"), ""),
    "long name": (_path("x" * 300 + ".png"), "cannot be read"),
    "the same path twice": (_path("sub/blue.png"), "path is there twice"),
    "an id that is none": (_field(id="../../x"), "id"),
    "a digest that is none": (_field(sha256="x" * 64), "sha256"),
    "no width": (_field(width=0), "width"),
    "a number for a text": (_field(path=7), "path"),
    "an unknown field": (_field(owner="me"), "owner"),
    "a caption of two lines": (_field(captions=["a\nb"]), "captions"),
    "a caption too long": (_field(captions=["a" * 2001]), "captions"),
    "more captions than vectors": (_field(captions=["a", "b"]), "F32 [3, 32] is wanted"),
    "an upload outside": (_upload(id="../../x"), "id"),
    "an upload in no time": (_upload(added_at=float("nan")), ""),
    "an upload with two captions": (_upload(captions=["a", "b"]), "captions"),
    "an upload that is no picture": (_upload_bytes, "no picture that was added"),
    "linked picture": (_linked("red.png"), "link"),
    "linked folder": (_linked("sub"), "link"),
    "linked lines": (_linked("pictures.jsonl"), "link"),
    "linked captions": (_linked("captions.csv"), "link"),
    "linked manifest": (_linked("tangerine.json"), "no exported collection"),
    "a pipe": (_pipe, "no ordinary file"),
    "huge CSV": (_huge_table, "captions.csv is larger than"),
    "huge line": (_huge_lines, "too large"),
    "no JSON": (_text("pictures.jsonl", "{"), "line 1"),
    "deep JSON": (_text("pictures.jsonl", "[" * 100_000), "line 1"),
    "too few rows": (_tensors(pictures=_ONE[:1]), "is wanted"),
    "other dimension": (_tensors(pictures=_ONE[:, :8]), "is wanted"),
    "flat": (_tensors(pictures=_ONE.ravel()), "is wanted"),
    "float64": (_tensors(pictures=_ONE.astype(np.float64)), "F64"),
    "integers": (_tensors(captions=np.ones((2, _D), np.int32)), "I32"),
    "NaN": (_tensors(pictures=np.full((2, _D), np.nan, np.float32)), "no unit vectors"),
    "infinite": (_tensors(captions=np.full((2, _D), np.inf, np.float32)), "no unit vectors"),
    "too long": (_tensors(captions=2 * _ONE), "no unit vectors"),
    "a tensor missing": (_tensors(captions=None), "does not hold the tensors"),
    "a tensor more": (_tensors(more=_ONE), "does not hold the tensors"),
    "no safetensors": (_text("vectors.safetensors", "x" * 100), "no safetensors file"),
    "torn lines": (_changed("pictures.jsonl"), "pictures.jsonl is not what was exported"),
    "torn vectors": (_changed("vectors.safetensors"), "vectors.safetensors is not what"),
    "torn picture": (_changed("sub/blue.png"), "sub/blue.png is not what was exported"),
    "no picture file": (lambda folder: (folder / "red.png").unlink(), "red.png cannot be read"),
    "no captions": (lambda folder: (folder / "captions.csv").unlink(), "cannot be read"),
    "no manifest": (lambda folder: (folder / "tangerine.json").unlink(), "no exported collection"),
    "another format": (lambda f: set_manifest(f, format="zip"), "no exported collection"),
    "a newer version": (lambda f: set_manifest(f, version=2), "newer version"),
    "a version that is none": (lambda f: set_manifest(f, version="1"), "version"),
    "no dimension": (
        lambda f: set_manifest(f, model={"name": "x", "fingerprint": "0" * 64, "dimension": 0}),
        "dimension",
    ),
    "a label with two spaces": (_labels("red  green\n"), "more than one label a line"),
    "a label twice": (_labels("red\nRED\n"), "more than one label a line"),
    "a label with a quotation mark": (_labels('re"d\n'), "quotation mark"),
    "too many labels": (_labels("".join(f"{n}\n" for n in range(1001))), "1001"),
    "huge labels": (_labels("x" * (1 << 20) + "\n"), "too large"),
    "labels that are no text": (_labels("\udcff\n"), "not UTF-8"),
    "no labels": (_labels(""), ".labels.txt"),
    "linked labels": (_linked_labels, "link"),
    "other files": (lambda f: set_manifest(f, files={"/etc/passwd": "0" * 64}), "does not name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_as_it_was_exported_is_refused(
    case: str, exported: Path, new: Gallery, tmp_path: Path
) -> None:
    """With the cause and a remedy; nothing is in the catalogue or on the disk afterwards."""
    folder = tmp_path / "out"
    shutil.copytree(exported, folder)
    tamper, cause = HOSTILE[case]
    tamper(folder)
    around = names(tmp_path), names(new.pictures.parent) | {"data/index/gallery/.lock"}
    with pytest.raises(SourceError) as caught:
        take(new, folder)
    assert cause in caught.value.message
    assert caught.value.remedy
    assert list(new.pictures.iterdir()) == []
    assert new.upload_files() == {}
    assert new.catalogue.counts("gallery") == (0, 0)
    after = names(tmp_path), names(new.pictures.parent) | {"data/index/gallery/.lock"}
    assert after == around


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.galleries import Gallery
from tests.portable_parts import export, take
from index.transfer.import_ import Importer

home, folder, kind, when = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def tell(progress):
    if when == "files" and progress.done == 1:
        die()
gallery = Gallery(home)
if when == "commit":
    Importer._commit = die
if when == "manifest":
    import index.transfer.export
    index.transfer.export.write_durably = die
(export if kind == "export" else take)(gallery, folder, tell)
"""


def _killed(home: Path, folder: Path, kind: str, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(_ROOT), str(home), str(folder), kind, when],
        cwd=_ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("when", ["files", pytest.param("manifest", marks=pytest.mark.long)])
@pytest.mark.process
async def test_a_killed_export_is_not_taken_for_a_whole_one(when: str, tmp_path: Path) -> None:
    """There is no such folder; the next export is whole, and nothing of the dead one is left."""
    gallery = Gallery(tmp_path / "old")
    gallery.add("red.png", "red", 1)
    gallery.add("blue.png", "blue", 2)
    await gallery.reindex()
    _killed(tmp_path / "old", tmp_path / "out", "export", when)
    assert not (tmp_path / "out").exists()
    with pytest.raises(SourceError):
        take(Gallery(tmp_path / "new"), tmp_path / ".out.export")
    export(gallery, tmp_path / "out")
    assert not (tmp_path / ".out.export").exists()
    await take_whole(Gallery(tmp_path / "new"), tmp_path / "out")


@pytest.mark.parametrize("when", [pytest.param("files", marks=pytest.mark.long), "commit"])
@pytest.mark.process
async def test_a_killed_import_is_not_taken_for_a_whole_one(
    when: str, exported: Path, tmp_path: Path
) -> None:
    """The collection is as it was, and the next import finds its way."""
    new = Gallery(tmp_path / "new")
    _killed(tmp_path / "new", exported, "import", when)
    assert new.catalogue.counts("gallery") == (0, 0)
    assert set(tree(new.pictures)) in (set(), {"captions.csv", "red.png", "sub/blue.png"})
    await new.contributions.sweep()
    await take_whole(new, exported)
    assert new.embedder.pictures_encoded == 2, "the sample"
    assert new.verify() == []
    assert {each.name for each in new.pictures.parent.iterdir()} == {"data", "pictures"}
    assert not any(".import" in name for name in names(new.data))
    assert json.loads((exported / "tangerine.json").read_text())["version"] == 1
