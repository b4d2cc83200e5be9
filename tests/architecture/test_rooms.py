"""The rooms: each has a face, and no class name stands for two things."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FILES = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("bot", "core", "index", "config")
    for path in (_ROOT / package).rglob("*.py")
}
_ROOMS = {module for module, path in _FILES.items() if path.name == "__init__.py"}


def _tree(module: str) -> ast.Module:
    return ast.parse(_FILES[module].read_text(encoding="utf-8"))


def _room(module: str) -> str:
    return module if module in _ROOMS else module.rpartition(".")[0]


def _imported(module: str) -> Iterator[str]:
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in _FILES)
        elif isinstance(node, ast.ImportFrom) and node.module in _FILES:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ({name for name in inside if name in _FILES} or {node.module})


def _face(room: str) -> set[str]:
    """The modules that a room shows to the others: ``__all__`` of its ``__init__.py``."""
    for node in _tree(room).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {f"{room}.{name}" for name in ast.literal_eval(node.value)}
    return set()


def test_rooms_see_each_others_faces_alone() -> None:
    """What a room imports of another is in that room's ``__all__``; nothing else is in there."""
    used = defaultdict(set)
    for module in _FILES:
        for imported in _imported(module):
            if _room(imported) != _room(module):
                used[_room(imported)].add(imported)
    assert len(used) > 20
    for room in _ROOMS:
        assert used[room] == _face(room), room


def test_every_room_says_what_it_is_for() -> None:
    """In one line, and its ``__init__.py`` does nothing but that."""
    for room in _ROOMS:
        first, *rest = _tree(room).body
        assert isinstance(first, ast.Expr), room
        assert "\n" not in ast.literal_eval(first.value), room
        assert all(ast.unparse(each).startswith("__all__ = [") for each in rest), room


def test_no_class_name_stands_for_two_things() -> None:
    """In the whole product."""
    found = defaultdict(list)
    for module in _FILES:
        for node in _tree(module).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module)
    assert len(found) > 300
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}
