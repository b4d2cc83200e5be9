"""Mapped vectors too many to check when they are opened: a check of everything finds the damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.maintenance.repair import Repairer
from index.vectors.tuning import IndexRules
from tests.galleries import Gallery

LAZY = IndexRules(
    always_exact=0, never_timed=0, fewest=8, most=8, least=0, checked_at_once=0, layered_from=0
)


@pytest.mark.parametrize("name", ["pictures.vectors", "captions.vectors"])
async def test_verify_finds_and_repairs_what_a_start_puts_off(tmp_path: Path, name: str) -> None:
    """A start looks at the size alone; verify tells of a flipped bit, and a repair mends it."""
    gallery = Gallery(tmp_path, rules=LAZY)
    for number in range(40):
        gallery.add(f"{number:03}.png", "red", number, caption=f"a red thing, number {number}")
    await gallery.reindex()
    which = "picture_index" if name.startswith("pictures") else "caption_index"
    whole = getattr(gallery.snapshot(), which).reconstruct(np.arange(40))
    assert gallery.verify() == []
    file = gallery.index / "1" / name
    data = bytearray(file.read_bytes())
    data[7] ^= 1
    file.unlink()  # somebody may have it mapped
    file.write_bytes(data)
    gallery.close()

    again = Gallery(tmp_path, rules=LAZY)
    assert again.snapshot().generation == 1
    assert not again.store.is_current("gallery", 1)
    assert any(f"{name} is damaged" in line for line in again.verify())
    repairer = Repairer(
        catalogue=again.catalogue,
        store=again.store,
        overlays=again.overlays,
        reindexer=again.reindexer,
    )
    assert not (await repairer.repair(again.spec)).left
    assert again.verify() == []
    mended = getattr(again.snapshot(), which).reconstruct(np.arange(40))
    np.testing.assert_array_equal(mended, whole)
    again.close()


async def test_a_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    """What is cut off is noticed at the start, however large it is."""
    gallery = Gallery(tmp_path, rules=LAZY)
    for number in range(40):
        gallery.add(f"{number:03}.png", "red", number)
    await gallery.reindex()
    gallery.close()
    file = gallery.index / "1" / "pictures.vectors"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:-4])
    again = Gallery(tmp_path, rules=LAZY)
    assert len(again.snapshot().pictures) == 40
    assert again.verify() == []
    again.close()
