"""What the program writes is for its own user alone, whatever the umask of who starts it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.program import small_program


@pytest.mark.process
def test_folders_and_files_are_nobody_elses(exported: Path, tmp_path: Path) -> None:
    """Also where the data folder was made by hand for everybody, and an export."""
    program = small_program(tmp_path)
    program.gallery.mkdir()
    Image.new("RGB", (64, 48), "red").save(program.gallery / "red.png")
    shutil.copytree(exported, tmp_path / "data", copy_function=os.link)
    (tmp_path / "data").chmod(0o777)
    before = set((tmp_path / "data").rglob("*"))
    environment = {**program.environment, "TANGERINE_GALLERY": str(program.gallery)}
    for arguments in (["reindex"], ["export", str(tmp_path / "export")]):
        subprocess.run(
            program.command(*arguments),
            env=environment,
            cwd=program.root,
            check=True,
            capture_output=True,
            umask=0,
        )
    kept = [
        path
        for top in (tmp_path / "data", tmp_path / "export")
        for path in (top, *top.rglob("*"))
        if path not in before and not path.is_symlink()
    ]
    assert len(kept) > 10
    open_to_others = [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []
