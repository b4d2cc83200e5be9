"""Pictures that people post in chats: taken in, found again, taken out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import structlog

from core.domain.errors import BadPicture, CommunityUnknown, NotFound
from core.domain.ports import CommunitySettingsStore, Embedder, PictureDecoder
from core.domain.threads import finished_in_thread
from core.domain.types import Lane, Post, PostsKept, Reached, TakenIn
from core.domain.viewer import Viewer
from core.search.look_alikes import LookAlikes
from index.indexing.caption_texts import tidy
from index.indexing.contributions import MAX_CAPTION
from index.indexing.new_uploads import UploadEncoder
from index.indexing.reposts import Reposts
from index.library.library import FolderLibrary
from index.library.posts import EncodedPost, PostRepository

POSTED_EDGE = 320
"""Pixels of the longer edge of what is kept of a post: its original stays on the platform."""

_AT_ONCE = 2
"""Pictures that are decoded at a time: the other workers are for people who wait."""


class ChatPosts:
    """The Posts port: uploads that nobody added, in the bulk lane, seen in their chat alone.

    ``duplicate_cosine`` and ``look_alikes`` as in
    :class:`index.indexing.contributions.ChatContributions`. Work that has begun to write is
    finished also where the caller is cancelled.
    """

    def __init__(
        self,
        library: FolderLibrary,
        repository: PostRepository,
        *,
        embedder: Embedder,
        decoder: PictureDecoder,
        settings: CommunitySettingsStore,
        duplicate_cosine: float = 0.97,
        look_alikes: LookAlikes | None = None,
    ) -> None:
        self._library = library
        self._repository = repository
        self._embedder = embedder
        self._decoder = decoder
        self._encoder = UploadEncoder(decoder, embedder)
        self._settings = settings
        self._reposts = Reposts(
            library,
            repository,
            look_alikes or LookAlikes(library.picture_file, decoder.decode),
            duplicate_cosine=duplicate_cosine,
        )
        self._decoding = asyncio.Semaphore(_AT_ONCE)
        # Switching it off and deleting the posts waits for those that are being added.
        self.adding = asyncio.Lock()
        self._log = structlog.get_logger(__name__)

    async def wanted(self, given: Sequence[Post]) -> tuple[Sequence[Post], TakenIn]:
        if not given or not self.takes_in(given[0].community):
            return (), TakenIn(left_out=len(given))
        return await finished_in_thread(self._repository.wanted, given)

    async def add(
        self, given: Sequence[tuple[Post, bytes]], reached: Reached | None = None
    ) -> TakenIn:
        wanted, so_far = await self.wanted([post for post, _ in given])
        community = given[0][0].community if given else ""
        if not wanted and (reached is None or not self.takes_in(community)):
            return so_far
        spec = self._library.spec(None, community)
        pictures = {post: picture for post, picture in given if post in wanted}
        read = await asyncio.gather(*(self._encoded(*each) for each in pictures.items()))
        good = [each for each in read if each is not None]
        async with self.adding:
            if not self.takes_in(community):
                return replace(so_far, left_out=so_far.left_out + len(wanted))
            good = await self._reposts.marked(spec, good)
            done = await finished_in_thread(
                self._repository.add, spec.name, community, good, self._embedder.identity, reached
            )
        return replace(
            so_far,
            added=done.added,
            known=so_far.known + len(good) - done.added - done.left_out,
            unreadable=len(read) - len(good),
            left_out=so_far.left_out + done.left_out,
        )

    async def edited(self, post: Post) -> bool:
        there = await finished_in_thread(
            self._repository.reads.of_messages, post.chat, (post.message,)
        )
        if not there:
            return False
        known = there[0]
        same_file = post.file_unique_id == known.file_unique_id
        if not post.file_unique_id or not same_file:
            again = bool(post.file_unique_id)
            await finished_in_thread(
                self._repository.removals.remove, post.chat, post.message, again=again
            )
            return again
        await self.say(known, post.caption)
        return False

    async def say(self, known: Post, text: str) -> None:
        """Another text for a post, and for all of its message and its album.

        Raises CatalogueError and what encoding a text raises.
        """
        caption = _caption(text)
        if caption == known.caption:
            return
        await finished_in_thread(
            self._repository.say,
            known,
            caption,
            whole_album=True,
            fingerprint=self._embedder.identity.fingerprint,
            meaning=await self._encoder.meaning(caption, Lane.BULK),
        )

    async def of(
        self, picture_ids: Sequence[str], community: Viewer | str
    ) -> Mapping[str, Sequence[Post]]:
        return await asyncio.to_thread(self._repository.reads.of_pictures, community, picture_ids)

    async def like(self, picture: bytes, community: Viewer | str) -> Sequence[Post]:
        viewer = Viewer.of(community)
        spec = self._library.spec(None, viewer)
        posted = hashlib.sha256(picture).hexdigest()
        found = set(
            await asyncio.to_thread(self._repository.reads.by_content, spec.name, viewer, posted)
        )
        if not found or viewer.channels:
            # Each of the channels may have one that is the same but for how it was saved.
            new = await self._kept(Post("", 0, viewer.community, "", "", 0.0), picture, Lane.CHAT)
            found |= {each.id for each in await self._reposts.kept_alike(spec, new.picture, viewer)}
        shown = []
        for each in found:
            try:
                # What moderation holds was posted nowhere.
                await self._library.picture_file(each, viewer)
            except NotFound:
                continue
            shown.append(each)
        there = await self.of(shown, viewer)
        return tuple(sorted(chain.from_iterable(there.values()), key=lambda post: post.posted_at))

    async def kept(self, community: Viewer | str) -> PostsKept:
        return await asyncio.to_thread(self._repository.kept, community)

    async def authors(self, community: str, handle: str) -> Sequence[str]:
        return await asyncio.to_thread(self._repository.reads.authors, community, handle)

    async def forget(self, community: str, author: str) -> int:
        async with self.adding:
            return await finished_in_thread(self._repository.removals.forget, community, author)

    async def forget_all(self, community: str) -> int:
        async with self.adding:
            return await finished_in_thread(self._repository.removals.forget_all, community)

    async def opt_out(self, person: str) -> int:
        return await finished_in_thread(self._repository.removals.opt_out, person)

    async def opt_in(self, person: str) -> None:
        await finished_in_thread(self._repository.removals.opt_in, person)

    def takes_in(self, community: str) -> bool:
        if not self._settings.of(community).index_posts:
            return False
        try:
            self._library.spec(None, community)
        except CommunityUnknown:
            return False
        return True

    async def _encoded(self, post: Post, picture: bytes) -> EncodedPost | None:
        """None where the picture cannot be read."""
        try:
            async with self._decoding:
                return replace(await self._kept(post, picture, Lane.BULK), original=picture)
        except BadPicture as error:
            self._log.info("post.unreadable", code=error.code)
            return None

    async def _kept(self, post: Post, picture: bytes, lane: Lane) -> EncodedPost:
        jpeg = await self._decoder.kept(picture, POSTED_EDGE)
        caption = _caption(post.caption)
        new = await self._encoder.encode(
            jpeg,
            sha256=hashlib.sha256(jpeg).hexdigest(),
            posted_sha256=hashlib.sha256(picture).hexdigest(),
            caption=caption,
            lane=lane,
        )
        new = replace(new, posted=True, place=post.place)
        return EncodedPost(replace(post, caption=caption), new)


def _caption(text: str) -> str:
    return tidy(text)[:MAX_CAPTION].rstrip()
