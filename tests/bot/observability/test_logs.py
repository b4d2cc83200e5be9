"""Logs: structured, on standard error, and without secrets."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from bot.observability.logs import Redactor

_DISCORD = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
_TELEGRAM = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw4"


def test_whatever_looks_like_a_token_is_taken_out() -> None:
    """Bot tokens and the configured secrets vanish from texts, containers and objects."""
    redact = Redactor(["my web secret"])
    event = redact(
        None,
        "info",
        {
            "event": f"GET /bot{_TELEGRAM}/getMe",
            "headers": {"Authorization": f"Bot {_DISCORD}", "n": 3},
            "tried": ["my web secret", ValueError(f"bad {_DISCORD}")],
        },
    )
    text = json.dumps(event)
    assert _DISCORD not in text
    assert _TELEGRAM not in text
    assert "my web secret" not in text
    assert text.count("[secret]") == 4
    assert event["headers"]["n"] == 3


@pytest.mark.process
def test_a_traceback_holds_no_token() -> None:
    """Exceptions of libraries are cleaned too, in the logs of the standard library as well."""
    program = f"""
import logging, structlog
from bot.observability.logs import configure
configure("debug", "json", ["hush-hush"])
for log in (logging.getLogger("some.library"), structlog.get_logger()):
    try:
        raise RuntimeError("https://host/bot{_TELEGRAM}/x hush-hush")
    except RuntimeError:
        log.exception("failed")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(lines) == 2
    assert all("RuntimeError" in line["exception"] for line in lines)
    assert _TELEGRAM not in done.stderr
    assert "hush-hush" not in done.stderr


def _written_at(terminal: int) -> str:
    """What a program whose standard output and error are pipes logs, beside this input."""
    program = """
import structlog
from bot.observability.logs import configure
configure("info", "auto")
structlog.get_logger().info("ready")
"""
    return subprocess.run(
        [sys.executable, "-c", program], stdin=terminal, capture_output=True, text=True, check=True
    ).stderr


@pytest.mark.process
def test_a_person_who_pipes_a_run_reads_text() -> None:
    """``make run 2>&1 | tee log`` shows no JSON between lines for people; a service writes it."""
    ours, theirs = pty.openpty()
    try:
        assert not _written_at(theirs).startswith("{")
    finally:
        os.close(ours)
        os.close(theirs)
    assert json.loads(_written_at(subprocess.DEVNULL))["event"] == "ready"


@pytest.mark.process
def test_a_request_that_cannot_be_parsed_is_not_logged() -> None:
    """The server logs its bytes by itself, and a question is among them."""
    program = """
import asyncio
from aiohttp import web
from bot.observability.logs import configure

async def main():
    configure("debug", "json")
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /?q=my-secret-question HTTP/1.1\\r\\nbad header my-secret\\r\\n\\r\\n")
    await writer.drain()
    await reader.read()
    await runner.cleanup()

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "my-secret" not in done.stderr
    [line] = [json.loads(line) for line in done.stderr.splitlines()]
    assert line["event"].startswith("aiohttp: ")


def test_a_log_on_a_terminal_obeys_no_name() -> None:
    """Control characters of a file's name are spelt out, also those that turn the reading."""
    event = Redactor()(None, "info", {"event": "x", "path": "a\x1b]0;owned\x07\u202egnp.exe\x9b2J"})
    assert event["path"] == "a\\x1b]0;owned\\x07\\u202egnp.exe\\x9b2J"
