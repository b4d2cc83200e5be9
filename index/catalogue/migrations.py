"""From an older schema, or none, to the newest one: new tables, then the numbered steps.

A schema of a later version has at least the tables and columns of one before. The tables of
:mod:`index.catalogue.schema` are made where they are missing; what has to change in tables that
are there is a step with the number of the version that it leads to. A step is never edited once
released. All of it is one transaction: a killed migration leaves the version before.

A database tells which programs may go on with it (:data:`OLDEST`), so that nodes are upgraded
one after the other: the first new one migrates, and the old ones go on, and may be started anew.
One that is too old is refused at its start, and at whatever it writes afterwards.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import (
    Connection,
    and_,
    column,
    create_mock_engine,
    delete,
    func,
    insert,
    inspect,
    literal,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.engine.mock import MockConnection

from core.domain.errors import CatalogueError
from index.catalogue.remembered import remembered
from index.catalogue.schema import (
    collections,
    grants,
    metadata,
    picture_vectors,
    pictures,
    posts,
    schema_version,
    uploads,
)

Migration = Callable[[Connection], None]

NEWEST = 16
"""The version of :mod:`index.catalogue.schema`."""

OLDEST = 16
"""The oldest program, by its :data:`NEWEST`, that may go on with a database of our version.

It finds all that it reads, and what it writes is right for us. A step that only adds leaves this
as it is; one that takes away what a program of this version uses sets it to the first version
that does without, no earlier than a release after that one.
"""


def _keep_open(connection: Connection) -> None:
    """Version 6: until then a collection was open to everybody where no setting said otherwise.

    That is written down for those that are there, so that an upgrade closes none in silence;
    it counts only where the settings still say nothing, and the start warns of it.
    """
    open_to_all = [
        {"collection": name, "community": "*", "origin": "kept", "granted_at": 0.0}
        for name in connection.scalars(select(collections.c.name))
    ]
    if open_to_all:
        connection.execute(insert(grants), open_to_all)


def _imported_by(connection: Connection) -> None:
    """Version 7: vectors that an import brought, for one collection alone."""
    for name in ("picture_vectors", "caption_vectors"):
        connection.exec_driver_sql(
            f"ALTER TABLE {name} ADD COLUMN imported_by VARCHAR(64) DEFAULT '' NOT NULL"
        )


def _tries(connection: Connection) -> None:
    """Version 9: what each failure was tried under, when, and how often.

    Nobody knows it of those that are there: they are all tried again, once.
    """
    for added in (
        "tried_under VARCHAR(64) DEFAULT '' NOT NULL",
        "tried_at FLOAT DEFAULT '0' NOT NULL",
        "tries INTEGER DEFAULT '1' NOT NULL",
    ):
        connection.exec_driver_sql(f"ALTER TABLE failures ADD COLUMN {added}")


def _read_anew(connection: Connection) -> None:
    """Version 10: what this version reads in another way is looked at again.

    Vectors of files that may be among them get a run before the first (the next reindex tells
    which are, :func:`core.images.changes.read_otherwise`). Refused files are tried again anyway.
    """
    as_before = (".jpg", ".jpeg", ".jpe", ".jfif")
    changed = and_(*(~func.lower(pictures.c.path).endswith(each) for each in as_before))
    connection.execute(
        update(picture_vectors)
        .where(
            picture_vectors.c.imported_by == "",
            picture_vectors.c.sha256.in_(select(pictures.c.sha256).where(changed)),
        )
        .values(run=-1)
    )


def _posted(connection: Connection) -> None:
    """Version 11: pictures of posts lie among those that people added."""
    # Before version 2 there was no such table: then it was just made, whole.
    if all(each["name"] != "posted" for each in inspect(connection).get_columns(uploads.name)):
        connection.exec_driver_sql(
            "ALTER TABLE uploads ADD COLUMN posted BOOLEAN DEFAULT 0 NOT NULL"
        )


def _in_channels(connection: Connection) -> None:
    """Version 12: a message may have several pictures, and be in a channel of its own readers."""
    if all(each["name"] != "place" for each in inspect(connection).get_columns(uploads.name)):
        connection.exec_driver_sql("ALTER TABLE uploads ADD COLUMN place TEXT DEFAULT '' NOT NULL")
    known = [each["name"] for each in inspect(connection).get_columns(posts.name)]
    if "part" in known:
        return
    # SQLite changes no primary key: the table is made anew.
    for index in posts.indexes:
        connection.exec_driver_sql(f"DROP INDEX {index.name}")
    connection.exec_driver_sql("ALTER TABLE posts RENAME TO posts_before")
    posts.create(connection)
    before = table("posts_before", *map(column, known))
    new = {"part": literal(0), "parent": literal(""), "place": literal("")}
    same = select(*before.columns, *new.values())
    connection.execute(insert(posts).from_select([*known, *new], same))
    connection.exec_driver_sql("DROP TABLE posts_before")


def _frames(connection: Connection) -> None:
    """Version 14: a picture that moves has several vectors.

    Those that may be among them are looked at again, as in version 10.
    """
    if all(
        each["name"] != "frames" for each in inspect(connection).get_columns(picture_vectors.name)
    ):
        kind = picture_vectors.c.frames.type.compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE picture_vectors ADD COLUMN frames {kind}")
        for index in picture_vectors.indexes:
            index.create(connection)
    names = (".gif", ".png", ".apng", ".webp", ".avif", ".avifs")
    moving = or_(*(func.lower(pictures.c.path).endswith(each) for each in names))
    connection.execute(
        update(picture_vectors)
        .where(
            picture_vectors.c.run >= 0,
            picture_vectors.c.imported_by == "",
            picture_vectors.c.sha256.in_(select(pictures.c.sha256).where(moving)),
        )
        .values(run=-2)
    )


def _known_at_once(connection: Connection) -> None:
    """Version 16: whether a picture was posted before is told without reading all posts."""
    for index in (*uploads.indexes, *posts.indexes):
        index.create(connection, checkfirst=True)


STEPS: Mapping[int, Migration] = MappingProxyType(
    {
        6: _keep_open,
        7: _imported_by,
        9: _tries,
        10: _read_anew,
        11: _posted,
        12: _in_channels,
        14: _frames,
        16: _known_at_once,
    }
)


@dataclass(frozen=True, slots=True)
class SchemaVersions:
    """What a program knows: its own version, the steps to it, and whom it lets go on."""

    newest: int
    steps: Mapping[int, Migration]
    oldest: int = OLDEST


OURS = SchemaVersions(NEWEST, STEPS)


def version_of(connection: Connection) -> int:
    """The schema version of this database, 0 for an empty one."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    version = connection.execute(select(schema_version.c.version)).scalar()
    return int(version) if version is not None else 0


