"""The catalogue's tables as the newest schema version has them.

:mod:`index.catalogue.migrations` brings older databases here; a test keeps both equal.
"""

from __future__ import annotations

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData()


def String(length: int) -> sqlalchemy.String:  # noqa: N802 - a type
    """A text of bounded length; see :data:`Text`."""
    by_code_point = sqlalchemy.String(length, collation="C")
    return sqlalchemy.String(length).with_variant(by_code_point, "postgresql")


Text = sqlalchemy.Text().with_variant(sqlalchemy.Text(collation="C"), "postgresql")
"""Ordered by code point in every database, as Python and SQLite do; not by some language."""

collections = Table(
    "collections",
    metadata,
    Column("name", String(64), primary_key=True),
    # Counts up with every change of what a search may find.
    Column("generation", Integer, nullable=False),
    # The model whose vectors the collection is searched by; NULL before the first reindex.
    Column("model_name", Text),
    Column("model_fingerprint", String(64)),
    Column("model_dimension", Integer),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("collection", String(64), nullable=False, index=True),
    Column("fingerprint", String(64), nullable=False),
    Column("full", Boolean, nullable=False),
    # Seconds since the epoch.
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    # How far it has come, so that other processes can say so.
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    # A full run takes every vector with a lower run as out of date: ids must never go back.
    sqlite_autoincrement=True,
)

