"""What the start says of who may search: a code where nobody may, a warning where all may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.chat.claims import Claims
from bot.engine.exposure import tell_who_is_let_in
from bot.engine.specs import operators
from bot.terminal.console import Terminal
from config.settings import Settings, load
from index.library.library import FolderLibrary
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("empty_environment")

TOKENS = {"telegram": {"token": "1:a"}, "discord": {"token": "b"}}


class Said(Terminal):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)

    def warning(self, cause: str, remedy: str = "") -> None:
        """Keep both."""
        self.lines.append(f"{cause} {remedy}")


@dataclass
class Started:
    """What the start looks at of an engine."""

    settings: Settings
    library: FolderLibrary
    grants: Any


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., tuple[str, Claims]]:
    """Start with these settings: what is said, and the codes."""

    def started(*, on_terminal: bool = True, kept: bool = False, **values: Any) -> Any:
        from bot.engine.engine import collection_specs  # noqa: PLC0415

        settings = load(gallery=tmp_path / "pictures", data_dir=tmp_path / "data", **values)
        gallery = Gallery(tmp_path)
        if kept:
            with gallery.overlays.change() as change:
                change.connection.exec_driver_sql(
                    "INSERT INTO grants VALUES ('default', '*', 'kept', 0)"
                )
        grants = type(gallery.grants).open(gallery.overlays)
        grants.change_operators(operators(settings))
        library = FolderLibrary(
            collection_specs(settings), gallery.catalogue, gallery.store, gallery.overlays,
            grants=grants,
        )  # fmt: skip
        said, claims = Said(), Claims()
        engine = Started(settings, library, grants)
        telling = tell_who_is_let_in(engine, claims, said, on_terminal=on_terminal)  # type: ignore[arg-type]
        asyncio.run(telling)
        gallery.close()
        return "\n".join(said.lines), claims

    return started


def test_a_code_for_each_platform_where_nobody_may_search(start: Callable[..., Any]) -> None:
    """On the operator's terminal alone; elsewhere the bot itself tells the way in."""
    said, claims = start(**TOKENS)
    assert said.count("/claim ") == 2
    for line in said.splitlines():
        if "/claim " in line:
            asyncio.run(claims.redeem(line.rpartition("/claim ")[2], "telegram:1"))
    said, _ = start(on_terminal=False, **TOKENS)
    assert "/claim" not in said
    assert "Nobody on Telegram may search yet." in said


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"telegram": {"token": "1:a", "admins": (11,)}},
        {"telegram": {"token": "1:a"}, "communities": ("web", "telegram:-5")},
        {"telegram": {"token": "1:a"}, "communities": ("*",)},
    ],
)
def test_no_code_where_somebody_may_or_nobody_could(
    start: Callable[..., Any], values: dict[str, Any]
) -> None:
    """Without a token nobody comes; an operator has /allow; whoever is named is in."""
    said, _ = start(**values)
    assert "/claim" not in said


def test_open_doors_are_told(start: Callable[..., Any]) -> None:
    """Those that somebody opened, and those that an upgrade left open."""
    said, _ = start(communities=("*",))
    assert "Everybody who finds the bot may search the collection 'default'" in said
    said, _ = start(kept=True)
    assert "as before the upgrade" in said
    assert "tangerine allow '*' --off" in said
    assert start(communities=("web",))[0] == ""
