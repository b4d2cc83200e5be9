"""Which channels and threads are followed, and how far each was read. Blocking, thread-safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from core.domain.types import PostChannel, Reached
from index.catalogue.schema import post_channels as channels
from index.library.overlay import Overlays

_COLUMNS = tuple(column.name for column in channels.columns)


class PostChannels:
    """Every method raises CatalogueError, and what it was to change is then as before."""

    def __init__(self, overlays: Overlays) -> None:
        self._overlays = overlays

    def of(self, community: str) -> Sequence[PostChannel]:
        """All of a community, also those that are switched off but not forgotten."""
        with self._overlays.read() as connection:
            found = connection.execute(select(channels).where(channels.c.community == community))
            return [_channel_of(row) for row in found]

    def find(self, chat: str) -> PostChannel | None:
        with self._overlays.read() as connection:
            row = connection.execute(select(channels).where(channels.c.chat == chat)).first()
        return None if row is None else _channel_of(row)

    def switch_on(self, wanted: PostChannel) -> bool:
        """Follow a channel from its position on, or from where it was left; whether it was off.

        Where it begins earlier than before, all is read once more: what is known is known.
        """
        with self._overlays.change() as change:
            row = change.connection.execute(
                select(channels).where(channels.c.chat == wanted.chat)
            ).first()
            known = None if row is None else _channel_of(row)
            if known is None:
                change.connection.execute(insert(channels).values(_row_of(wanted)))
                return True
            earlier = wanted.begins < known.begins
            kept = replace(
                known,
                is_on=True,
                begins=min(known.begins, wanted.begins),
                position=wanted.begins if earlier else known.position,
                complete=known.complete and not earlier,
                announced=known.announced and known.is_on,
            )
            mine = channels.c.chat == wanted.chat
            change.connection.execute(update(channels).where(mine).values(_row_of(kept)))
            again = {"begins": wanted.begins, "position": wanted.begins, "complete": False}
            threads = channels.c.parent == wanted.chat
            change.connection.execute(
                update(channels).where(threads).values(is_on=True, **(again if earlier else {}))
            )
            return not known.is_on

    def begin(self, found: PostChannel) -> None:
        """Follow a thread that is not known yet, where its channel is followed."""
        with self._overlays.change() as change:
            known = select(channels.c.chat).where(channels.c.chat == found.chat)
            parent = select(channels.c.is_on).where(channels.c.chat == found.parent)
            if change.connection.execute(known).first() is None and bool(
                change.connection.execute(parent).scalar()
            ):
                change.connection.execute(insert(channels).values(_row_of(found)))

    def announced(self, chat: str) -> None:
        """Everybody in a channel was told."""
        with self._overlays.change() as change:
            mine = channels.c.chat == chat
            change.connection.execute(update(channels).where(mine).values(announced=True))

    def reach(self, reached: Reached) -> None:
        """Note how far a channel was read in which there was nothing to keep."""
        with self._overlays.change() as change:
            note_reached(change.connection, reached)

    def switch_off(self, chat: str, *, forget: bool) -> None:
        """Follow a channel and its threads no more; ``forget``: also where they stopped."""
        mine = or_(channels.c.chat == chat, channels.c.parent == chat)
        with self._overlays.change() as change:
            if forget:
                change.connection.execute(delete(channels).where(mine))
            else:
                change.connection.execute(update(channels).where(mine).values(is_on=False))


def is_followed(connection: Connection, chat: str) -> bool:
    mine = select(channels.c.is_on).where(channels.c.chat == chat)
    return bool(connection.execute(mine).scalar())


def note_reached(connection: Connection, reached: Reached) -> None:
    """Note how far a channel was read, never back."""
    mine = channels.c.chat == reached.chat
    further = and_(mine, channels.c.position <= reached.position)
    connection.execute(update(channels).where(further).values(position=reached.position))
    if reached.complete:
        connection.execute(update(channels).where(mine).values(complete=True))


def _channel_of(row: object) -> PostChannel:
    return PostChannel(**{name: getattr(row, name) for name in _COLUMNS})


def _row_of(channel: PostChannel) -> dict[str, object]:
    return {name: getattr(channel, name) for name in _COLUMNS}
