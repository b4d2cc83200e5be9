"""A small gallery of real stamps and the program with the real embedded model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from index.demo.packages import fetch_debian
from tests.program import Program, small_program

_ROOT = Path(__file__).parents[2]
_CACHE = _ROOT / ".cache"
STAMPS = "usr/share/tuxpaint/stamps"


@pytest.fixture(scope="session")
def stamps() -> Path:
    """Tux Paint's stamps from Debian's package, fetched once."""
    return fetch_debian("tuxpaint-stamps-default", _CACHE) / STAMPS


def _small_gallery(stamps: Path, gallery: Path) -> None:
    chosen = (
        sorted(stamps.glob("food/fruit/*.png"))[:20]
        + sorted(
            p
            for folder in ("animals/birds", "vehicles", "household")
            for p in stamps.glob(f"{folder}/**/*.png")
        )[:25]
    )
    assert len(chosen) >= 40
    gallery.mkdir(parents=True)
    for picture in chosen:
        shutil.copy(picture, gallery)
        text = picture.with_suffix(".txt")
        if text.exists():
            shutil.copy(text, gallery)


_EXPORT = """
from bot.engine.encoder import load_encoder_of
from bot.engine.specs import make_data_dir
from config.settings import load
settings = load()
make_data_dir(settings.data_dir)
assert load_encoder_of(settings, settings.model).choice.runs_from_export
"""


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with nothing but the embedded model and its export: once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    program = small_program(shared / "exported")
    with FileLock(shared / "exported.lock"):
        if not (program.folder / "done").exists():
            subprocess.run(
                [sys.executable, "-c", _EXPORT], env=program.environment, cwd=_ROOT, check=True
            )
            (program.folder / "done").touch()
    return program.folder / "data"


@pytest.fixture(scope="session")
def new_program(
    stamps: Path, exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Program]:
    """Make a program with a fresh copy of the small gallery, not yet indexed."""

    def make() -> Program:
        folder = tmp_path_factory.mktemp("program")
        _small_gallery(stamps, folder / "gallery")
        # With their times, by which the program knows the model again.
        shutil.copytree(exported, folder / "data", copy_function=os.link)
        return small_program(
            folder,
            TANGERINE_GALLERY=str(folder / "gallery"),
            TANGERINE_ENCODER__THREADS="1",
            HF_HUB_OFFLINE="1",
        )

    return make


@pytest.fixture(scope="session")
def indexed(new_program: Callable[[], Program]) -> Program:
    """A program whose gallery is indexed; tests that change it make their own."""
    program = new_program()
    assert program("reindex", "--json").json["failed"] == []
    return program
