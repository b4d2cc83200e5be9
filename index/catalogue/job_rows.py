"""Reindexes that wait, are under way or are over, for all nodes of a database on a server.

The table belongs to no version of the schema: a program that does not know it works beside one
that does, and a catalogue in a file has none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Update,
    case,
    cast,
    delete,
    func,
    inspect,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from core.domain.types import Progress
from index.catalogue.database import Database
from index.catalogue.schema import String, Text

State = Literal["queued", "running", "done", "failed", "cancelled"]

_UNFINISHED: Final = ("queued", "running")

jobs = Table(
    "jobs",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("collection", String(64), nullable=False),
    # What was asked for.
    Column("full", Boolean, nullable=False),
    Column("confirm_removals", Boolean, nullable=False),
    # A JSON list of the paths that alone have changed; NULL: any may have.
    Column("paths", Text),
    Column("state", String(16), nullable=False),
    # How often it was begun: whoever began it last may alone write. How often that went wrong
    # since it got any further, and how few pictures it has ever had left.
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("mishaps", Integer, nullable=False, server_default="0"),
    Column("fewest_left", Integer),
    # Who is at it, for people to read.
    Column("worker", Text, nullable=False, server_default=""),
    Column("stage", String(16), nullable=False, server_default="wait"),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("cancel", Boolean, nullable=False, server_default="false"),
    # Seconds since the epoch, all of them by the server's clock.
    Column("queued_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    # When whoever is at it was there last; 0: it was given back.
    Column("seen_at", Float, nullable=False, server_default="0"),
    Column("ended_at", Float),
    # The report or the error, as JSON (index.indexing.outcomes).
    Column("outcome", Text),
    Index("ix_jobs_state", "state"),
)
# A literal: a server that plans a statement for any parameters finds no index that covers it.
_IS_QUEUED: Final = text("state = 'queued'")
_QUEUED_ONCE = Index("uq_jobs_queued", jobs.c.collection, unique=True, postgresql_where=_IS_QUEUED)
"""Who asks while one waits gets that one."""

_NOW: Final = literal_column("extract(epoch FROM clock_timestamp())::float8", Float)

_KEPT_S: Final = 7 * 86_400.0
"""How long those that are over can be looked up."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job; ``idle_s``: seconds since whoever is at it was there last.

    ``due``: it may be begun as far as its own time is concerned.
    """

    id: int
    collection: str
    full: bool
    confirm_removals: bool
    paths: frozenset[str] | None
    state: State
    worker: str
    progress: Progress
    due: bool
    idle_s: float
    outcome: Mapping[str, Any] | None


class JobTable:
    """The jobs of all nodes. Blocking, thread-safe.

    Its transactions wait for no writer of the catalogue. Every method raises CatalogueError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self) -> None:
        """Make the table where there is none, and what one of an older version lacks."""
        with self._database.read() as connection:
            if not _missing(connection):
                return
        with self._database.write() as connection:
            jobs.create(connection, checkfirst=True)
            for column in _missing(connection):
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(
                    f"ALTER TABLE {jobs.name} ADD COLUMN {column.name} {kind}"
                )

    def put(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
    ) -> int:
        """Have a collection reindexed; the job's id.

        One that waits already does what both ask for. One that is under way may have passed by
        what this one is for, and another one is queued behind it.
        """
        row = {
            "collection": collection,
            "full": full,
            "confirm_removals": confirm_removals,
            "paths": None if paths is None else json.dumps(sorted(paths)),
            "state": "queued",
            "queued_at": _NOW,
            "due_at": _NOW,
        }
        new = insert(jobs).values(row)
        merged = new.on_conflict_do_update(
            index_elements=[jobs.c.collection],
            index_where=_IS_QUEUED,
            set_={
                "full": jobs.c.full | new.excluded.full,
                "confirm_removals": jobs.c.confirm_removals | new.excluded.confirm_removals,
                # NULL, which is all of them, where either is; doubles do no harm.
                "paths": cast(
                    func.jsonb_concat(cast(jobs.c.paths, JSONB), cast(new.excluded.paths, JSONB)),
                    Text,
                ),
            },
        )
        with self._database.beside() as connection:
            over = (jobs.c.ended_at < _NOW - _KEPT_S,)
            connection.execute(delete(jobs).where(*over))
            return int(connection.execute(merged.returning(jobs.c.id)).scalar_one())

    def unfinished(self) -> Sequence[JobRow]:
        """Those that wait or are under way, the oldest first. Raises where we are too old."""
        with self._database.beside() as connection:
            self._database.refuse_newer(connection)
            query = _rows().where(jobs.c.state.in_(_UNFINISHED)).order_by(jobs.c.id)
            return [_job(row) for row in connection.execute(query)]

    def latest(self, most: int) -> Sequence[JobRow]:
        """The newest first, whatever their state."""
        with self._database.beside() as connection:
            query = _rows().order_by(jobs.c.id.desc()).limit(most)
            return [_job(row) for row in connection.execute(query)]

    def of(self, ids: Collection[int]) -> Sequence[JobRow]:
        """Those of these ids that there are."""
        with self._database.beside() as connection:
            return [_job(row) for row in connection.execute(_rows().where(jobs.c.id.in_(ids)))]

    def begin(self, job: int, worker: str) -> int | None:
        """Be at this job, which the caller holds; the number of the attempt, None where it is over.

        An attempt that was neither ended nor given back is a mishap.
        """
        begun = (
            update(jobs)
            .where(jobs.c.id == job, jobs.c.state.in_(_UNFINISHED))
            .values(
                state="running",
                worker=worker,
                attempt=jobs.c.attempt + 1,
                mishaps=jobs.c.mishaps
                + cast((jobs.c.state == "running") & (jobs.c.seen_at > 0), Integer),
                seen_at=_NOW,
            )
        )
        with self._database.beside() as connection:
            found = connection.execute(begun.returning(jobs.c.attempt)).scalar()
            return None if found is None else int(found)

    def mishaps(self, job: int) -> int:
        """How often in turn its attempts went wrong and got no further than those before."""
        with self._database.beside() as connection:
            query = select(jobs.c.mishaps).where(jobs.c.id == job)
            return int(connection.execute(query).scalar() or 0)

    def tell(self, job: int, attempt: int, progress: Progress) -> bool | None:
        """Say how far it is; whether it is to be cancelled, None where another one is at it."""
        told = _attempt(job, attempt).values(
            stage=progress.stage, done=progress.done, total=progress.total, seen_at=_NOW
        )
        if progress.stage == "encode":
            # Fewer than ever, not than a moment ago: whatever kills each attempt at one picture
            # is met with as many left each time.
            left = progress.total - progress.done
            told = told.values(
                mishaps=case((jobs.c.fewest_left > left, 0), else_=jobs.c.mishaps),
                fewest_left=func.least(jobs.c.fewest_left, left),
            )
        with self._database.beside() as connection:
            return connection.execute(told.returning(jobs.c.cancel)).scalar()

    def end(self, job: int, attempt: int, state: State, outcome: Mapping[str, Any] | None) -> bool:
        """Say how it ended; False where another one is at it, and nothing is said."""
        ended = _attempt(job, attempt).values(
            state=state,
            ended_at=_NOW,
            outcome=None if outcome is None else json.dumps(outcome),
        )
        if state == "done":
            # What was told last is a moment old.
            ended = ended.values(done=jobs.c.total)
        with self._database.beside() as connection:
            return connection.execute(ended).rowcount == 1

    def give_back(self, job: int, attempt: int, *, due_in_s: float, mishap: bool = False) -> None:
        """Let whoever comes go on with it, after so many seconds."""
        left = _attempt(job, attempt).values(
            seen_at=0.0,
            due_at=_NOW + due_in_s,
            mishaps=jobs.c.mishaps + int(mishap),
            stage="wait",
        )
        with self._database.beside() as connection:
            connection.execute(left)

    def cancel(self, job: int) -> bool:
        """Have it ended as soon as can be; whether it was not over."""
        with self._database.beside() as connection:
            waits = (jobs.c.id == job, jobs.c.state == "queued")
            ended = update(jobs).where(*waits).values(state="cancelled", ended_at=_NOW)
            if connection.execute(ended).rowcount:
                return True
            under_way = (jobs.c.id == job, jobs.c.state == "running")
            asked = update(jobs).where(*under_way).values(cancel=True)
            return connection.execute(asked).rowcount == 1


def _attempt(job: int, attempt: int) -> Update:
    mine = (jobs.c.id == job, jobs.c.attempt == attempt, jobs.c.state == "running")
    return update(jobs).where(*mine)


def _missing(connection: Connection) -> Sequence[Column[Any]]:
    """The columns that the table lacks; all of them where there is no table."""
    found = inspect(connection)
    if not found.has_table(jobs.name):
        return list(jobs.columns)
    there = {each["name"] for each in found.get_columns(jobs.name)}
    return [each for each in jobs.columns if each.name not in there]


def _rows() -> Any:
    return select(
        jobs,
        (jobs.c.due_at <= _NOW).label("due"),
        (_NOW - jobs.c.seen_at).label("idle_s"),
    )


def _job(row: Row[Any]) -> JobRow:
    return JobRow(
        id=row.id,
        collection=row.collection,
        full=row.full,
        confirm_removals=row.confirm_removals,
        paths=None if row.paths is None else frozenset(json.loads(row.paths)),
        state=row.state,
        worker=row.worker,
        progress=Progress(row.stage, row.done, row.total),
        due=row.due,
        idle_s=row.idle_s,
        outcome=None if row.outcome is None else json.loads(row.outcome),
    )
