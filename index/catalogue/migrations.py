"""Numbered steps from an empty database to the newest schema.

A step is never edited once released: what follows is a step with the next number. Each one
runs in a transaction of its own together with the note that it was done, so that a killed
migration leaves the version before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy import table as table_named

from core.domain.errors import CatalogueError
from index.catalogue.schema import schema_version

Migration = Callable[[Connection], None]


def _first_schema(connection: Connection) -> None:
    """Version 1: collections, runs, pictures, captions, vectors, files, failures."""
    first = MetaData()
    Table(
        "collections",
        first,
        Column("name", String(64), primary_key=True),
        Column("generation", Integer, nullable=False),
        Column("model_name", Text),
        Column("model_fingerprint", String(64)),
        Column("model_dimension", Integer),
    )
    Table(
        "runs",
        first,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("collection", String(64), nullable=False, index=True),
        Column("fingerprint", String(64), nullable=False),
        Column("full", Boolean, nullable=False),
        Column("started_at", Float, nullable=False),
        Column("finished_at", Float),
        Column("done", Integer, nullable=False),
        Column("total", Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    Table(
        "pictures",
        first,
        Column("id", String(8), primary_key=True),
        Column("collection", String(64), nullable=False),
        Column("path", Text, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        UniqueConstraint("collection", "path", name="uq_pictures_collection_path"),
        Index("ix_pictures_sha256", "sha256"),
    )
    Table(
        "tombstones",
        first,
        Column("id", String(8), primary_key=True),
        Column("removed_at", Float, nullable=False),
    )
    Table(
        "captions",
        first,
        Column("picture_id", String(8), primary_key=True),
        Column("position", Integer, primary_key=True, autoincrement=False),
        Column("text", Text, nullable=False),
        Column("text_hash", String(64), nullable=False),
        Index("ix_captions_text_hash", "text_hash"),
    )
    Table(
        "picture_vectors",
        first,
        Column("sha256", String(64), primary_key=True),
        Column("fingerprint", String(64), primary_key=True),
        Column("run", Integer, nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("vector", LargeBinary, nullable=False),
    )
    Table(
        "caption_vectors",
        first,
        Column("text_hash", String(64), primary_key=True),
        Column("fingerprint", String(64), primary_key=True),
        Column("run", Integer, nullable=False),
        Column("vector", LargeBinary, nullable=False),
    )
    Table(
        "files",
        first,
        Column("collection", String(64), primary_key=True),
        Column("path", Text, primary_key=True),
        Column("size", BigInteger, nullable=False),
        Column("mtime_ns", BigInteger, nullable=False),
        Column("sha256", String(64), nullable=False),
    )
    Table(
        "failures",
        first,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("collection", String(64), nullable=False),
        Column("path", Text, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("mtime_ns", BigInteger, nullable=False),
        Column("code", String(64), nullable=False),
        Column("reason", Text, nullable=False),
        Index("ix_failures_collection_path", "collection", "path"),
    )
    first.create_all(connection)


def _overlays(connection: Connection) -> None:
    """Version 2: uploads, removals, settings of communities, and which of them are gone."""
    second = MetaData()
    Table(
        "uploads",
        second,
        Column("id", String(8), primary_key=True),
        Column("collection", String(64), nullable=False),
        Column("scope", Text, nullable=False),
        Column("community", Text, nullable=False),
        Column("uploader", Text, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("posted_sha256", String(64), nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("caption", Text, nullable=False),
        Column("text_hash", String(64), nullable=False),
        Column("added_at", Float, nullable=False),
        Column("removed_at", Float),
        Column("removed_by", Text),
        Column("removed_scope", Text),
        Column("removed_as", String(8)),
        Index("ix_uploads_collection_scope", "collection", "scope"),
        Index("ix_uploads_sha256", "sha256"),
        Index("ix_uploads_text_hash", "text_hash"),
        Index("ix_uploads_uploader", "uploader"),
        Index("ix_uploads_community", "community"),
    )
    Table(
        "removals",
        second,
        Column("collection", String(64), primary_key=True),
        Column("scope", Text, primary_key=True),
        Column("sha256", String(64), primary_key=True),
        Column("picture_id", String(8), nullable=False),
        Column("removed_at", Float, nullable=False),
        Column("removed_by", Text, nullable=False),
        Index("ix_removals_picture_id", "picture_id"),
    )
    Table(
        "overlays",
        second,
        Column("collection", String(64), primary_key=True),
        Column("scope", Text, primary_key=True),
        Column("revision", Integer, nullable=False),
    )
    Table(
        "community_settings",
        second,
        Column("community", Text, primary_key=True),
        Column("settings", Text, nullable=False),
    )
    Table(
        "departures",
        second,
        Column("community", Text, primary_key=True),
        Column("left_at", Float, nullable=False),
    )
    second.create_all(connection)


def _moderation(connection: Connection) -> None:
    """Version 3: criteria of moderation, what they mean to a model, and decisions."""
    third = MetaData()
    Table(
        "moderation_criteria",
        third,
        Column("community", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("text", Text, nullable=False),
        Column("strictness", String(16), nullable=False),
        Column("age", Boolean, nullable=False),
        Column("added_at", Float, nullable=False),
    )
    Table(
        "moderation_meanings",
        third,
        Column("text", Text, primary_key=True),
        Column("fingerprint", String(64), primary_key=True),
        Column("meaning", LargeBinary, nullable=False),
    )
    Table(
        "moderation_decisions",
        third,
        Column("community", Text, primary_key=True),
        Column("sha256", String(64), primary_key=True),
        Column("criterion", Text, primary_key=True),
        Column("approved", Boolean, nullable=False),
        Column("decided_at", Float, nullable=False),
        Column("fingerprint", String(64), nullable=False),
        Column("vector", LargeBinary, nullable=False),
    )
    third.create_all(connection)


def _labels(connection: Connection) -> None:
    """Version 4: the labels of each collection, as each model understands them."""
    fourth = MetaData()
    Table(
        "labels",
        fourth,
        Column("collection", String(64), primary_key=True),
        Column("fingerprint", String(64), primary_key=True),
        Column("labels", Text, nullable=False),
        Column("vectors", LargeBinary, nullable=False),
    )
    fourth.create_all(connection)


def _looks(connection: Connection) -> None:
    """Version 5: placeholders and dates of pictures."""
    fifth = MetaData()
    Table(
        "looks",
        fifth,
        Column("sha256", String(64), primary_key=True),
        Column("placeholder", LargeBinary, nullable=False),
        Column("date", Float),
    )
    fifth.create_all(connection)


def _grants(connection: Connection) -> None:
    """Version 6: who was let into which collection.

    Until then a collection was open to everybody where the settings did not say otherwise.
    That is written down for those that are there, so that an upgrade closes none in silence;
    it counts only where the settings still say nothing, and the start warns of it.
    """
    sixth = MetaData()
    Table(
        "grants",
        sixth,
        Column("collection", String(64), primary_key=True),
        Column("community", Text, primary_key=True),
        Column("origin", String(16), nullable=False),
        Column("granted_at", Float, nullable=False),
    )
    sixth.create_all(connection)
    connection.execute(
        text(
            "INSERT INTO grants (collection, community, origin, granted_at) "
            "SELECT name, '*', 'kept', 0 FROM collections"
        )
    )


def _imported(connection: Connection) -> None:
    """Version 7: vectors that an import brought, for one collection alone."""
    for table in ("picture_vectors", "caption_vectors"):
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN imported_by VARCHAR(64) DEFAULT '' NOT NULL"
        )


def _folders(connection: Connection) -> None:
    """Version 8: which folder each collection was made of."""
    eighth = MetaData()
    Table(
        "folders",
        eighth,
        Column("collection", String(64), primary_key=True),
        Column("folder", Text, nullable=False),
        Column("expected", Integer),
    )
    eighth.create_all(connection)


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
    changed = and_(*(~func.lower(column("path")).endswith(each) for each in as_before))
    connection.execute(
        update(
            table_named("picture_vectors", column("run"), column("sha256"), column("imported_by"))
        )
        .where(
            column("imported_by") == "",
            column("sha256").in_(
                select(column("sha256")).select_from(table_named("pictures")).where(changed)
            ),
        )
        .values(run=-1)
    )


def _posts(connection: Connection) -> None:
    """Version 11: pictures that people post in chats, and who wants none of theirs kept."""
    connection.exec_driver_sql("ALTER TABLE uploads ADD COLUMN posted BOOLEAN DEFAULT 0 NOT NULL")
    eleventh = MetaData()
    Table(
        "posts",
        eleventh,
        Column("chat", Text, primary_key=True),
        Column("message", BigInteger, primary_key=True, autoincrement=False),
        Column("community", Text, nullable=False),
        Column("picture_id", String(8), nullable=False),
        Column("thread", BigInteger),
        Column("author", Text, nullable=False),
        Column("author_name", Text, nullable=False),
        Column("author_handle", Text, nullable=False),
        Column("posted_at", Float, nullable=False),
        Column("caption", Text, nullable=False),
        Column("album", Text, nullable=False),
        Column("file_id", Text, nullable=False),
        Column("file_unique_id", Text, nullable=False),
        Index("ix_posts_community", "community"),
        Index("ix_posts_picture_id", "picture_id"),
        Index("ix_posts_author", "author"),
    )
    Table("opted_out", eleventh, Column("person", Text, primary_key=True))
    eleventh.create_all(connection)


MIGRATIONS: Sequence[Migration] = (
    _first_schema,
    _overlays,
    _moderation,
    _labels,
    _looks,
    _grants,
    _imported,
    _folders,
    _tries,
    _read_anew,
    _posts,
)
"""The step at position ``n`` leads from version ``n`` to version ``n + 1``."""


def version_of(connection: Connection) -> int:
    """The schema version of this database, 0 for an empty one."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    version = connection.execute(select(schema_version.c.version)).scalar()
    return int(version) if version is not None else 0


def migrate(writing: Engine, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring the database to the newest version and return it.

    ``writing`` is an engine whose transactions take the write lock at their start, so that
    two processes starting at once do not both migrate. Raises CatalogueError where a newer
    program has written the database.
    """
    while True:
        with writing.begin() as connection:
            version = version_of(connection)
            if version > len(migrations):
                raise CatalogueError(
                    f"The catalogue was written by a newer version of this program "
                    f"(its schema is {version}, this program knows {len(migrations)}).",
                    remedy="Update the program, or point TANGERINE_DATA_DIR at another folder.",
                )
            if version == len(migrations):
                return version
            migrations[version](connection)
            schema_version.create(connection, checkfirst=True)
            connection.execute(delete(schema_version))
            connection.execute(insert(schema_version).values(version=version + 1))
