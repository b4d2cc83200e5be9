"""Criteria and decisions of moderation; each function works inside a given transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, exists, select, update

from core.domain.choices import Strictness
from core.domain.errors import ModelMismatch
from core.domain.types import ModelIdentity, Vectors
from core.search.moderation import Criterion, Meaning
from index.catalogue.contents import pack, unpack
from index.catalogue.rows import replace, row_of
from index.catalogue.schema import (
    moderation_criteria,
    moderation_decisions,
    moderation_meanings,
    overlays,
    picture_vectors,
)
from index.library.overlay_revisions import last_revision

MODERATION = ".moderation"
"""Stands for a collection where changes of moderation are counted and announced. No
collection has a name that begins with a dot."""

# Of a meaning: the direction and the words, before everyday things.
_HEAD = 2


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What one community decided, as one model understands it.

    ``approved`` are, for each content (SHA-256), the keys of the criteria that do not hold it
    any more; ``removed`` the contents that are hidden for good, ``prints`` vectors of them:
    float32 [n, d].
    """

    community: str
    criteria: tuple[tuple[Criterion, Meaning], ...]
    approved: Mapping[str, frozenset[str]]
    removed: frozenset[str]
    prints: Vectors

    @property
    def looks(self) -> bool:
        """Whether the pictures themselves tell what is held, so that all have to be looked at."""
        return bool(self.criteria) or len(self.prints) > 0


def moderation_revisions(connection: Connection, communities: Sequence[str]) -> tuple[int, ...]:
    """The last change of each community's moderation, 0 before the first."""
    if not communities:
        return ()
    rows = connection.execute(
        select(overlays.c.scope, overlays.c.revision).where(
            overlays.c.collection == MODERATION, overlays.c.scope.in_(communities)
        )
    )
    known = {row.scope: int(row.revision) for row in rows}
    return tuple(known.get(community, 0) for community in communities)


def moderation_revision(connection: Connection) -> int:
    """The number of the last change of any community's moderation, 0 before the first."""
    return last_revision(connection, MODERATION)


def criteria_of(connection: Connection, community: str) -> tuple[Criterion, ...]:
    table = moderation_criteria
    rows = connection.execute(
        select(table).where(table.c.community == community).order_by(table.c.added_at, table.c.key)
    )
    return tuple(Criterion(row.text, Strictness(row.strictness), age=row.age) for row in rows)


def keep_criterion(
    connection: Connection, community: str, criterion: Criterion, now: float
) -> None:
    row = row_of(
        moderation_criteria, criterion, community=community, key=criterion.key, added_at=now
    )
    row["strictness"] = criterion.strictness.value
    replace(connection, moderation_criteria, ("community", "key"), [row])


def drop_criterion(connection: Connection, community: str, key: str) -> Criterion | None:
    """Delete the criterion of this key; None where there is none."""
    table = moderation_criteria
    found = next((each for each in criteria_of(connection, community) if each.key == key), None)
    if found is not None:
        connection.execute(delete(table).where(table.c.community == community, table.c.key == key))
        drop_unused_meanings(connection)
    return found


def texts_without_meaning(connection: Connection, fingerprint: str) -> list[str]:
    """The texts of criteria that this model has not encoded."""
    table = moderation_meanings
    known = exists().where(
        table.c.text == moderation_criteria.c.text, table.c.fingerprint == fingerprint
    )
    query = select(moderation_criteria.c.text).where(~known).distinct()
    return list(connection.execute(query).scalars())


def keep_meaning(connection: Connection, text: str, fingerprint: str, meaning: Meaning) -> None:
    rows = np.vstack([meaning.direction, meaning.words, meaning.everyday])
    row = {"text": text, "fingerprint": fingerprint, "meaning": pack(rows.reshape(-1))}
    replace(connection, moderation_meanings, ("text", "fingerprint"), [row])


def drop_unused_meanings(connection: Connection) -> None:
    """Forget what texts mean that no community has as a criterion."""
    used = exists().where(moderation_criteria.c.text == moderation_meanings.c.text)
    connection.execute(delete(moderation_meanings).where(~used))


