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

from bot.cli.main import app

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


def test_what_is_installed_is_locked_by_hashes() -> None:
    """Every dependency but torch, in the version of the constraints, with hashes of its files."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = dict(
        line.split("==")
        for line in (_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    extras = chain(*project["optional-dependencies"].values())
    for file, named in {
        "requirements.lock": project["dependencies"],
        "requirements-dev.lock": [*project["dependencies"], *extras],
    }.items():
        locked = {}
        for block in re.findall(r"^\S.*(?:\n +.*)*", (_ROOT / file).read_text(), re.MULTILINE):
            if not block.startswith("#"):
                requirement = Requirement(block.partition(" \\")[0])
                locked[canonicalize_name(requirement.name)] = str(requirement.specifier)
                assert "--hash=sha256:" in block
        wanted = {canonicalize_name(Requirement(line).name) for line in named} - {"torch"}
        assert wanted - set(locked) == set(), "write them anew: make lock"
        assert "torch" not in locked
        differing = {n: v for n, v in locked.items() if n in pins and v != f"=={pins[n]}"}
        assert differing == {}, "write them anew: make lock"


@pytest.mark.long
@pytest.mark.timeout(3600)  # it installs everything twice
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
    assert {
        "Makefile",
        ".ci/run",
        "bot/web/static/app.js",
        "core/encoder/mini/heads.safetensors",
    } <= names
