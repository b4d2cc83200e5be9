"""Which folder each collection was made of, and how much of it can be searched so far.

A collection whose settings name another folder is another gallery: nothing is gone from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from core.domain.types import UPLOADED, ModelIdentity, Picture
from index.catalogue.contents import generation_of
from index.catalogue.hashing import read_content
from index.catalogue.ids import fresh_ids
from index.catalogue.records import IndexedPicture, NewPicture
from index.catalogue.rows import delete_where_in, insert_all, insert_pictures
from index.catalogue.schema import captions, collections, folders, pictures, tombstones
from index.catalogue.writes import put_generation

_LOOKED_AT = 8
"""Files that are read to know a folder again."""


@dataclass(frozen=True, slots=True)
class MadeOf:
    """The folder of a collection, as it was named when it was indexed last.

    ``expected``: how many pictures it holds, while it is indexed for the first time and not
    all of them can be searched; None once they can.
    """

    folder: str
    expected: int | None = None


def name_of(folder: Path) -> str:
    """A folder as a collection remembers it.

    Links are left as they are: what a path stands for may change, as when a disk is mounted.
    """
    return str(folder.expanduser().absolute())


def made_of(connection: Connection, collection: str) -> MadeOf | None:
    """What a collection was made of, None where nobody has written it down."""
    row = connection.execute(select(folders).where(folders.c.collection == collection)).first()
    return None if row is None else MadeOf(row.folder, row.expected)


def put_made_of(connection: Connection, collection: str, made: MadeOf) -> None:
    connection.execute(delete(folders).where(folders.c.collection == collection))
    connection.execute(
        insert(folders).values(collection=collection, folder=made.folder, expected=made.expected)
    )


def is_moved(pictures: Sequence[Picture | IndexedPicture], folder: Path) -> bool:
    """Whether a folder is the one that these pictures are of, at another place. Blocking.

    Looks at a few of them: at least half must be there, and each that is with the same bytes.
    """
    step = max(1, len(pictures) // _LOOKED_AT)
    looked_at = [pictures[n] for n in range(0, len(pictures), step)]
    looked_at = [each for each in looked_at if not each.path.startswith(UPLOADED)]
    equal = 0
    for each in looked_at:
        try:
            content = read_content(folder / each.path)
        except OSError:
            continue
        if content.sha256 != each.sha256:
            return False
        equal += 1
    return bool(equal) and 2 * equal >= len(looked_at)


def take_out(connection: Connection, collection: str, ids: Sequence[str], *, now: float) -> None:
    """Take pictures out of a collection. Their vectors stay, as they may be wanted again."""
    delete_where_in(connection, captions.c.picture_id, ids)
    delete_where_in(connection, pictures.c.id, ids)
    insert_all(connection, tombstones, [{"id": each, "removed_at": now} for each in ids])
    if ids:
        connection.execute(
            update(collections)
            .where(collections.c.name == collection)
            .values(generation=collections.c.generation + 1)
        )


def put_in(
    connection: Connection, collection: str, identity: ModelIdentity, added: Sequence[NewPicture]
) -> None:
    """Let pictures that have their vectors be searched, before the others of their folder."""
    ids = fresh_ids(connection, len(added))
    rows = [new.known_as(key) for key, new in zip(ids, added, strict=True)]
    insert_pictures(connection, collection, rows)
    put_generation(connection, collection, generation_of(connection, collection) + 1, identity)
