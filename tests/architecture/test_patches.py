"""Tests patch nothing of ours: what they need to be otherwise is an argument."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).parents[1]
_OURS = ("bot", "core", "index", "config")


def _imported(tree: ast.Module) -> set[str]:
    """The names that a file has from our packages."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _OURS:
            names |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.Import):
            whole = (each.asname or each.name.split(".")[0] for each in node.names)
            names |= {name for name in whole if name in _OURS}
    return names


def _patched(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the root of everything that is given to ``setattr``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func
        if getattr(called, "attr", getattr(called, "id", "")) != "setattr":
            continue
        target = node.args[0]
        if isinstance(target, ast.Constant):
            yield node.lineno, str(target.value).split(".")[0]
            continue
        while isinstance(target, ast.Attribute | ast.Call):
            target = target.value if isinstance(target, ast.Attribute) else target.func
        yield node.lineno, getattr(target, "id", "")


def test_nothing_of_ours_is_patched() -> None:
    """Neither a module's constants and functions nor a class."""
    found = []
    for file in sorted(_TESTS.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "setattr" not in text:
            continue
        tree = ast.parse(text)
        ours = {*_imported(tree), *_OURS}
        found += [f"{file.name}:{line}" for line, root in _patched(tree) if root in ours]
    assert found == []


def test_the_check_finds_patches() -> None:
    """By name, by module and by class."""
    source = """
import core.images.slot
from index.library import views as v
monkeypatch.setattr("core.search.labels._BLOCK", 5)
patch.setattr(core.images.slot, "_JOBS", 3)
setattr(v.Views, "current", None)
monkeypatch.setattr("discord.Asset.BASE", "")
"""
    tree = ast.parse(source)
    ours = {*_imported(tree), *_OURS}
    assert [line for line, root in _patched(tree) if root in ours] == [4, 5, 6]
