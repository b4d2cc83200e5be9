"""The settings file: which one is read, and what its relative paths stand for."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = "TANGERINE_CONFIG"
"""The variable that names the settings file; set but empty: none is looked for."""

NAME = "tangerine.toml"
"""What the file is called where nobody names one."""

_FOLDERS = ("data_dir", "gallery")


class UnreadableFileError(ValueError):
    """A settings file cannot be read; the text says which and why."""


def config_file(config: Path | None = None) -> Path | None:
    """The settings file that is read, None where there is none.

    The first of: ``config``, the one that ``TANGERINE_CONFIG`` names, ``tangerine.toml`` in
    the current folder, and ``tangerine/tangerine.toml`` in the user's configuration folder
    (``XDG_CONFIG_HOME``, else ``~/.config``:
    https://specifications.freedesktop.org/basedir-spec/latest/).
    """
    if config is not None:
        return config
    named = os.environ.get(CONFIG)
    if named is not None:
        return Path(named) if named else None
    return next((file for file in _usual_places() if file.is_file()), None)


def read_file(path: Path) -> dict[str, Any]:
    """What a settings file says, its relative paths made those below its own folder.

    Raises UnreadableFileError.
    """
    if not path.is_file():
        raise UnreadableFileError("there is no such file; name an existing TOML file.")
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"cannot be read as TOML: {error}.") from None
    return _placed(values, path.absolute().parent)


def _usual_places() -> tuple[Path, ...]:
    home = os.environ.get("XDG_CONFIG_HOME")
    # A relative one is invalid and to be ignored, says the specification.
    folder = Path(home) if home and Path(home).is_absolute() else Path("~/.config").expanduser()
    return Path(NAME), folder / "tangerine" / NAME


def _placed(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    placed = dict(values)
    for name in _FOLDERS:
        if isinstance(placed.get(name), str):
            placed[name] = _below(folder, placed[name])
    model = placed.get("model")
    # A hub's name looks like a path: it is one where such a folder is there.
    if isinstance(model, str) and model and (folder / Path(model).expanduser()).is_dir():
        placed["model"] = _below(folder, model)
    if isinstance(placed.get("collections"), list):
        placed["collections"] = [_collection(each, folder) for each in placed["collections"]]
    return placed


def _collection(entry: object, folder: Path) -> object:
    if isinstance(entry, dict) and isinstance(entry.get("folder"), str):
        return {**entry, "folder": _below(folder, entry["folder"])}
    return entry


def _below(folder: Path, path: str) -> str:
    return str(folder / Path(path).expanduser()) if path else path
