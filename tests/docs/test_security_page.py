"""``docs/security.md``: each line of an attack names a test, and each test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def _attacks() -> list[str]:
    rows, inside = [], False
    for line in _PAGE.splitlines():
        if line.startswith("| Attack |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            rows.append(line)
    return rows


@pytest.mark.parametrize("row", _attacks())
def test_each_answer_has_its_test(row: str) -> None:
    """What nobody attacks is no answer."""
    *_, last, _ = row.split("|")
    named = _NAMED.findall(last)
    assert named, row
    for file, function in named:
        path = _ROOT / file
        assert path.is_file(), file
        if function:
            assert re.search(rf"def {function}\b", path.read_text(encoding="utf-8")), function


def test_there_are_attacks() -> None:
    """The pattern above still finds the tables."""
    assert len(_attacks()) > 15
