"""What ``tangerine run`` shows: one's own gallery, the demo, or what the settings file says."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bot.engine.engine import fetch_demo
from bot.engine.settings_record import is_record, record_of, write_record
from bot.terminal.console import Terminal
from bot.terminal.invocation import as_called
from config.files import CONFIG, config_file
from config.settings import Settings
from core.domain.errors import SettingsError

_EXPLAINED = Path(__file__).parents[2] / "config" / "default.toml"
# These variables of the environment apply to every command.
_SAID_FOR_ALL = (CONFIG, "TANGERINE_DATA_DIR", "TANGERINE_GALLERY")


class GalleryChoice:
    """One call of ``run`` with its options ``--gallery`` and ``--demo``, and ``--config``."""

    def __init__(
        self, config: Path | None, gallery: Path | None, terminal: Terminal, *, demo: bool
    ) -> None:
        self._config = config
        self._gallery = gallery
        self._terminal = terminal
        self._demo = demo

    async def settings(self, settings: Settings) -> Settings:
        """The settings with the gallery that is to be shown; the demo's is fetched.

        Raises SourceError.
        """
        file = config_file(self._config)
        recorded = await asyncio.to_thread(is_record, file)
        if self._demo and self._wants_demo(settings, recorded=recorded):
            before = settings.gallery if settings.gallery != self._gallery else None
            folder = await fetch_demo(settings, self._terminal.note)
            settings = settings.model_copy(update={"gallery": folder})
            if before is not None and not _same(before, folder):
                self._terminal.note(
                    "This is the demo gallery. What is indexed of your own stays as it is: "
                    f"make run GALLERY={before}"
                )
        elif self._demo and self._gallery is None and file is not None and not recorded:
            self._terminal.note(
                f"{file} says which pictures are shown. It is yours and stays as it is; move it "
                "away to see the demo gallery."
            )
        return settings

    async def keep(self, settings: Settings) -> None:
        """Write them down for the commands that follow, where nobody has done so himself."""
        if self._demo or self._gallery is not None:
            await asyncio.to_thread(self._write_down, settings)

    def _wants_demo(self, settings: Settings, *, recorded: bool) -> bool:
        if not settings.all_collections:
            return True
        # The gallery of the run before is not what anybody has settled on.
        return recorded and self._gallery is None and not os.environ.get("TANGERINE_GALLERY")

    def _write_down(self, settings: Settings) -> None:
        file = config_file(self._config)
        said = any(name in os.environ for name in _SAID_FOR_ALL)
        record = record_of(settings)
        ours = file is None or (is_record(file) and _same(file, record))
        if self._config is None and not said and ours:
            try:
                write_record(settings, _EXPLAINED.read_text(encoding="utf-8"))
            except (OSError, SettingsError) as error:
                self._terminal.note(f"{record} cannot be written ({error}).")
        self._terminal.called = as_called(self._terminal.called, settings, self._config)
        needed = self._terminal.called.environment
        if needed and not said:
            given = " ".join(f"{name}={value}" for name, value in needed.items())
            self._terminal.note(f"{file or record} does not say so: other commands need {given}")


def _same(one: Path, other: Path) -> bool:
    return one.expanduser().absolute() == other.expanduser().absolute()
