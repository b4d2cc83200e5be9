"""Build the image and start it twice: as nobody, read-only, the second time without network.

With docker or podman where one runs; else with buildah and bubblewrap, which need no daemon.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from release_parts import Failed, Skipped, run

_USER = 10001
_TAG = "localhost/tangerine-release-check"
_PROBE = "/mnt/release_probe.py"

Mounts = tuple[tuple[Path, str], ...]


def try_image(root: Path, version: str, build: list[str]) -> str:
    """Build it, and start it with the network and without. Raises Failed, Skipped."""
    arguments = ("build", "--build-arg", f"VERSION={version}", *build, "-t", _TAG, str(root))
    engine = next((name for name in ("docker", "podman") if _works(name, "info")), None)
    if engine:
        run(engine, *arguments)
        return _started(root, lambda mounts, alone: _with_engine(engine, mounts, alone=alone))
    if not (_works("buildah", "images") and _works("bwrap", "--version")):
        raise Skipped("neither docker nor podman nor buildah with bubblewrap works here")
    run("buildah", *arguments)
    container = run("buildah", "from", _TAG).strip()
    try:
        files = Path(run("buildah", "mount", container).strip())
        settings = json.loads(run("buildah", "inspect", "--type", "image", _TAG))
        environment = settings["Docker"]["config"]["Env"]
        return _started(
            root,
            lambda mounts, alone: _with_bubblewrap(files, environment, mounts, alone=alone),
        )
    finally:
        run("buildah", "rm", container)


def _works(program: str, argument: str) -> bool:
    if not shutil.which(program):
        return False
    try:
        run(program, argument)
    except Failed:
        return False
    return True


def _started(root: Path, start: Callable[[Mounts, bool], str]) -> str:
    with tempfile.TemporaryDirectory(prefix="release-image-") as scratch:
        volume, gallery = Path(scratch) / "data", Path(scratch) / "gallery"
        volume.mkdir()
        os.chown(volume, _USER, _USER)
        Path(scratch).chmod(0o755)
        shutil.copytree(root / "docs" / "images", gallery)
        mounts = ((volume, "/data"), (gallery, "/gallery"), (root / "scripts", "/mnt"))
        first = json.loads(start(mounts, False).splitlines()[-1])
        second = json.loads(start(mounts, True).splitlines()[-1])
    for found in (first, second):
        if found["user"] != _USER or found["written"] or not found["pictures"] or found["code"]:
            raise Failed(f"the image is not as it should be: {found}")
    if second["network"]:
        raise Failed("the start without network had one")
    return (
        f"user {_USER}, nothing written outside /data, ready in {first['seconds']:.0f} s, "
        f"and in {second['seconds']:.0f} s without network"
    )


def _with_engine(engine: str, mounts: Mounts, *, alone: bool) -> str:
    volumes = _each(f"--volume={path}:{inside}{_mode(inside)}" for path, inside in mounts)
    return run(
        *(engine, "run", "--rm", "--read-only", "--tmpfs", "/tmp"),
        *(("--network=none",) if alone else ()),
        *(*volumes, "--entrypoint", "python", _TAG, _PROBE),
    )


def _with_bubblewrap(files: Path, environment: list[str], mounts: Mounts, *, alone: bool) -> str:
    variables = _each(("--setenv", *line.split("=", 1)) for line in environment)
    volumes = _each(
        ("--ro-bind" if _mode(inside) else "--bind", str(path), inside) for path, inside in mounts
    )
    return run(
        # Root may mount the image's files; what runs in it is nobody from its first moment.
        *("bwrap", "--unshare-pid", "--unshare-ipc", "--die-with-parent"),
        *(("--unshare-net",) if alone else ()),
        *("--ro-bind", files, "/", "--proc", "/proc", "--dev", "/dev"),
        *("--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"),
        *(*volumes, "--chdir", "/data", "--clearenv", *variables),
        *("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--no-new-privs"),
        *("python", _PROBE),
    )


def _mode(inside: str) -> str:
    return "" if inside == "/data" else ":ro"


def _each(parts: Iterable[str | tuple[str, ...]]) -> list[str]:
    return [word for part in parts for word in ((part,) if isinstance(part, str) else part)]
