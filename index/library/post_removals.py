"""Posts that are taken out, or deleted as if they had never been there."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select

from index.catalogue.rows import chunks
from index.catalogue.schema import opted_out, posts
from index.library.overlay import Overlays
from index.library.post_rows import take_out


class PostRemovals:
    """Takes posts out, with the thumbnails that no other post has. Blocking, thread-safe.

    What was taken out leaves the number of its message, so that no import brings it back; what
    was deleted leaves nothing. Every method raises CatalogueError, and what it was to change is
    then as before.
    """

    def __init__(self, overlays: Overlays) -> None:
        self._overlays = overlays

    def remove(self, chat: str, message: int, *, again: bool = False) -> None:
        """Take one post out; ``again``: it is about to be taken in anew."""
        mine = and_(posts.c.chat == chat, posts.c.message == message)
        self._take_out(mine, erase=again)

    def delete(self, chat: str, messages: Collection[int], *, but: Collection[int] = ()) -> int:
        """Delete the posts of messages as if they had never been there; how many.

        ``but``: these of their pictures stay.
        """
        gone = 0
        for some in chunks(messages):
            gone += self._take_out(
                and_(posts.c.chat == chat, posts.c.message.in_(some), posts.c.part.not_in(but)),
                erase=True,
            )
        return gone

    def delete_chat(self, chat: str) -> int:
        """Delete all posts of a channel and of the threads in it; how many."""
        return self._take_out(or_(posts.c.chat == chat, posts.c.parent == chat), erase=True)

    def forget(self, community: str, author: str) -> int:
        """Take out what somebody posted in a community; how many posts."""
        return self._take_out(and_(posts.c.community == community, posts.c.author == author))

    def forget_all(self, community: str) -> int:
        """Delete what everybody posted in a community, as if it had never been there."""
        return self._take_out(posts.c.community == community, erase=True)

    def opt_out(self, person: str) -> int:
        """Take somebody's posts out everywhere and take none in again; how many posts."""

        def note(connection: Connection) -> None:
            connection.execute(delete(opted_out).where(opted_out.c.person == person))
            connection.execute(insert(opted_out).values(person=person))

        return self._take_out(posts.c.author == person, also=note)

    def opt_in(self, person: str) -> None:
        """Take somebody's posts in again from now on."""
        with self._overlays.change() as change:
            change.connection.execute(delete(opted_out).where(opted_out.c.person == person))

    def expire(self, before: float) -> None:
        """Take out what was posted before this time."""
        self._take_out(and_(posts.c.posted_at < before, posts.c.picture_id != ""))

    def _take_out(
        self,
        condition: ColumnElement[bool],
        *,
        erase: bool = False,
        also: Callable[[Connection], None] = lambda _: None,
    ) -> int:
        with self._overlays.read() as connection:
            there = select(func.count()).select_from(posts).where(condition)
            idle = not connection.execute(there).scalar_one()
        with self._overlays.change() as change:
            also(change.connection)
            if idle:
                # Looked at again: something may have come in meanwhile.
                idle = not change.connection.execute(there).scalar_one()
            count, files, touched = (
                (0, (), {})
                if idle
                else take_out(change.connection, condition, change.now, erase=erase)
            )
            change.touched.update(touched)
            change.uploads.update(touched)
        self._overlays.clear(files)
        if not idle:
            self._overlays.erase()
        return count
