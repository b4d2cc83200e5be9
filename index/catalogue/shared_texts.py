"""What buttons stand for that is too long for one, kept for all nodes of a database on a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog
from sqlalchemy import delete, select

from core.domain.errors import CatalogueError
from core.domain.threads import finished_in_thread
from index.catalogue.database import Database
from index.catalogue.node_tables import NOW, button_texts
from index.catalogue.rows import upsert

_KEPT_S = 86_400.0


class SharedTexts:
    """The Memory of buttons, and the PersonalMemory, of nodes that share a database on a server.

    ``key_of`` gives the key of a text.
    """

    name = "questions"
    kept_days = 0

    def __init__(self, database: Database, key_of: Callable[[str], str]) -> None:
        self._database = database
        self._key_of = key_of
        self._new: dict[tuple[str, str, str], str] = {}
        self._log = structlog.get_logger(__name__)

    def keep(self, community: str, text: str, requester: str) -> str:
        key = self._key_of(text)
        self._new[community, key, requester] = text
        return key

    async def settle(self) -> None:
        if not self._new:
            return
        new, self._new = self._new, {}
        try:
            await finished_in_thread(self._keep, new)
        except CatalogueError as error:
            self._log.warning("buttons will not work", count=len(new), reason=error.message)

    async def recall(self, community: str, key: str) -> str | None:
        mine = (button_texts.c.community == community, button_texts.c.key == key)
        query = select(button_texts.c.text).where(*mine, button_texts.c.used > NOW - _KEPT_S)

        def work() -> str | None:
            with self._database.beside() as connection:
                return connection.execute(query.limit(1)).scalar()

        return await finished_in_thread(work)

    async def describe(self, requester: str) -> Sequence[Mapping[str, object]]:
        """See the port. Raises CatalogueError."""
        query = select(button_texts.c.text).where(button_texts.c.requester == requester)

        def work() -> Sequence[Mapping[str, object]]:
            with self._database.beside() as connection:
                return [{"question": text} for text in connection.execute(query).scalars()]

        return await finished_in_thread(work)

    async def forget(self, requester: str) -> int:
        """Forget them; what others asked in the same words stays theirs. Raises CatalogueError."""
        mine = delete(button_texts).where(button_texts.c.requester == requester)

        def work() -> int:
            with self._database.beside() as connection:
                gone = connection.execute(mine).rowcount
            if gone:
                self._database.erase()
            return gone

        return await finished_in_thread(work)

    def _keep(self, new: Mapping[tuple[str, str, str], str]) -> None:
        rows = [
            {"community": where, "key": key, "requester": who, "text": text}
            for (where, key, who), text in sorted(new.items())
        ]
        with self._database.beside() as connection:
            connection.execute(delete(button_texts).where(button_texts.c.used < NOW - _KEPT_S))
            upsert(connection, button_texts, rows)
