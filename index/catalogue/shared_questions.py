"""Questions in hand of the nodes that share a database on a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from sqlalchemy import ColumnElement, Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.errors import CatalogueError
from core.domain.threads import finished_in_thread
from index.catalogue.database import Database
from index.catalogue.node_tables import NOW, telegram_questions

_KEPT_S = 120.0
"""For longer nobody waits for an answer; another node is connected within half a minute."""

_T = TypeVar("_T")


class SharedQuestions:
    """The QuestionsInHand port in a database on a server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = structlog.get_logger(__name__)

    async def put(self, bot: int, number: int, body: str) -> None:
        # One that Telegram hands out again has been tried as often as it was.
        new = insert(telegram_questions).values(bot=bot, number=number, body=body)

        def work(connection: Connection) -> None:
            # What was dropped, as in a flood, is never answered.
            connection.execute(delete(telegram_questions).where(_old()))
            connection.execute(new.on_conflict_do_nothing())

        await self._run(work, None)

    async def drop(self, bot: int, number: int) -> None:
        table = telegram_questions
        mine = delete(table).where(table.c.bot == bot, table.c.number == number)

        def work(connection: Connection) -> None:
            connection.execute(mine)

        await self._run(work, None)

    async def left(self, bot: int, *, tries: int) -> Sequence[str]:
        table = telegram_questions
        over = delete(table).where(_old() | (table.c.tries >= tries))
        mine = (table.c.bot == bot,)
        again = update(table).where(*mine).values(tries=table.c.tries + 1)

        def work(connection: Connection) -> Sequence[str]:
            connection.execute(over)
            connection.execute(again)
            query = select(table.c.body).where(*mine).order_by(table.c.number)
            return list(connection.execute(query).scalars())

        return await self._run(work, ())

    async def _run(self, work: Callable[[Connection], _T], otherwise: _T) -> _T:
        def done() -> _T:
            with self._database.beside() as connection:
                return work(connection)

        try:
            return await finished_in_thread(done)
        except CatalogueError as error:
            self._log.warning("questions not kept", reason=error.message)
            return otherwise


def _old() -> ColumnElement[bool]:
    return telegram_questions.c.used < NOW - _KEPT_S
