"""``tangerine migrate-database`` of a large catalogue: equal to the row, in bounded memory."""

from __future__ import annotations

import hashlib
import json
import resource
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from index.catalogue.database import FILE, open_database
from tests.many_pictures import fill, tables
from tests.program import Program
from tests.servers.postgresql import PostgresqlServer

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.timeout(3600)]

_FEW, _MANY = 10_000, 100_000
_MORE_MB = 32
"""What ten times as many pictures may take more: what the drivers keep differs from run to run."""


def _digests(file: Path) -> Mapping[str, str]:
    """Of each table: a sum of all its values in order, read without the program."""
    found = {}
    with closing(sqlite3.connect(file)) as connection:
        for table in tables():
            keys = ", ".join(column.name for column in table.primary_key.columns)
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            digest, rows = hashlib.sha256(), 0
            for row in connection.execute(f"SELECT {names} FROM {table.name} ORDER BY {keys}"):
                digest.update(repr(row).encode())
                rows += 1
            found[table.name] = f"{rows} {digest.hexdigest()}"
    return found


def _copied(program: Program, source: str | Path, target: str | Path) -> tuple[int, float, float]:
    """Rows, seconds and the most memory in MiB that a process of the tests ever took."""
    begun = time.monotonic()
    done = json.loads(
        subprocess.run(
            program.command("migrate-database", source, target, "--json"),
            env={"TANGERINE_CONFIG": "", **program.environment},
            cwd=program.root,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return done["rows"], time.monotonic() - begun, most


def test_a_large_catalogue_there_and_back(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    """Pictures, vectors, uploads and moderation; memory does not grow with them."""
    program = Program(tmp_path, {"TANGERINE_DATA_DIR": str(tmp_path / "none")})
    most: dict[int, float] = {}
    for number in (_FEW, _MANY):
        source, back = tmp_path / f"from{number}", tmp_path / f"back{number}"
        with closing(open_database(source / FILE)) as database:
            fill(database, number)
        before = _digests(source / FILE)
        with postgresql.database() as url:
            there = _copied(program, source, url)
            again = _copied(program, url, back)
        assert _digests(back / FILE) == before
        most[number] = again[2]
        size = (source / FILE).stat().st_size / 2**20
        for way, (rows, seconds, memory) in {"there": there, "back": again}.items():
            print(
                f"{number} pictures ({size:.0f} MiB), {way}: {rows} rows in {seconds:.0f} s,"
                f" at most {memory:.0f} MiB of memory"
            )
        for folder in (source, back):
            (folder / FILE).unlink()
    assert most[_MANY] < most[_FEW] + _MORE_MB
