"""Pictures that people add and remove in chat."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from core.domain.errors import (
    DuplicatePicture,
    ExpiredButton,
    NotFound,
    PictureHeld,
    QueryTooLong,
)
from core.domain.ports import Embedder, PictureDecoder, Snapshot
from core.domain.threads import finished_in_thread
from core.domain.types import PersonalData, Picture
from core.domain.viewer import Viewer
from core.search.look_alikes import LookAlikes
from core.search.ports import CandidateSource, Sought
from index.indexing.caption_texts import tidy
from index.indexing.new_uploads import NEAREST, UploadEncoder, nearest
from index.library.community_settings import StoredSettings
from index.library.grants import StoredGrants
from index.library.library import CollectionSpec, FolderLibrary
from index.library.overlay import Overlays
from index.library.posts import PostRepository
from index.library.retention import Retention
from index.library.uploads import UploadQuota, UploadRepository, duplicate
from index.snapshots.overlay import NewUpload

MAX_CAPTION = 500
"""Characters of a caption: several sentences, and what every platform can show."""

KEPT_EDGE = 2048
"""Pixels of the longer edge of what is kept: a full screen, about 1 MB at most."""


class ChatContributions:
    """The Contributions port: uploads as files and rows that lie over the collections.

    ``duplicate_cosine``: from there on a picture may be another one, which a look at their pixels
    decides; ``room``: how much may be added; ``posts`` are what people post in chats, which is
    theirs, too; ``look_alikes`` is a comparison that others share. Work that has begun to write
    is finished also where the caller is cancelled.
    """

    def __init__(
        self,
        library: FolderLibrary,
        overlays: Overlays,
        *,
        embedder: Embedder,
        decoder: PictureDecoder,
        settings: StoredSettings,
        grants: StoredGrants | None = None,
        duplicate_cosine: float = 0.97,
        room: UploadQuota = UploadQuota(),  # noqa: B008 - frozen
        posts: PostRepository | None = None,
        look_alikes: LookAlikes | None = None,
        candidates: CandidateSource | None = None,
    ) -> None:
        self._library = library
        self._posts = posts
        self._uploads = UploadRepository(overlays, room=room)
        self._grants = grants
        self._retention = Retention(overlays)
        self._embedder = embedder
        self._decoder = decoder
        self._encoder = UploadEncoder(decoder, embedder)
        self._settings = settings
        self._duplicate_cosine = duplicate_cosine
        self._candidates = candidates
        self._look_alikes = look_alikes or LookAlikes(library.picture_file, decoder.decode)
        # Comparing and keeping are one step, so that of two pictures that are nearly the
        # same and come at the same moment, the second one is compared with the first.
        self._adding = asyncio.Lock()

    async def add(
        self,
        picture: bytes,
        caption: str,
        *,
        community: str,
        uploader: str,
        collection: str | None = None,
        anyway: bool = False,
    ) -> Picture:
        """See :meth:`core.domain.ports.Contributions.add`.

        A picture that was removed here and is posted again is shown again as it was. Raises
        PictureHeld in place of DuplicatePicture where moderation holds the one that is there.
        """
        try:
            return await self._add(
                picture,
                caption,
                community=community,
                uploader=uploader,
                collection=collection,
                anyway=anyway,
            )
        except DuplicatePicture as error:
            if not await self._hides(error.picture.id, community):
                raise
            raise PictureHeld(
                "This picture is in the collection already, but is not shown here.",
                remedy="Administrators decide about it with: /moderation review",
            ) from None

    async def _add(
        self,
        picture: bytes,
        caption: str,
        *,
        community: str,
        uploader: str,
        collection: str | None,
        anyway: bool,
    ) -> Picture:
        spec = self._library.spec(collection, community)
        viewpoint = spec.viewpoint(community)
        caption = _clean(caption)
        await finished_in_thread(self._uploads.check_room, spec.name, viewpoint)
        jpeg = await self._decoder.kept(picture, KEPT_EDGE)
        posted, kept = (hashlib.sha256(data).hexdigest() for data in (picture, jpeg))
        back = await finished_in_thread(
            self._uploads.settle, spec.name, viewpoint, frozenset({posted, kept})
        )
        if back is not None:
            return back
        # Check everything that may refuse it before the work of encoding.
        await self._library.view(spec, community)
        new = await self._encoder.encode(
            jpeg, sha256=kept, posted_sha256=posted, caption=caption, uploader=uploader
        )
        async with self._adding:
            if not anyway:
                await self._check_alike(spec, community, new)
            return await finished_in_thread(
                self._uploads.add, spec.name, viewpoint, new, self._embedder.identity
            )

    async def remove(self, picture_id: str, *, community: Viewer | str, remover: str) -> Picture:
        """See :meth:`core.domain.ports.Contributions.remove`.

        What moderation holds is not there, but for the one who added it.
        """
        if await self._hides(picture_id, community):
            kept = await finished_in_thread(self._uploads.personal, remover, fetch=False)
            if all(upload.picture.id != picture_id for upload in kept.uploads):
                raise NotFound("There is no such picture here.")
        for spec in self._visible(community):
            gone = await finished_in_thread(
                self._uploads.remove, spec.name, spec.viewpoint(community), picture_id, remover
            )
            if gone is not None:
                return gone
        raise NotFound("There is no such picture here.")

    async def restore(self, picture_id: str, *, community: Viewer | str) -> Picture:
        last: ExpiredButton | None = None
        for spec in self._visible(community):
            try:
                return await finished_in_thread(
                    self._uploads.restore, spec.name, spec.viewpoint(community), picture_id
                )
            except ExpiredButton as error:
                last = error
        raise last or ExpiredButton("There is nothing here that could be restored.")

    async def personal(self, requester: str) -> PersonalData:
        data = await finished_in_thread(self._uploads.personal, requester)
        posted: dict[str, set[str]] = {}
        for upload in data.uploads:
            posted.setdefault(upload.community, set()).add(upload.picture.id)
        for post in data.posts:
            posted.setdefault(post.community, set()).add(post.picture_id)
        held: set[str] = set()
        channels = frozenset(post.place for post in data.posts)
        for community, ids in posted.items():
            whole = Viewer(community, channels=channels)
            held |= await asyncio.to_thread(self._library.hidden, ids, whole)
        uploads = (replace(each, held=each.picture.id in held) for each in data.uploads)
        posts = (replace(each, held=each.picture_id in held) for each in data.posts)
        return replace(data, uploads=tuple(uploads), posts=tuple(posts))

    async def forget(self, requester: str) -> PersonalData:
        return await finished_in_thread(self._uploads.forget, requester)

    async def left(self, community: str) -> None:
        await finished_in_thread(self._retention.left, community)

    async def joined(self, community: str) -> None:
        await finished_in_thread(self._retention.joined, community)

    async def communities(self) -> frozenset[str]:
        return await finished_in_thread(self._retention.communities)

    async def moved(self, old: str, new: str) -> None:
        await finished_in_thread(self._retention.moved, old, new)
        await self._settings.refresh()
        if self._grants is not None and old != new:
            await self._grants.moved(old, new, self._library.naming(old))

    async def sweep(self) -> None:
        if self._posts is not None:
            await finished_in_thread(self._posts.sweep)
        if await finished_in_thread(self._retention.sweep):
            await self._settings.refresh()
            if self._grants is not None:
                await self._grants.refresh()

    async def _hides(self, picture_id: str, community: Viewer | str) -> bool:
        return bool(await asyncio.to_thread(self._library.hidden, (picture_id,), community))

    def _visible(self, community: Viewer | str) -> Sequence[CollectionSpec]:
        return [self._library.spec(name, community) for name in self._library.visible(community)]

    async def _check_alike(self, spec: CollectionSpec, community: str, new: NewUpload) -> None:
        view = await self._library.view(spec, community)
        if view is None or not view.pictures:
            return
        seen: Snapshot = view
        if self._candidates is not None:
            near = Sought(pictures=[new.vector], wanted=NEAREST)
            seen = (await self._candidates.around(view, community, near)).snapshot
        found = await asyncio.to_thread(nearest, seen, new, self._duplicate_cosine)
        shown = found and await self._look_alikes.posted(new.jpeg, [*found], community)
        if shown:
            raise duplicate(shown, found[shown], exact=False)


def _clean(caption: str) -> str:
    cleaned = tidy(caption)
    if len(cleaned) > MAX_CAPTION:
        raise QueryTooLong(length=len(cleaned), limit=MAX_CAPTION)
    return cleaned
