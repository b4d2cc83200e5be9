"""Where a test keeps its catalogue: in a file as most do, or on a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.catalogue.database import BUSY_SECONDS, FILE, Database, open_database
from index.catalogue.migrations import OURS, SchemaVersions

_ON_A_SERVER: dict[Path, str] = {}
_OPENED: list[Database] = []


def database_at(
    home: Path,
    *,
    data: Path | None = None,
    busy_seconds: float = BUSY_SECONDS,
    schema: SchemaVersions = OURS,
) -> Database:
    """The catalogue's database of a test whose folder is ``home``.

    Its file is in ``data`` or in ``home``, unless the test has one on a server.
    """
    location: Path | str = _ON_A_SERVER.get(home) or (data or home) / FILE
    opened = open_database(location, busy_seconds=busy_seconds, schema=schema)
    if home in _ON_A_SERVER:
        _OPENED.append(opened)
    return opened


def on_a_server(home: Path, url: str) -> None:
    """From now on this process keeps the catalogue of a test in this folder there."""
    _ON_A_SERVER[home] = url


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.process)],
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A test runs on either database: a gallery in its folder is kept there. Its name."""
    yield from _kept(request, tmp_path)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.process, pytest.mark.long])],
)
def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The same for what is slow: on a server at full length alone."""
    yield from _kept(request, tmp_path)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.process)],
)
def own_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The same for tests that change its schema."""
    yield from _kept(request, tmp_path, "blank_url")


def _kept(request: pytest.FixtureRequest, home: Path, url: str = "postgresql_url") -> Iterator[str]:
    if request.param == "postgresql":
        on_a_server(home, request.getfixturevalue(url))
    yield request.param
    _ON_A_SERVER.pop(home, None)
    while _OPENED:
        _OPENED.pop().close()
