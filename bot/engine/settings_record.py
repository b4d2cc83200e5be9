"""The settings file that ``tangerine run`` leaves beside the data, for the commands that follow.

It says which model, folder and data the last run used. As long as nobody has changed it, the
next run brings it up to date; one that somebody wrote or changed is never touched.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from bot.engine.settings_file import settings_text
from config.files import NAME
from config.settings import Settings

_HEAD = """\
# Written by: tangerine run. Every command that is called in this folder goes by it, and the
# next run writes it anew, until you change it: then it is yours. All settings are explained
# in config/default.toml.
"""
_SUM = "# As it was written: "


def is_record(file: Path | None) -> bool:
    """Whether a file is as a run has left it, and not somebody's own. Blocking."""
    if file is None:
        return False
    try:
        first, _, rest = file.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return first == f"{_SUM}{_sum(rest)}"


def record_of(settings: Settings) -> Path:
    """Where the record of these settings belongs: beside the data folder."""
    return settings.data_dir.absolute().parent / NAME


def write_record(settings: Settings, explained: str) -> None:
    """Write down what the settings say of model, folder and data. Blocking.

    A file of somebody's own is left as it is. ``explained`` is the text of
    ``config/default.toml``. Raises OSError, and SettingsError where TOML cannot hold a name.
    """
    file = record_of(settings)
    values = {
        "data_dir": _relative(settings.data_dir, file.parent),
        "model": _model(settings.model),
    }
    if settings.gallery is not None:
        values["gallery"] = _relative(settings.gallery, file.parent)
    body = settings_text(values, explained, head=_HEAD)
    descriptor, beside = tempfile.mkstemp(prefix=f".{NAME}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(f"{_SUM}{_sum(body)}\n{body}")
        if is_record(file):
            Path(beside).replace(file)
        elif not file.exists():
            _put(Path(beside), file)
    finally:
        Path(beside).unlink(missing_ok=True)


def _put(beside: Path, file: Path) -> None:
    # Unlike a rename, a link replaces nothing that has come meanwhile; not every disk has them.
    try:
        os.link(beside, file)
    except FileExistsError:
        pass
    except OSError:
        beside.rename(file)


def _relative(path: Path, folder: Path) -> str:
    path = path.expanduser().absolute()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _model(model: str) -> str:
    folder = Path(model).expanduser()
    return str(folder.absolute()) if folder.is_dir() else model


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
