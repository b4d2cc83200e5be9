"""Finished work is committed 64 files or two seconds at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.types import ModelIdentity
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import PictureVector, Stamp
from index.indexing.batch_writer import BATCH, SECONDS, BatchWriter
from tests.fakes import FakeClock, hashed_unit

MODEL = ModelIdentity(name="one", fingerprint="1" * 64, dimension=8)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """An empty catalogue."""
    return Catalogue.open(tmp_path / "catalogue.sqlite")


def _writer(catalogue: Catalogue, clock: FakeClock) -> BatchWriter:
    run = catalogue.begin_run("c", MODEL.fingerprint, full=False)
    return BatchWriter(catalogue, clock, run=run, collection="c", fingerprint=MODEL.fingerprint)


async def _file(writer: BatchWriter, number: int) -> None:
    writer.stamp(Stamp(f"{number}.png", 1, 1, f"{number:064}"))
    writer.picture(PictureVector(f"{number:064}", 1, 1, hashed_unit(b"%d" % number, 8)))
    await writer.file_done(done=number + 1, total=200)


async def test_a_batch_is_committed_when_it_is_full(catalogue: Catalogue) -> None:
    """Sixty-four files are kept together, none of them before, with the progress."""
    writer = _writer(catalogue, FakeClock())
    for number in range(BATCH - 1):
        await _file(writer, number)
    assert catalogue.encoded_pictures(MODEL.fingerprint) == {}
    await _file(writer, BATCH - 1)
    assert len(catalogue.encoded_pictures(MODEL.fingerprint)) == BATCH == 64
    progress = catalogue.unfinished_run("c")
    assert progress is not None
    assert (progress.done, progress.total) == (64, 200)


async def test_slow_work_is_committed_in_time(catalogue: Catalogue) -> None:
    """After two seconds whatever there is is kept, and the next two seconds begin."""
    clock = FakeClock()
    writer = _writer(catalogue, clock)
    await _file(writer, 0)
    clock.advance(SECONDS)
    await _file(writer, 1)
    assert len(catalogue.encoded_pictures(MODEL.fingerprint)) == 2
    await _file(writer, 2)
    assert len(catalogue.encoded_pictures(MODEL.fingerprint)) == 2
    await writer.flush(done=3, total=3)
    assert len(catalogue.known("c").stamps) == 3
