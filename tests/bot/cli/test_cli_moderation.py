"""What ``tangerine moderate test`` reads and prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.tasks.moderation import read_verdicts, trial_view
from core.domain.choices import Strictness
from core.domain.errors import SourceError
from core.domain.types import Picture
from core.search.moderation import Level, Trial


def test_labels_are_lines_of_a_path_and_yes_or_no(tmp_path: Path) -> None:
    """In any case, below a line of names or without one; commas may stand in quotes."""
    file = tmp_path / "labels.csv"
    file.write_text('image,meets\na.png,Yes\n"b, c.png", no\n\n', encoding="utf-8-sig")
    assert read_verdicts(file) == {"a.png": True, "b, c.png": False}
    file.write_text("a.png,yes\n", encoding="utf-8")
    assert read_verdicts(file) == {"a.png": True}


@pytest.mark.parametrize("text", ["a.png,yes\nb.png,perhaps\n", "a.png,yes\nb.png\n"])
def test_a_line_that_is_no_label_is_named(tmp_path: Path, text: str) -> None:
    """With its number, and what to write."""
    file = tmp_path / "labels.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="Line 2") as refused:
        read_verdicts(file)
    assert "path,yes" in refused.value.remedy


def test_labels_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A file that is not there, and one that is no text."""
    file = tmp_path / "labels.csv"
    with pytest.raises(SourceError):
        read_verdicts(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError):
        read_verdicts(file)


def test_a_dry_run_is_one_object() -> None:
    """Counts for each strictness, precision where somebody decided, and the best pictures."""
    picture = Picture("abcdefgh", "default", "a.png", "a gun", "0" * 64, 4, 3)
    levels = (Level(Strictness.LOW, 2, removed=1, approved=1), Level(Strictness.HIGH, 3, 0, 0))
    view = trial_view(Trial("weapon", "default", 9, levels, ((picture, 4.56789),)), 0.98765)
    assert view == {
        "criterion": "weapon",
        "collection": "default",
        "pictures": 9,
        "levels": [
            {"strictness": "low", "held": 2, "removed": 1, "approved": 1, "precision": 0.5},
            {"strictness": "high", "held": 3, "removed": 0, "approved": 0, "precision": None},
        ],
        "average_precision": 0.9877,
        "best": [{"id": "abcdefgh", "path": "a.png", "caption": "a gun", "score": 4.5679}],
    }
