"""The documentation: its links lead somewhere, and what it names is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from bot.cli.main import app
from config.settings import SHORT_NAMES, Settings
from scripts.settings_page import PAGE, page

_ROOT = Path(__file__).parents[2]
_PAGES = sorted((_ROOT / "docs").glob("*.md"))
_CODES = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


@pytest.mark.process
def test_the_site_can_be_built(tmp_path: Path) -> None:
    """Every page is in the navigation, every link and anchor leads to something."""
    done = subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "-d", tmp_path],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    # Not with -q, which keeps what it would warn of from failing.
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in tmp_path.glob("*.html")} >= {path.stem for path in _PAGES}


def test_the_settings_page_is_up_to_date() -> None:
    """Whoever changes a setting runs ``make docs``."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_setting_is_documented_with_words() -> None:
    """By name, with its variable, and with what it means."""
    rows = {
        (section, name): (variable, meaning)
        for section, body in re.findall(r"(?ms)^## (.+?)$(.*?)(?=^## |\Z)", page())
        for name, variable, meaning in re.findall(
            r"^\| `(\w+)` \|.*\| `(\w+)` \| (.+?) \|$", body, re.MULTILINE
        )
    }
    expected = set()
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            expected |= {(f"[{name}]", sub) for sub in inner.model_fields}
        elif name != "collections":
            expected.add(("General", name))
    assert set(rows) == expected
    assert all(len(meaning) > 10 for _, meaning in rows.values())
    assert {variable for variable, _ in rows.values()} >= set(SHORT_NAMES)


def _named(pattern: str) -> set[tuple[str, str]]:
    return {
        (path.name, name)
        for path in _PAGES
        for code in _CODES.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(pattern, code)
    }


def test_commands_that_are_named_exist() -> None:
    """After ``tangerine`` stands one of its commands."""
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = _named(r"(?<![\w/.-])(?:\.venv/bin/)?tangerine ([a-z]+(?:-[a-z]+)*)")
    assert len(named) > 10
    assert {(page, name) for page, name in named if name not in known} == set()


def test_targets_and_variables_that_are_named_exist() -> None:
    """Targets of make, and variables of the environment."""
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    for name, target in _named(r"\bmake ([a-z-]+)"):
        assert re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.MULTILINE), (name, target)
    known = {*SHORT_NAMES, "TANGERINE_CONFIG"} | {f"{name}_FILE" for name in SHORT_NAMES}
    for name, field in Settings.model_fields.items():
        known.add(f"TANGERINE_{name}".upper())
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            known |= {f"TANGERINE_{name}__{sub}".upper() for sub in inner.model_fields}
    named = _named(r"\b((?:TANGERINE|DISCORD|TELEGRAM)_[A-Z_]+)\b")
    assert {(page, name) for page, name in named if name not in known} == set()


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    """Paths into the sources, as config/default.toml."""
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:config|deploy|docs|scripts|bench|recipes)/[\w./-]+)`", text):
        assert (_ROOT / name).exists(), name
