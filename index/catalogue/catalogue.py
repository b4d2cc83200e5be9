"""The catalogue: the truth about every collection, in one database.

Pictures and captions change in one transaction at the end of a reindex
(:meth:`Catalogue.apply`); vectors, stamps and failures are kept as they come
(:meth:`Catalogue.save`), keyed by content. So a killed reindex leaves the collection as it
was, and the next one finds the work done. Duplicates, renames and caption edits need no
picture encoding, because vectors belong to bytes and texts, not to paths.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select, update

from core.domain.types import Failure, ModelIdentity
from index.catalogue.contents import Contents, generation_of, identity_of
from index.catalogue.database import BUSY_SECONDS, Database, open_database
from index.catalogue.folders import MadeOf, made_of, put_in, put_made_of, take_out
from index.catalogue.index_state import KnownPart, known_at, known_of
from index.catalogue.records import Batch, Changes, IndexState, NewPicture, RunProgress, text_hash
from index.catalogue.rows import chunks, count, restricted
from index.catalogue.schema import (
    caption_vectors,
    captions,
    failures,
    picture_vectors,
    pictures,
    runs,
)
from index.catalogue.writes import apply_changes, save_batch, start_run


class Catalogue:
    """Collections, pictures, captions, vectors and failures. Blocking, thread-safe.

    Every method raises CatalogueError, with cause and remedy, where the database fails.
    ``now`` gives seconds since the epoch.
    """

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self.database = database
        self._now = now

    @classmethod
    def open(
        cls,
        location: Path | str,
        *,
        busy_seconds: float = BUSY_SECONDS,
        beside: Path | None = None,
    ) -> Catalogue:
        """The catalogue at a path (SQLite) or an SQLAlchemy URL, made where there was none.

        ``beside``: see :func:`~index.catalogue.database.open_database`. Raises CatalogueError,
        also where a newer version of the program has written it, and where it is damaged or lost.
        """
        return cls(open_database(location, busy_seconds=busy_seconds, beside=beside))

    def close(self) -> None:
        self.database.close()

    # What there is

    def identity(self, collection: str) -> ModelIdentity | None:
        """The model by whose vectors the collection is searched, None before the first."""
        with self.database.read() as connection:
            return identity_of(connection, collection)

    def is_of_another_model(self, collection: str, model: ModelIdentity) -> bool:
        """Whether the collection is searched by vectors, and not by those of this model."""
        known = self.identity(collection)
        return known is not None and known.fingerprint != model.fingerprint

    def generation(self, collection: str) -> int:
        """Counts up with every change of what a search may find; 0 before the first."""
        with self.database.read() as connection:
            return generation_of(connection, collection)

    def counts(self, collection: str) -> tuple[int, int]:
        mine = pictures.c.collection == collection
        with self.database.read() as connection:
            captioned = captions.join(pictures, captions.c.picture_id == pictures.c.id)
            return count(connection, pictures, mine), count(connection, captioned, mine)

    def failures(self, collection: str) -> tuple[Failure, ...]:
        with self.database.read() as connection:
            rows = connection.execute(
                select(failures.c.path, failures.c.code, failures.c.reason)
                .where(failures.c.collection == collection)
                .order_by(failures.c.path, failures.c.id)
            )
            return tuple(Failure(path=row.path, code=row.code, reason=row.reason) for row in rows)

    def known(self, collection: str) -> IndexState:
        with self.database.read() as connection:
            return known_of(connection, collection)

    def known_at(self, collection: str, paths: Iterable[str], prefixes: Iterable[str]) -> KnownPart:
        """The same at some paths, and below prefixes that end in ``/`` or a dot."""
        with self.database.read() as connection:
            return known_at(connection, collection, paths, prefixes)

    def encoded_pictures(
        self,
        fingerprint: str,
        *,
        collection: str = "",
        since_run: int = 0,
        among: Iterable[str] | None = None,
    ) -> dict[str, tuple[int, int]]:
        """Contents that this model has encoded: SHA-256 -> width and height in pixels.

        Only vectors that were written by ``since_run`` or a later run count, and of those that
        an import brought only what this ``collection`` imported; ``among``: only these contents
        are asked for.
        """
        table = picture_vectors
        query = select(table.c.sha256, table.c.width, table.c.height).where(
            table.c.fingerprint == fingerprint,
            table.c.run >= since_run,
            table.c.imported_by.in_(("", collection)),
        )
        with self.database.read() as connection:
            return {
                sha256: (width, height)
                for each in restricted(query, table.c.sha256, among)
                for sha256, width, height in connection.execute(each).all()
            }

    def encoded_captions(
        self,
        fingerprint: str,
        *,
        collection: str = "",
        since_run: int = 0,
        among: Iterable[str] | None = None,
    ) -> set[str]:
        """The :func:`~index.catalogue.records.text_hash` of every text that this model has encoded.

        Which vectors count, :meth:`encoded_pictures` says.
        """
        table = caption_vectors
        query = select(table.c.text_hash).where(
            table.c.fingerprint == fingerprint,
            table.c.run >= since_run,
            table.c.imported_by.in_(("", collection)),
        )
        with self.database.read() as connection:
            return {
                key
                for each in restricted(query, table.c.text_hash, among)
                for (key,) in connection.execute(each).all()
            }

    def keep_vectors(self, fingerprint: str, contents: Iterable[str]) -> None:
        """Let this model's vectors of these contents count, from any run."""
        table = picture_vectors
        with self.database.write() as connection:
            for chunk in chunks(contents):
                connection.execute(
                    update(table)
                    .where(
                        table.c.fingerprint == fingerprint,
                        table.c.sha256.in_(chunk),
                        table.c.run < 0,
                    )
                    .values(run=0)
                )

    def made_elsewhere(self, fingerprint: str, collection: str) -> bool:
        """Whether a run of another collection made vectors of this one's pictures after its last.

        The index of this one has those that were there before.
        """
        mine = runs.c.collection == collection
        last = select(func.max(runs.c.finished_at)).where(mine).scalar_subquery()
        newer = (
            select(pictures.c.id)
            .join(picture_vectors, picture_vectors.c.sha256 == pictures.c.sha256)
            .join(runs, runs.c.id == picture_vectors.c.run)
            .where(
                pictures.c.collection == collection,
                picture_vectors.c.fingerprint == fingerprint,
                ~mine & (runs.c.finished_at.is_(None) | (runs.c.finished_at > last)),
            )
        )
        with self.database.read() as connection:
            return connection.execute(newer.limit(1)).first() is not None

    @contextmanager
    def contents(self, collection: str) -> Iterator[Contents]:
        with self.database.read() as connection:
            yield Contents(connection, collection)

    def made_of(self, collection: str) -> MadeOf | None:
        """Which folder it was made of, None where it never was or nobody wrote it down."""
        with self.database.read() as connection:
            return made_of(connection, collection)

    # What a repair does

    def rehash_captions(self, collection: str) -> None:
        """Give each caption the hash of its text; where the text is wrong, a reindex sees it."""
        mine = captions.c.picture_id.in_(
            select(pictures.c.id).where(pictures.c.collection == collection)
        )
        with self.database.write() as connection:
            for row in connection.execute(select(captions).where(mine)).all():
                if text_hash(row.text) != row.text_hash:
                    connection.execute(
                        update(captions)
                        .where(
                            captions.c.picture_id == row.picture_id,
                            captions.c.position == row.position,
                        )
                        .values(text_hash=text_hash(row.text))
                    )

    # What a reindex does

    def begin_run(self, collection: str, fingerprint: str, *, full: bool) -> int:
        """The number of the run that begins now, higher than that of any run before.

        A full run that was killed is continued under its own number, so that what it has
        encoded still counts. The caller holds the collection's lock: other unfinished runs
        of the collection are dead and forgotten.
        """
        with self.database.write() as connection:
            return start_run(connection, collection, fingerprint, full=full, now=self._now())

    def unfinished_run(self, collection: str) -> RunProgress | None:
        """The progress of the reindex that is running in any process, or was killed."""
        with self.database.read() as connection:
            row = connection.execute(
                select(runs.c.id, runs.c.done, runs.c.total)
                .where(runs.c.collection == collection, runs.c.finished_at.is_(None))
                .order_by(runs.c.id.desc())
                .limit(1)
            ).first()
        return None if row is None else RunProgress(row.id, row.done, row.total)

    def last_reindex(self, collection: str) -> float | None:
        """When the last reindex ended that was not cut off, in seconds since the epoch."""
        with self.database.read() as connection:
            ended = connection.execute(
                select(func.max(runs.c.finished_at)).where(runs.c.collection == collection)
            ).scalar()
        return None if ended is None else float(ended)

    def save(
        self, run: int, collection: str, fingerprint: str, batch: Batch, *, done: int, total: int
    ) -> None:
        """Keep finished work at once; searches see nothing of it before :meth:`apply`."""
        with self.database.write() as connection:
            save_batch(connection, run, collection, fingerprint, batch)
            connection.execute(update(runs).where(runs.c.id == run).values(done=done, total=total))

    def begin_folder(self, collection: str, made: MadeOf, gone: Sequence[str] = ()) -> None:
        """Make the collection one of this folder, without the pictures of these ids."""
        with self.database.write() as connection:
            put_made_of(connection, collection, made)
            take_out(connection, collection, gone, now=self._now())

    def grow(self, collection: str, identity: ModelIdentity, added: Sequence[NewPicture]) -> None:
        """Let pictures be searched whose vectors are kept, before a run is finished."""
        with self.database.write() as connection:
            put_in(connection, collection, identity, added)

    def apply(
        self,
        run: int,
        collection: str,
        identity: ModelIdentity,
        changes: Changes,
        folder: str | None = None,
    ) -> int:
        """Turn the collection into its next state, all of it or nothing; its generation.

        The generation counts up only where a search may find something else than before.
        Ids of removed pictures are never used again. The run is finished by it; ``folder`` is
        the one that all of the collection is made of now.
        """
        with self.database.write() as connection:
            if folder is not None:
                put_made_of(connection, collection, MadeOf(folder))
            return apply_changes(connection, run, collection, identity, changes, now=self._now())
