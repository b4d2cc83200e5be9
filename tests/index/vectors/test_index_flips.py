"""Files damaged at random: nothing wrong is ever shown in silence, and repairs are complete."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError
from index.maintenance.differences import Fault
from index.maintenance.repair import Repairer
from tests.galleries import LAYERED, Gallery

_KINDS = {
    "vectors": "index/gallery/2/*.faiss",
    "base": "index/gallery/1/*",
    "manifest": "index/gallery/manifest.json",
    "rows": "index/gallery/2/rows.json",
    "catalogue": "catalogue.sqlite",
    "log": "catalogue.sqlite-wal",
    "upload": "uploads/gallery/*.jpg",
    "picture": "../pictures/*.png",
}
_HOPELESS = {Fault.UPLOAD_FILE, Fault.UPLOAD_ROW}
_SECTOR = 512

_State = dict[str, tuple[str, str, bytes]]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a kill leaves: 30 pictures, one more over them, 6 uploads, and a log of the latest."""
    home = tmp_path_factory.mktemp("alive")
    gallery = Gallery(home, rules=LAYERED)

    async def fill() -> None:
        for number in range(30):
            gallery.add(f"{number}.png", "red", number, caption=f"number {number}")
        await gallery.reindex()
        for number in range(4):
            await gallery.post("blue", 100 + number, f"upload {number}")
        gallery.catalogue.database.erase()  # until here it is in the database itself
        gallery.add("late.png", "green", 200, caption="a late one")
        await gallery.reindex()
        for number in range(4, 6):
            await gallery.post("blue", 100 + number, f"upload {number}")

    asyncio.run(fill())
    dead = tmp_path_factory.mktemp("dead") / "home"
    shutil.copytree(home, dead, ignore=shutil.ignore_patterns("*-shm", ".lock"))
    gallery.close()
    return dead


@dataclass
class Damaged:
    """A copy of what was left, with one file damaged."""

    home: Path
    kind: str
    how: str
    file: Path


def _damage(left: Path, home: Path, seed: int) -> Damaged:
    chance = random.Random(seed)
    shutil.copytree(left, home)
    kind = sorted(_KINDS)[seed % len(_KINDS)]
    files = sorted((home / "data").glob(_KINDS[kind]))
    file = chance.choice(files)
    data = bytearray(file.read_bytes())
    how = chance.choice(["bit", "bit", "sector", "cut", "emptied"])
    place = chance.randrange(len(data))
    if how == "bit":
        data[place] ^= 1 << chance.randrange(8)
    elif how == "sector":
        data[place : place + _SECTOR] = chance.randbytes(len(data[place : place + _SECTOR]))
    else:
        del data[place if how == "cut" else 0 :]
    file.unlink()  # some may only be read
    file.write_bytes(data)
    return Damaged(home, kind, how, file)


async def _state(gallery: Gallery) -> _State:
    """Everything that a search can show, with its caption and its vector, by path or caption."""
    view = await gallery.library.open(None, "web")
    captions: dict[int, list[str]] = {}
    for text, row in view.captions:
        captions.setdefault(row, []).append(text)
    return {
        (picture.caption if picture.path.startswith(".") else picture.path): (
            picture.sha256,
            "\n".join(captions.get(row, [])),
            view.picture_index.reconstruct([row]).tobytes(),
        )
        for row, picture in enumerate(view.pictures)
    }


async def _look(damaged: Damaged, whole: _State) -> str:
    """What became of it: ``told``, ``repaired`` or ``harmless``; asserts that all is well."""
    before = damaged.file.read_bytes()
    try:
        gallery = Gallery(damaged.home)
    except CatalogueError as error:
        _check_told(damaged, error)
        assert damaged.file.read_bytes() == before, "nothing is taken for new, nothing emptied"
        return "told"
    try:
        return await _repaired(gallery, whole)
    except CatalogueError as error:
        _check_told(damaged, error)
        return "told"
    finally:
        gallery.close()


def _check_told(damaged: Damaged, error: CatalogueError) -> None:
    assert damaged.kind in {"catalogue", "log"}
    assert "backup" in error.remedy


async def _repaired(gallery: Gallery, whole: _State) -> str:
    told = gallery.verify()
    repairer = Repairer(
        catalogue=gallery.catalogue,
        store=gallery.store,
        overlays=gallery.overlays,
        reindexer=gallery.reindexer,
    )
    if not told:
        assert await _state(gallery) == whole, "what nobody is told of changes nothing"
        return "harmless"
    done = await repairer.repair(gallery.spec)
    if left := {each.fault for each in done.left}:
        assert left <= _HOPELESS
        assert all("backup" in each.remedy for each in done.left if each.fault in _HOPELESS)
        return "told"
    assert gallery.verify() == []
    after = Gallery(gallery.pictures.parent)
    found = await _state(after)
    after.close()
    # Pictures of the folder are as their files are now; of uploads, nothing is invented.
    allowed = {**whole, **_changed(found, whole)}
    assert all(allowed.get(name) == state for name, state in found.items())
    return "repaired"


def _changed(found: _State, whole: _State) -> _State:
    """Pictures whose own file was damaged have another hash, and so another vector."""
    return {
        name: state
        for name, state in found.items()
        if name.endswith(".png") and name in whole and state[0] != whole[name][0]
    }


def _try_many(left: Path, tmp_path: Path, seeds: range) -> Counter[tuple[str, str]]:
    outcomes: Counter[tuple[str, str]] = Counter()

    async def run() -> None:
        copy = tmp_path / "whole"
        shutil.copytree(left, copy)
        gallery = Gallery(copy)
        whole = await _state(gallery)
        assert gallery.verify() == []
        gallery.close()
        assert len(whole) == 37
        for seed in seeds:
            damaged = _damage(left, tmp_path / str(seed), seed)
            try:
                outcome = await _look(damaged, whole)
            except BaseException:
                print(f"seed {seed}: {damaged.kind}, {damaged.how}, {damaged.file}")
                raise
            outcomes[damaged.kind, outcome] += 1
            shutil.rmtree(damaged.home)

    asyncio.run(run())
    print(", ".join(f"{kind}: {count} {word}" for (kind, word), count in sorted(outcomes.items())))
    return outcomes


@pytest.mark.slow
def test_damaged_files_are_noticed(left: Path, tmp_path: Path) -> None:
    """Flipped, overwritten, cut or emptied: told, repaired, or without any effect."""
    outcomes = _try_many(left, tmp_path, range(16))
    assert {word for _, word in outcomes} >= {"told", "repaired"}


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_many_damaged_files_are_noticed(left: Path, tmp_path: Path) -> None:
    """The same rule, over 208 files."""
    outcomes = _try_many(left, tmp_path, range(1000, 1208))
    assert sum(outcomes.values()) == 208