def rules_of(
    connection: Connection, community: str, model: ModelIdentity, collection: str
) -> Rules:
    """What a community decided. Raises ModelMismatch where the model lacks a meaning."""
    table = moderation_meanings
    found = []
    for criterion in criteria_of(connection, community):
        packed = connection.execute(
            select(table.c.meaning).where(
                table.c.text == criterion.text, table.c.fingerprint == model.fingerprint
            )
        ).scalar()
        if packed is None:
            # Nothing is shown until somebody can say what it shows.
            raise ModelMismatch(
                "The criteria of moderation are not encoded by the model “{loaded}”.",
                collection=collection,
                loaded=model.name,
            )
        found.append((criterion, _meaning(packed, model.dimension)))
    approved: dict[str, set[str]] = defaultdict(set)
    removed = set()
    decided = moderation_decisions
    for row in connection.execute(
        select(decided.c.sha256, decided.c.criterion, decided.c.approved).where(
            decided.c.community == community
        )
    ):
        if row.approved:
            approved[row.sha256].add(row.criterion)
        else:
            removed.add(row.sha256)
    return Rules(
        community=community,
        criteria=tuple(found),
        approved={sha256: frozenset(keys) for sha256, keys in approved.items()},
        removed=frozenset(removed),
        prints=_prints(connection, community, model),
    )


def verdicts_on(connection: Connection, community: str, sha256: str) -> Mapping[str, bool]:
    """For each criterion under which a content was decided about, whether it was approved."""
    table = moderation_decisions
    rows = connection.execute(
        select(table.c.criterion, table.c.approved).where(
            table.c.community == community, table.c.sha256 == sha256
        )
    )
    return {row.criterion: bool(row.approved) for row in rows}


def keep_verdict(
    connection: Connection,
    community: str,
    sha256: str,
    keys: Collection[str],
    *,
    approved: bool,
    vector: Vectors,
    model: ModelIdentity,
    now: float,
) -> None:
    rows = [
        {
            "community": community,
            "sha256": sha256,
            "criterion": key,
            "approved": approved,
            "decided_at": now,
            "fingerprint": model.fingerprint,
            "vector": pack(vector),
        }
        for key in keys
    ]
    replace(connection, moderation_decisions, ("community", "sha256", "criterion"), rows)


def forget_verdict(
    connection: Connection, community: str, sha256: str, keys: Collection[str]
) -> None:
    table = moderation_decisions
    connection.execute(
        delete(table).where(
            table.c.community == community,
            table.c.sha256 == sha256,
            table.c.criterion.in_(keys),
        )
    )


def decisions_on(connection: Connection, community: str, key: str) -> Mapping[str, bool]:
    table = moderation_decisions
    rows = connection.execute(
        select(table.c.sha256, table.c.approved).where(
            table.c.community == community, table.c.criterion == key
        )
    )
    return {row.sha256: bool(row.approved) for row in rows}


def purge_moderation(connection: Connection, community: str) -> None:
    for table in (moderation_criteria, moderation_decisions):
        connection.execute(delete(table).where(table.c.community == community))
    drop_unused_meanings(connection)


def rename_moderation(connection: Connection, old: str, new: str) -> None:
    """A community's criteria and decisions under its new name; what both have, they have once."""
    for table, keys in (
        (moderation_criteria, ("key",)),
        (moderation_decisions, ("sha256", "criterion")),
    ):
        other = table.alias()
        held = exists().where(
            other.c.community == new, *(other.c[key] == table.c[key] for key in keys)
        )
        connection.execute(delete(table).where(table.c.community == old, held))
        connection.execute(update(table).where(table.c.community == old).values(community=new))


def _meaning(packed: bytes, dimension: int) -> Meaning:
    rows = np.frombuffer(packed, dtype="<f4").astype(np.float32).reshape(-1, dimension)
    return Meaning(rows[0], rows[1], rows[_HEAD:])


def _prints(connection: Connection, community: str, model: ModelIdentity) -> Vectors:
    """Vectors of what was removed: those kept with the decision, else those of its files."""
    table = moderation_decisions
    mine = (table.c.community == community, ~table.c.approved)
    known: dict[str, bytes] = {
        row.sha256: row.vector
        for row in connection.execute(
            select(table.c.sha256, table.c.vector).where(
                *mine, table.c.fingerprint == model.fingerprint
            )
        )
    }
    known |= {
        row.sha256: row.vector
        for row in connection.execute(
            select(picture_vectors.c.sha256, picture_vectors.c.vector)
            .join(table, table.c.sha256 == picture_vectors.c.sha256)
            .where(*mine, picture_vectors.c.fingerprint == model.fingerprint)
        )
    }
    return unpack([known[key] for key in sorted(known)], model.dimension, MODERATION)
