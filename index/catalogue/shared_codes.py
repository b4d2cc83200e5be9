"""Codes that let a chat in, kept for all nodes of a database on a server."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from core.domain.threads import finished_in_thread
from index.catalogue.database import Database
from index.catalogue.node_tables import NOW, claim_codes


class SharedCodes:
    """The codes that hold, whichever node has shown them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, digest: str, lasts_s: float) -> None:
        def work() -> None:
            with self._database.beside() as connection:
                connection.execute(delete(claim_codes).where(claim_codes.c.until <= NOW))
                until = NOW + lasts_s
                kept = insert(claim_codes).values(digest=digest, until=until)
                again = kept.on_conflict_do_update(index_elements=["digest"], set_={"until": until})
                connection.execute(again)

        await finished_in_thread(work)

    async def take(self, digest: str) -> bool:
        # Of two who send it at the same moment, one deletes the row.
        held = claim_codes.c.until > NOW
        taken = delete(claim_codes).where(claim_codes.c.digest == digest, held)

        def work() -> bool:
            with self._database.beside() as connection:
                return connection.execute(taken).rowcount > 0

        return await finished_in_thread(work)
