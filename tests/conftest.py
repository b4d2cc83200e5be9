"""What holds for every test: nothing that is secret is written down; and what many share."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.servers.secrets import DISCORD_TOKEN, TELEGRAM_TOKEN

# Our own logs are printed at every level where a test does not set them up otherwise.
_SECRET = (DISCORD_TOKEN, TELEGRAM_TOKEN, "/file/bot", "/cdn/")


@pytest.fixture
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment in which the tests happen to run."""
    for name in os.environ:
        if name.startswith(("TANGERINE_", "DISCORD_", "TELEGRAM_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TANGERINE_CONFIG", "")


def pytest_configure() -> None:
    """No settings file of whoever runs the tests is found, in no process that they start."""
    os.environ["TANGERINE_CONFIG"] = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that passed fails where it wrote a token, or a link to somebody's picture."""
    report = yield
    if report.passed:
        written = f"{report.capstdout}{report.capstderr}{report.caplog}"
        found = [secret for secret in _SECRET if secret in written]
        if found:
            report.outcome = "failed"
            report.longrepr = f"A secret was written down: {found}\n{written}"
    return report
