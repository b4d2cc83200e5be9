"""How this program was called, so that a command in a message works as it is written there.

Messages say ``tangerine reindex``. Who reads them in a terminal may have to type
``.venv/bin/tangerine --config my.toml reindex`` instead: :class:`Called` says it so.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from config.files import UnreadableFileError, config_file, read_file
from config.settings import Settings

COMMANDS = (
    "allow", "classify", "compare", "describe", "doctor", "encoder", "evaluate", "export", "find",
    "import", "import-chat", "init", "jobs", "map", "migrate-database", "moderate", "reindex",
    "run", "similar", "status", "tag", "train", "verify", "worker",
)  # fmt: skip
"""Every command; a test holds them to the command line's own."""

_NAME = "tangerine"
_COMMAND = re.compile(rf"(?<![\w./-]){_NAME} (?=(?:{'|'.join(COMMANDS)})\b)")


@dataclass(frozen=True, slots=True)
class Called:
    """What stands before a command: the program, and what it would not find by itself.

    ``program``: as a shell takes it in the folder where it runs. ``options`` as
    ``--config my.toml``; ``environment``: variables without which it would do something else.
    """

    program: str = _NAME
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def told(self, text: str) -> str:
        """The text with each command as it has to be typed here."""
        said = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        before = " ".join([*said, self.program, *map(shlex.quote, self.options)])
        return _COMMAND.sub(lambda _: f"{before} ", text)

    def told_to_others(self, text: str) -> str:
        """The same for people in a chat: no folder of this machine is named to them."""
        program = _NAME if Path(self.program).is_absolute() else self.program
        return _COMMAND.sub(lambda _: f"{program} ", text)


def program_called(argument: str | None = None) -> str:
    """The program as a shell finds it in the current folder: by name, else by its path.

    ``argument``: how it was called (``sys.argv[0]``).
    """
    script = Path(sys.argv[0] if argument is None else argument)
    if script.name != _NAME:  # as `python -m bot`
        script = Path(sys.executable).with_name(_NAME)
    found = shutil.which(_NAME)
    if found is not None and os.path.realpath(found) == os.path.realpath(script):
        return _NAME
    script = script.absolute()
    if script.is_relative_to(Path.cwd()):
        script = script.relative_to(Path.cwd())
    return shlex.quote(str(script))


def called(config: Path | None = None) -> Called:
    """How it was called, with the ``--config`` that it was given."""
    options = () if config is None else ("--config", str(config))
    return Called(program_called(), options)


def as_called(called: Called, settings: Settings, config: Path | None) -> Called:
    """With the variables that a command needs to find what these settings say. Blocking."""
    file = config_file(config)
    try:
        return replace(called, environment=unsaid(settings, read_file(file) if file else {}))
    except UnreadableFileError:
        return called


def unsaid(settings: Settings, file: Mapping[str, Any]) -> dict[str, str]:
    """The variables without which a command would not go by ``settings``, but by ``file``.

    ``file``: what the settings file says that commands find here (empty: there is none).
    """
    needed = {}
    for name in ("data_dir", "gallery", "model"):
        value = getattr(settings, name)
        found = file.get(name, Settings.model_fields[name].default)
        if value is not None and _same(value) != _same(found):
            needed[f"TANGERINE_{name}".upper()] = str(value)
    return needed


def _same(value: object) -> Path:
    # A model's name is no path, and stays what it is as long as both are looked at alike.
    return Path(str(value)).expanduser().absolute()
