"""The posts of chats whose pictures are searched there: rows and thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from core.domain.types import ModelIdentity, Post, PostsKept, Reached, TakenIn, Vectors
from core.domain.viewer import Viewer
from index.catalogue.rows import chunks
from index.catalogue.schema import posts, uploads
from index.library.originals import OriginalRoom
from index.library.overlay import Overlays
from index.library.overlay_writes import adopt_model, insert_upload
from index.library.post_channels import is_followed, note_reached
from index.library.post_reads import PostReads, count_posts, unwanted
from index.library.post_removals import PostRemovals
from index.library.post_rows import Key, posted_pictures, recaption, row_of, same_file
from index.library.visibility import made_of
from index.snapshots.overlay import NewUpload, Viewpoint


@dataclass(frozen=True, slots=True)
class PostQuota:
    """How much of what people post is kept.

    ``pictures``: of one chat, 0 for none at all; ``free_bytes`` stay free on the disk;
    ``keep_s``: seconds after which a post is taken out, None for never; ``original_bytes``: of all
    originals together, None to keep none.
    """

    pictures: int = 10_000
    free_bytes: int = 0
    keep_s: float | None = None
    original_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class EncodedPost:
    """A post with its picture, and what its caption means: None where it has none.

    ``alike``: the id of a kept picture that is the same but for how it was saved, else empty;
    ``earlier``: the posts before it in the same step that are; ``original``: what was posted.
    """

    post: Post
    picture: NewUpload
    alike: str = ""
    earlier: tuple[Key, ...] = ()
    original: bytes = b""

    @property
    def meaning(self) -> Vectors | None:
        """What its caption means, float32 [d]."""
        return self.picture.caption_vector


class PostRepository:
    """Keeps posts and their thumbnails. Blocking, thread-safe.

    ``reads`` find them, ``removals`` take them out.

    Every method raises CatalogueError, and what it was to change is then as before.
    """

    def __init__(self, overlays: Overlays, room: PostQuota) -> None:
        self._overlays = overlays
        self._room = room
        self.reads = PostReads(overlays)
        self.removals = PostRemovals(overlays)
        self._log = structlog.get_logger(__name__)

    def wanted(self, given: Sequence[Post]) -> tuple[list[Post], TakenIn]:
        """Those of a chat's posts that may be taken in, and what became of the others."""
        too_old = self._too_old()
        with self._overlays.read() as connection:
            known, refused = unwanted(connection, given)
        wanted = [
            post
            for post in given
            if post.key not in known
            and post.author not in refused
            and (too_old is None or post.posted_at >= too_old)
        ]
        there = sum(post.key in known for post in given)
        kept_out = sum(post.author in refused and post.key not in known for post in given)
        late = len(given) - len(wanted) - there - kept_out
        return wanted, TakenIn(known=there, refused=kept_out, left_out=late)

    def add(
        self,
        collection: str,
        community: str,
        given: Sequence[EncodedPost],
        model: ModelIdentity,
        reached: Reached | None = None,
    ) -> TakenIn:
        """Keep posts of one chat in one commit; equal pictures are kept once in each place.

        ``reached`` is noted in the same commit, but where there was no room for one of them. Of a
        channel that is followed no more, nothing is kept.
        """
        added = left_out = 0
        changed: set[str] = set()
        originals = OriginalRoom(
            self._overlays.files.originals,
            self._room.original_bytes if any(each.original for each in given) else None,
        )
        keeps = self._room.original_bytes is not None
        files = [(each.picture.jpeg, each.original if keeps else b"") for each in given]

        def is_kept(connection: Connection, number: int) -> bool:
            return bool(_kept(connection, collection, community, given[number]))

        with (
            self._overlays.staged(collection, files, is_kept) as staged,
            self._overlays.change() as change,
        ):
            connection = change.connection
            if reached is not None and not is_followed(connection, reached.chat):
                return TakenIn(left_out=len(given))
            known, refused = unwanted(connection, [each.post for each in given])
            adopted = adopt_model(connection, collection, model)
            room = self._left(connection, community)
            made: dict[Key, str] = {}
            for number, each in enumerate(given):
                post = each.post
                key = post.key
                if key in known or post.author in refused:
                    continue
                known.add(key)
                picture_id = _kept(connection, collection, community, each) or next(
                    (made[other] for other in each.earlier if other in made), ""
                )
                if not picture_id:
                    if room <= 0 or adopted.fingerprint != model.fingerprint:
                        left_out += 1
                        continue
                    room -= 1
                    picture_id = insert_upload(
                        connection,
                        collection,
                        Viewpoint(community, shares=False),
                        replace(each.picture, uploader="", posted=True, place=post.place),
                        model=model,
                        now=post.posted_at,
                        picture_id=staged(number),
                    ).id
                    change.undo.append(partial(self._overlays.files.delete, collection, picture_id))
                    originals.keep(collection, picture_id, each.original)
                    self._overlays.files.write(collection, picture_id, each.picture.jpeg)
                made[key] = picture_id
                connection.execute(
                    insert(posts).values(row_of(replace(post, picture_id=picture_id)))
                )
                meaning = each.meaning
                said = {} if meaning is None else {post.caption: (model.fingerprint, meaning)}
                recaption(connection, [picture_id], said)
                changed.add(picture_id)
                added += 1
            if reached is not None and not left_out:
                note_reached(connection, reached)
            if added:
                change.touched.add((collection, community))
                change.uploads[collection, community] = changed
        if originals.left_out:
            self._log.warning("posts.originals_left_out", count=originals.left_out)
        return TakenIn(added=added, left_out=left_out)

    def say(
        self,
        post: Post,
        caption: str,
        *,
        whole_album: bool,
        fingerprint: str,
        meaning: Vectors | None,
    ) -> None:
        """Another text for a post, or for all messages of its album."""
        mine = and_(
            posts.c.chat == post.chat,
            posts.c.message == post.message,
            posts.c.part == post.part,
        )
        if whole_album and post.album:
            mine = and_(posts.c.chat == post.chat, posts.c.album == post.album)
        with self._overlays.change() as change:
            connection = change.connection
            there = and_(mine, posts.c.picture_id != "")
            ids = list(connection.execute(select(posts.c.picture_id).where(there)).scalars())
            connection.execute(update(posts).where(there).values(caption=caption))
            said = {} if meaning is None else {caption: (fingerprint, meaning)}
            recaption(connection, ids, said)
            for some in chunks(ids):
                scopes = select(uploads.c.collection, uploads.c.scope).where(uploads.c.id.in_(some))
                rows = connection.execute(scopes.distinct())
                scopes_here = [(row.collection, row.scope) for row in rows]
                change.touched.update(scopes_here)
                for scope in scopes_here:
                    change.uploads.setdefault(scope, set()).update(some)
        self._overlays.erase()

    def kept(self, community: Viewer | str) -> PostsKept:
        """What there is of a community, as far as the viewer reads it."""
        viewer = Viewer.of(community)
        with self._overlays.read() as connection:
            full = self._left(connection, viewer.community) <= 0
            return count_posts(connection, viewer, full=full)

    def sweep(self) -> None:
        """Take out what is older than posts are kept."""
        before = self._too_old()
        if before is not None:
            self.removals.expire(before)

    def _too_old(self) -> float | None:
        return None if self._room.keep_s is None else self._overlays.now - self._room.keep_s

    def _left(self, connection: Connection, community: str) -> int:
        """How many more pictures of a community may be kept."""
        mine = and_(uploads.c.scope == community, uploads.c.posted.is_(True))
        count = select(func.count()).select_from(uploads).where(mine)
        if self._overlays.files.free_bytes() < self._room.free_bytes:
            return 0
        return self._room.pictures - int(connection.execute(count).scalar_one())


def _kept(connection: Connection, collection: str, community: str, new: EncodedPost) -> str:
    contents = {new.picture.sha256, new.picture.posted_sha256}
    conditions: list[ColumnElement[bool]] = [made_of(contents)]
    if new.alike:
        conditions.append(uploads.c.id == new.alike)
    if new.post.file_unique_id:
        conditions.append(same_file(new.post.file_unique_id))
    here = uploads.c.place == new.post.place
    for condition in conditions:
        found = posted_pictures(connection, collection, community, condition, here)
        if found:
            return found[0]
    return ""
