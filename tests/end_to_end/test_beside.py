"""Commands beside a running bot: it does their tasks, and what they show is the same."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.control.server import answering_commands
from bot.engine.engine import open_engine
from config.settings import load
from tests.program import Done, Program

pytestmark = pytest.mark.process

_IMPORTED = """
import sys
from bot.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"aiohttp", "numpy", "pydantic_settings", "sqlalchemy", "torch", "transformers"}
print(*sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


async def test_beside_a_bot_a_command_says_what_it_says_alone(
    indexed: Program, tmp_path: Path
) -> None:
    """Output, JSON, errors and exit codes; the bot is asked, or told why it is not."""
    # Machines that run tests may be busy.
    indexed = replace(
        indexed, environment={**indexed.environment, "TANGERINE_SEARCH__TIMEOUT_S": "60"}
    )
    picture = next(iter(sorted(indexed.gallery.glob("*.png"))))
    labels = tmp_path / "labels.txt"
    labels.write_text("fruit\nbird\n")
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("find", "orange fruits", "--json"),
        ("find", "a bird", "-k", "2"),
        ("find", "  "),
        ("find", "a bird", "--collection", "none"),
        ("similar", picture, "--text", "green", "--json"),
        ("classify", picture, "fruit", "bird", "--json"),
        ("moderate", "list"),
        ("status", "--json"),
    )
    alone = [await asyncio.to_thread(indexed, *command) for command in commands]
    settings = load(environ=indexed.environment)
    async with open_engine(settings) as engine, answering_commands(engine):

        def asked() -> float:
            value = engine.metrics.registry.get_sample_value
            return sum(
                value("tangerine_requests_total", {"platform": "command", "command": name}) or 0
                for name in ("find", "similar", "classify", "moderate-list", "status")
            )

        for command, before in zip(commands, alone, strict=True):
            assert await asyncio.to_thread(indexed, *command) == before, command
        # A question without words is refused before anybody is asked.
        assert asked() == len(commands) - 1

        # Told of another model than the bot's, a command does not take the bot's answer.
        other = await asyncio.to_thread(indexed, "find", "a bird", TANGERINE_MODEL="./none")
        assert other.code == 1
        assert "none" in other.err
        assert asked() == len(commands) - 1

        # A client is small: that is what makes it quick.
        client = await asyncio.to_thread(_imports_of, indexed, "find", "a bird")
        assert (client.code, client.err.strip()) == (0, "")
        assert "match" in client.out
        assert asked() == len(commands)

        # What a command is to write is written by itself.
        table = tmp_path / "tags.csv"
        tagged = await asyncio.to_thread(indexed, "tag", "--labels", labels, "--out", table)
        assert tagged.code == 0, tagged.err
        assert table.read_text().startswith("path,label,score")
        assert (await asyncio.to_thread(indexed, "tag", "--clear")).code == 0


async def test_a_stopping_bot_tells_its_commands(new_program: Callable[[], Program]) -> None:
    """A task that is under way ends with an error, and at once."""
    program = new_program()
    async with open_engine(load(environ=program.environment)) as engine:
        async with answering_commands(engine):
            command = await asyncio.create_subprocess_exec(
                *program.command("reindex"), stderr=PIPE, env=program.environment, cwd=program.root
            )
            assert command.stderr is not None
            async with asyncio.timeout(60):
                assert b"looking for pictures" in await command.stderr.readline()
        async with asyncio.timeout(60):
            told = await command.stderr.read()
            assert await command.wait() == 1
    assert b"stopping" in told


def _imports_of(program: Program, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**program.environment, "PYTHONPATH": os.fspath(program.root)},
        cwd=program.root,
        timeout=60,
    )
    return Done(done.returncode, done.stdout, done.stderr)
