"""What holds for every test: nothing that is secret is written down; and what many share."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests import kinds
from tests.databases import (  # noqa: F401 - fixtures, as those below
    database,
    either_database,
    own_database,
)
from tests.servers.milvus import milvus, own_milvus  # noqa: F401
from tests.servers.postgresql import (  # noqa: F401
    PASSWORD,
    _catalogue,
    blank_url,
    own_postgresql,
    postgresql,
    postgresql_url,
)
from tests.servers.s3 import SECRET as S3_SECRET
from tests.servers.s3 import own_s3_server, s3_server, s3_url  # noqa: F401
from tests.servers.secrets import DISCORD_TOKEN, TELEGRAM_TOKEN

# Our own logs are printed at every level where a test does not set them up otherwise.
_SECRET = (DISCORD_TOKEN, TELEGRAM_TOKEN, PASSWORD, S3_SECRET, "/file/bot", "/cdn/")


@pytest.fixture
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment in which the tests happen to run."""
    for name in os.environ:
        if name.startswith(("TANGERINE_", "DISCORD_", "TELEGRAM_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TANGERINE_CONFIG", "")


_MADE_BETWEEN_COLLECTIONS = 10_000
"""As in a running bot: :func:`bot.app.serving.settle`."""

_WATCH = pytest.StashKey[kinds.Watch]()


def pytest_configure(config: pytest.Config) -> None:
    """No settings file of whoever runs the tests is found, in no process that they start."""
    os.environ["TANGERINE_CONFIG"] = ""
    # A worker runs on each core: threads that spin while they wait take it from the others.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    # Every worker, and every program that a test starts, would compile all our modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    config.stash[_WATCH] = kinds.Watch()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file none of whose tests are asked for is not imported: torch alone takes seconds."""
    return kinds.left_out(collection_path, config.option.markexpr) or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before any are chosen by their marks."""
    kinds.mark(items)
    if hasattr(config, "workerinput"):
        kinds.slowest_first(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The modules and tests that are there now stay: no collection of garbage walks them again.

    Python's own threshold is reached a dozen times in each test; a tenth of the time went there.
    """
    kinds.refuse_slow_imports(session.config.option.markexpr)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """See :mod:`tests.kinds`."""
    item.config.stash[_WATCH].begin(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """The last test of a run, whichever it is, stops the servers that all of them shared."""
    item.config.stash[_WATCH].end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A passed test fails that wrote a token or somebody's link, or is slow and not marked so."""
    report = yield
    unmarked = item.config.stash[_WATCH].found()
    if report.passed and unmarked:
        report.outcome = "failed"
        report.longrepr = f"This test counts as fast, but {', '.join(dict.fromkeys(unmarked))}."
    if report.passed:
        written = f"{report.capstdout}{report.capstderr}{report.caplog}"
        found = [secret for secret in _SECRET if secret in written]
        if found:
            report.outcome = "failed"
            report.longrepr = f"A secret was written down: {found}\n{written}"
    return report
