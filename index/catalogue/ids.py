"""Opaque ids of pictures."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, select, union_all

from index.catalogue.rows import CHUNK
from index.catalogue.schema import pictures, tombstones, uploads

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so that an id can be read aloud.
https://www.crockford.com/base32.html"""

LENGTH = 8
"""40 bits: a gallery of a million pictures is a millionth of what there is, so that ids
cannot be guessed by counting and a clash costs one more try."""


def random_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def fresh_ids(connection: Connection, count: int, draw: Callable[[], str] = random_id) -> list[str]:
    """Different ids of those that ``draw`` gives, which no picture has and none has had."""
    fresh: set[str] = set()
    while len(fresh) < count:
        candidates = {draw() for _ in range(min(CHUNK, count - len(fresh)))}
        taken = connection.execute(
            union_all(
                *(
                    select(table.c.id).where(table.c.id.in_(candidates))
                    for table in (pictures, uploads, tombstones)
                )
            )
        ).scalars()
        fresh |= candidates - set(taken)
    return list(fresh)
