"""``docs/commands.md`` says what the definitions of the commands say."""

from __future__ import annotations

import re

from bot.protocol.definitions import COMMANDS
from scripts.commands_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    """Whoever changes a command or its words runs ``make docs``."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_command_is_shown_on_both_platforms() -> None:
    """Each section of a command of both has a picture of the reply on either."""
    text = PAGE.read_text(encoding="utf-8")
    for command in COMMANDS:
        for platform in ("discord", "telegram"):
            if command.not_on:
                continue
            path = f"images/commands/{command.name}-{platform}.png"
            assert path in text
            assert (PAGE.parent / path).stat().st_size > 2000
    assert len(re.findall(r"^## /", text, re.MULTILINE)) == len(COMMANDS)
