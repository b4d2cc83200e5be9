"""What the command line prints of texts that strangers wrote."""

from __future__ import annotations

import json

import pytest

from bot.protocol.json_views import reindex_view
from bot.terminal.console import Terminal
from core.domain.types import Failure, LeftOut, ReindexReport

_NAME = "a\x1b[2J\x9b31m\u202egnp.exe"
_SHOWN = "a\\x1b[2J\\x9b31m\\u202egnp.exe"


def test_control_characters_are_spelt_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A file's name neither clears the screen nor pretends to be a picture."""
    terminal = Terminal()
    terminal.note(_NAME)
    terminal.error(_NAME, _NAME)
    terminal.report(ReindexReport(_NAME, 1, 0, 0, 0, (Failure(_NAME, "source", _NAME),), 1.0))
    terminal.table((_NAME,), [(_NAME,)])
    written = "".join(capsys.readouterr())
    assert written.count(_SHOWN) == 8
    assert not set(written) & {"\x1b", "\x9b", "\u202e"}


def test_json_is_plain_for_a_terminal_and_the_same_for_a_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a terminal would obey is escaped as JSON escapes it."""
    Terminal().json({"path": "a\x1b\x9bé"})
    written = capsys.readouterr().out
    assert json.loads(written) == {"path": "a\x1b\x9bé"}
    assert not set(written) & {"\x1b", "\x9b"}


def test_what_was_left_out_of_a_folder_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Files by the ends of their names, excluded ones by path; nothing where all are taken."""
    left_out = LeftOut((("mp4\x1b", 3), ("", 1)), 2, ("#recycle", "sub/@eaDir"))
    report = ReindexReport("gallery", 1, 0, 0, 0, (), 1.0, left_out)
    Terminal().report(report)
    written = capsys.readouterr().out
    assert "6 other files are no pictures, as mp4\\x1b, no ending" in written
    assert "2 left out by index.exclude: #recycle, sub/@eaDir" in written
    assert reindex_view(report)["left_out"] == {
        "unopened": {"mp4\x1b": 3, "": 1},
        "no_pictures": 2,
        "excluded": ["#recycle", "sub/@eaDir"],
    }
    plain = ReindexReport("gallery", 1, 0, 0, 0, (), 1.0)
    Terminal().report(plain)
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert "left_out" not in reindex_view(plain)