pictures = Table(
    "pictures",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("collection", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    UniqueConstraint("collection", "path", name="uq_pictures_collection_path"),
    Index("ix_pictures_sha256", "sha256"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("removed_at", Float, nullable=False),
)

captions = Table(
    "captions",
    metadata,
    Column("picture_id", String(8), primary_key=True),
    # 0 is the caption that is shown.
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("text_hash", String(64), nullable=False),
    Index("ix_captions_text_hash", "text_hash"),
)

picture_vectors = Table(
    "picture_vectors",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("run", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # float32, little-endian.
    Column("vector", LargeBinary, nullable=False),
    # The collection that an import brought it for, which alone goes by it: nobody has compared
    # it with the picture. Empty: our own encoder made it.
    Column("imported_by", String(64), nullable=False, server_default=""),
    # Of a picture that moves: of each of its frames the second and the vector, float32.
    Column("frames", LargeBinary),
    Index(
        "ix_picture_vectors_moving",
        "fingerprint",
        "sha256",
        sqlite_where=text("frames IS NOT NULL"),
        postgresql_where=text("frames IS NOT NULL"),
    ),
)

caption_vectors = Table(
    "caption_vectors",
    metadata,
    Column("text_hash", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("run", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("imported_by", String(64), nullable=False, server_default=""),
)

# What a page shows of a content before it has the picture, and the picture's date.
looks = Table(
    "looks",
    metadata,
    Column("sha256", String(64), primary_key=True),
    # A WebP of a few pixels; empty where the picture could not be read.
    Column("placeholder", LargeBinary, nullable=False),
    # When it was taken, else when its file was written or it was added.
    Column("date", Float),
)

# What stands in a content's picture, as it was read.
words = Table(
    "words",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sha256", String(64), nullable=False, unique=True),
    # What read it (core.domain.ports.WordReader.version): another version reads it again.
    Column("reader", String(64), nullable=False),
    # A JSON list of [line, confidence]; empty where there are no words, or no picture.
    Column("lines", Text, nullable=False),
    sqlite_autoincrement=True,
)

# The parts of those words by which they are found (core.search.words).
word_grams = Table(
    "word_grams",
    metadata,
    Column("gram", String(32), primary_key=True),
    Column("words_id", Integer, primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)

# What those words mean to a model: a vector for each passage of them.
word_vectors = Table(
    "word_vectors",
    metadata,
    # Counts up, so that what was added since is what is behind the last one that is known.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("words_id", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    # Which passage of the lines it is (core.search.word_evidence.passages).
    Column("passage", Integer, nullable=False),
    # float32, little-endian.
    Column("vector", LargeBinary, nullable=False),
    UniqueConstraint("words_id", "fingerprint", "passage", name="uq_word_vectors_passage"),
    sqlite_autoincrement=True,
)

# What a path held when it was last read: spares hashing what did not change.
files = Table(
    "files",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

failures = Table(
    "failures",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("collection", String(64), nullable=False),
    Column("path", Text, nullable=False),
    # Empty where the bytes are not what failed (a missing file, an unreadable folder).
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("code", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    # The bounds and decoders that it failed under, when it did last, and how often.
    Column("tried_under", String(64), nullable=False, server_default=""),
    Column("tried_at", Float, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="1"),
    Index("ix_failures_collection_path", "collection", "path"),
)

# Pictures that people added in chat. The file is found by collection and id.
uploads = Table(
    "uploads",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("collection", String(64), nullable=False),
    # Who sees it: empty for all who share the collection, else the one community.
    Column("scope", Text, nullable=False),
    # Where it was added, and by whom.
    Column("community", Text, nullable=False),
    Column("uploader", Text, nullable=False),
    # Of the file that is kept, and of the bytes that were posted.
    Column("sha256", String(64), nullable=False),
    Column("posted_sha256", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # Both empty where there is none.
    Column("caption", Text, nullable=False),
    Column("text_hash", String(64), nullable=False),
    # Seconds since the epoch, as everywhere.
    Column("added_at", Float, nullable=False),
    # All four NULL while it is there; the id is the one by which the removal is undone.
    Column("removed_at", Float),
    Column("removed_by", Text),
    Column("removed_scope", Text),
    Column("removed_as", String(8)),
    # The picture of a post, which nobody added: seen in its own chat alone.
    Column("posted", Boolean, nullable=False, server_default="0"),
    # Of a post: the channel whose readers alone see it, empty where all of its community do.
    Column("place", Text, nullable=False, server_default=""),
    Index("ix_uploads_collection_scope", "collection", "scope"),
    Index("ix_uploads_sha256", "sha256"),
    Index("ix_uploads_posted_sha256", "posted_sha256"),
    Index("ix_uploads_text_hash", "text_hash"),
    Index("ix_uploads_uploader", "uploader"),
    Index("ix_uploads_community", "community"),
)

# Messages of chats whose pictures are searched there. One whose picture was taken out stays as an
# empty row, so that an import does not bring it back.
posts = Table(
    "posts",
    metadata,
    # Where the message is, as the platform numbers it. A chat that moved has another community.
    Column("chat", Text, primary_key=True),
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    # Which picture of the message it is, as the platform numbers them; 0 where it has one.
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("community", Text, nullable=False),
    # The channel that the message's thread is in, and the channel whose readers alone see it.
    Column("parent", Text, nullable=False),
    Column("place", Text, nullable=False),
    # The upload that keeps the picture: equal pictures are kept once. Empty once it was taken out.
    Column("picture_id", String(8), nullable=False),
    # The topic of a forum, NULL where there is none.
    Column("thread", BigInteger),
    # As /privacy knows people, then as the chat showed them; all empty once it was taken out.
    Column("author", Text, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("author_handle", Text, nullable=False),
    Column("posted_at", Float, nullable=False),
    Column("caption", Text, nullable=False),
    # What the messages of one album share.
    Column("album", Text, nullable=False),
    # By which the platform shows the picture again, and tells equal ones. Both may be empty.
    Column("file_id", Text, nullable=False),
    Column("file_unique_id", Text, nullable=False),
    Index("ix_posts_community", "community"),
    Index("ix_posts_picture_id", "picture_id"),
    Index("ix_posts_author", "author"),
    Index("ix_posts_file_unique_id", "file_unique_id"),
)

# Channels and threads whose posts are followed, and how far.
post_channels = Table(
    "post_channels",
    metadata,
    Column("chat", Text, primary_key=True),
    Column("community", Text, nullable=False),
    # Of a thread: the channel that it is in. Then the channel whose readers alone see its posts.
    Column("parent", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("is_on", Boolean, nullable=False),
    # Whether everybody there was told.
    Column("announced", Boolean, nullable=False),
    # Posts behind this message are taken in.
    Column("begins", BigInteger, nullable=False),
    # The last message whose pictures are all kept, and whether that was once the newest one.
    Column("position", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Index("ix_post_channels_community", "community"),
)

# People whose posts are never taken in.
opted_out = Table("opted_out", metadata, Column("person", Text, primary_key=True))

# Contents that a scope does not see any more, though the folder (or those who share the
# collection) still have them.
removals = Table(
    "removals",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("sha256", String(64), primary_key=True),
    # The id by which the removal is undone.
    Column("picture_id", String(8), nullable=False),
    Column("removed_at", Float, nullable=False),
    # Empty once this person is forgotten.
    Column("removed_by", Text, nullable=False),
    Index("ix_removals_picture_id", "picture_id"),
)

# Which change of a collection's uploads and removals was the last one of each scope.
overlays = Table(
    "overlays",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
)

community_settings = Table(
    "community_settings",
    metadata,
    Column("community", Text, primary_key=True),
    # A JSON object.
    Column("settings", Text, nullable=False),
)

# Communities that the bot was removed from; theirs is deleted a week later.
departures = Table(
    "departures",
    metadata,
    Column("community", Text, primary_key=True),
    Column("left_at", Float, nullable=False),
)

# Communities that were let in beside those that the settings name: by /allow, by /claim, on the
# command line, or (as "*") because the collection was open before anybody had to say so.
grants = Table(
    "grants",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("community", Text, primary_key=True),
    # See index.library.grants.Origin. Nobody is named.
    Column("origin", String(16), nullable=False),
    Column("granted_at", Float, nullable=False),
)

# What the administrators of a community do not want to be shown, in their words.
moderation_criteria = Table(
    "moderation_criteria",
    metadata,
    Column("community", Text, primary_key=True),
    # The text without regard to case, by which decisions name it.
    Column("key", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("strictness", String(16), nullable=False),
    Column("age", Boolean, nullable=False),
    Column("added_at", Float, nullable=False),
)

# What a criterion means to a model: several rows of float32, little-endian.
moderation_meanings = Table(
    "moderation_meanings",
    metadata,
    Column("text", Text, primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("meaning", LargeBinary, nullable=False),
)

# What administrators decided about contents that a criterion held. Nobody is named.
moderation_decisions = Table(
    "moderation_decisions",
    metadata,
    Column("community", Text, primary_key=True),
    Column("sha256", String(64), primary_key=True),
    # Empty where it was held for being nearly equal to a removed one.
    Column("criterion", Text, primary_key=True),
    Column("approved", Boolean, nullable=False),
    Column("decided_at", Float, nullable=False),
    # Of what was removed, so that what is nearly equal is known when it comes again.
    Column("fingerprint", String(64), nullable=False),
    Column("vector", LargeBinary, nullable=False),
)

# What `tangerine tag` tags a collection with. The tags themselves follow from the pictures.
labels = Table(
    "labels",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    # A JSON list of texts.
    Column("labels", Text, nullable=False),
    # A row for each label, then those of everyday words: float32, little-endian.
    Column("vectors", LargeBinary, nullable=False),
)

# Which folder a collection was made of when it was indexed last.
folders = Table(
    "folders",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("folder", Text, nullable=False),
    # How many pictures it holds, until all of them have been indexed once; then NULL.
    Column("expected", Integer),
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # The oldest program, by its newest version, that may go on with this database.
    Column("oldest", Integer, nullable=False, server_default="0"),
)
