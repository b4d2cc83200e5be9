"""The settings file that ``tangerine init`` writes, or ``tangerine run`` leaves beside the data.

It says which model, folder and data the last run used. As long as nobody has changed it, the
next run brings it up to date; one that somebody wrote or changed is never touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from config.files import NAME
from config.settings import Settings
from core.domain.errors import SettingsError

Value = str | int | bool | list[str] | list[int]

_OWNER_ONLY = 0o600
_HEAD = """\
# Settings of Tangerine, made by: tangerine init
# It holds the tokens of your bots: keep it to yourself, and out of any repository.
# Everything else that can be set is explained in config/default.toml.
"""


def settings_text(values: Mapping[str, Value], explained: str, *, head: str = _HEAD) -> str:
    """A TOML file with ``values`` (by dotted name, as ``web.port``), each below its comment.

    It begins with ``head``, which is made of comments. ``explained`` is the text of
    ``config/default.toml``, where every setting stands below a comment of its own, commented
    out itself where it has no default. Raises SettingsError for a value that TOML cannot hold.
    """
    lines, section, shown, comment, used = [head], "", "", list[str](), False
    for line in explained.splitlines():
        name, equals, _ = line.removeprefix("# ").partition(" = ")
        if equals and name.isidentifier():
            used = True  # the next setting may share this comment, the next comment is another's
            dotted = f"{section}.{name}" if section else name
            if dotted in values:
                if section != shown:
                    lines.append(f"[{section}]")
                    shown = section
                lines += [*comment, f"{name} = {_quoted(values[dotted])}", ""]
        elif line.startswith("#"):
            comment = [line] if used else [*comment, line]
            used = False
        else:
            section = line.strip("[]") if line.startswith("[") else section
            comment, used = [], False
    text = "\n".join(lines)
    if _flat(tomllib.loads(text)) != dict(values):
        raise SettingsError(
            "A value cannot be written to a settings file.",
            remedy="Leave control characters out of names of folders.",
        )
    return text


def write_private(path: Path, text: str, *, replacing: bool = False) -> None:
    """Make a file that nobody but its owner can read.

    Raises SettingsError, also if it exists, unless it is ``replacing`` that one.
    """
    if replacing:
        beside = path.with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)
        write_private(beside, text)
        beside.replace(path)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made with its rights at once: nobody can open it in between.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise already_there(path) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}.", remedy="Name another file with --out."
        ) from error


def already_there(path: Path) -> SettingsError:
    return SettingsError(
        f"{path} exists already and is left as it is.",
        remedy="Name another file with --out, or move this one away.",
    )


def _quoted(value: Value) -> str:
    # A JSON string is a TOML string, as long as characters are not written as surrogates.
    return json.dumps(value, ensure_ascii=False)


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


_RECORD_HEAD = """\
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
    body = settings_text(values, explained, head=_RECORD_HEAD)
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


def whole_path(path: Path) -> Path:
    """The absolute path, without ``..``; a link is kept as it was typed."""
    path = path.expanduser().absolute()
    return path.resolve() if ".." in path.parts else path


def _relative(path: Path, folder: Path) -> str:
    path = whole_path(path)
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _model(model: str) -> str:
    folder = Path(model).expanduser()
    return str(folder.absolute()) if folder.is_dir() else model


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
