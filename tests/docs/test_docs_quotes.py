"""What the documentation quotes of the program is what the program says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "troubleshooting.md"


def _said() -> str:
    """Every text in the sources, one a line; places in them are gaps."""
    return "\n".join(
        node.value
        for package in ("bot", "config", "core", "index")
        for file in (_ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_numbers_of_answers_stand_where_they_are_checked() -> None:
    """A number with its band is quoted in a table whose question tests ask the program.

    See ``tests/evaluation/test_docs_scores.py``.
    """
    for page in (_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        elsewhere = re.sub(r"<!-- answer: .+? -->\n(\|.*\n)+", "", text)
        assert not re.findall(r"\d[.,]\d+ · (?:strong|fair|weak)", elsewhere), page.name


def test_troubleshooting_quotes_the_program() -> None:
    """Whoever looks for a message finds it: each one in “ ” of the first columns is said so."""
    rows = [row for row in _PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    quoted = [quote for row in rows for quote in re.findall("“(.+?)”", row.split("|")[1])]
    said = _said()
    assert len(quoted) > 30
    assert [quote for quote in quoted if quote not in said] == []