def refuse_newer(connection: Connection, newest: int = NEWEST, *, alone: bool = False) -> None:
    """Raises CatalogueError where a newer program has ended what this one may do.

    ``alone``: also where it has only added to it.
    """
    query = select(schema_version.c.version, schema_version.c.oldest)
    # Of a database without tables nothing is known yet.
    version, oldest = connection.execute(query).one_or_none() or (newest, newest)
    if newest < (version if alone else oldest):
        raise CatalogueError(
            f"The catalogue was written by a newer version of this program "
            f"(its schema is {version}, this program knows {newest}).",
            remedy="Update the program, or point TANGERINE_DATA_DIR at another folder.",
        )


def _make_missing_tables(connection: Connection) -> None:
    if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        metadata.create_all(connection)
        return
    for statement in _sqlite_schema():
        connection.exec_driver_sql(statement)


@functools.cache
def _sqlite_schema() -> tuple[str, ...]:
    """What makes all tables in an empty file: compiling it takes longer than running it."""
    made: list[str] = []
    compiler: MockConnection = create_mock_engine(
        "sqlite://", lambda each, *_, **__: made.append(str(each.compile(dialect=compiler.dialect)))
    )
    metadata.create_all(compiler, checkfirst=False)
    return tuple(made)


def _make_oldest(connection: Connection) -> None:
    """Until version 16 databases did not tell: each program went on with its own version alone."""
    known = inspect(connection).get_columns(schema_version.name)
    if all(each["name"] != schema_version.c.oldest.name for each in known):
        connection.exec_driver_sql(
            f"ALTER TABLE {schema_version.name} ADD COLUMN oldest INTEGER DEFAULT '0' NOT NULL"
        )
        alone = {"oldest": schema_version.c.version}
        connection.execute(update(schema_version).values(alone))


def migrate(connection: Connection, schema: SchemaVersions = OURS) -> None:
    """Bring the database to the newest version; one that a newer program expanded is left.

    Within a transaction that took the write lock at its start, so that two processes starting
    at once do not both migrate. Raises CatalogueError where a newer program has written the
    database and this one may not go on.
    """
    version = version_of(connection)
    if version:
        _make_oldest(connection)
        refuse_newer(connection, schema.newest)
    if version >= schema.newest:
        return
    _make_missing_tables(connection)
    if connection.dialect.name != "sqlite":
        remembered.create_all(connection)  # there they are in a file of their own
    for number in range(version + 1, schema.newest + 1) if version else ():
        if number in schema.steps:
            schema.steps[number](connection)
    connection.execute(delete(schema_version))
    row = {"version": schema.newest, "oldest": schema.oldest}
    connection.execute(insert(schema_version).values(row))
