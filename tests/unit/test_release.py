"""What is released: its version, and the pins of everything that comes with it."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from bot.cli import app

_ROOT = Path(__file__).parents[2]


def test_the_program_says_its_version() -> None:
    """That of the installed package, and nothing is loaded for it."""
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"tangerine {version('tangerine')}\n")


def test_everything_that_is_named_is_pinned() -> None:
    """Each dependency, of every extra, has one exact version in the constraints file."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = list(chain(project["dependencies"], *project["optional-dependencies"].values()))
    pins = [
        canonicalize_name(line.split("==")[0])
        for line in (_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert len(set(pins)) == len(pins)
    assert {canonicalize_name(Requirement(line).name) for line in named} - set(pins) == set()


@pytest.mark.long
def test_the_archive_is_made_from_clean(tmp_path: Path) -> None:
    """``make release-check``: what a user downloads installs, starts, answers and stops."""
    subprocess.run(["git", "clone", "-q", _ROOT, tmp_path / "clone"], check=True)
    done = subprocess.run(
        ["make", "release-check", f"PYTHON={sys.executable}", "RELEASE_ARGS=--only archive"],
        cwd=tmp_path / "clone",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^archive: ok: tangerine-", done.stdout, re.MULTILINE)
    (archive,) = (tmp_path / "clone" / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"Makefile", ".ci/run", "bot/static/app.js", "core/mini/heads.safetensors"} <= names
