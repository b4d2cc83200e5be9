"""Lines of people: so many wait, and one more is turned away."""

from __future__ import annotations

from contextlib import ExitStack

from bot.chat.admission import Lines


def test_a_line_is_full_behind_its_longest() -> None:
    """Those who have their turn and those who wait; others have a line of their own."""
    lines = Lines(2, longest=3)
    with ExitStack() as stack:
        for _ in range(2 + 3):
            assert stack.enter_context(lines.stand("ann")) is not None
        assert stack.enter_context(lines.stand("ann")) is None
        assert stack.enter_context(lines.stand("bob")) is not None
    with lines.stand("ann") as turns:
        assert turns is not None, "whoever leaves makes room"
