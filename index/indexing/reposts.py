"""Which posted pictures are one but for how they were saved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from core.domain.types import Picture
from core.domain.viewer import Viewer
from core.search.look_alikes import Comparable, LookAlikes, same
from index.indexing.new_uploads import moves_alike, nearest
from index.library.library import CollectionSpec, FolderLibrary
from index.library.posts import EncodedPost, PostRepository
from index.snapshots.overlay import NewUpload


class Reposts:
    """Compares new posts with what is kept, and with each other.

    From ``duplicate_cosine`` on two pictures may be one, which a look at their pixels decides.
    """

    def __init__(
        self,
        library: FolderLibrary,
        repository: PostRepository,
        look_alikes: LookAlikes,
        *,
        duplicate_cosine: float,
    ) -> None:
        self._library = library
        self._repository = repository
        self._look_alikes = look_alikes
        self._duplicate_cosine = duplicate_cosine

    async def marked(self, spec: CollectionSpec, given: Sequence[EncodedPost]) -> list[EncodedPost]:
        """The posts with what shows the same: a kept picture, and earlier ones of these posts.

        Raises BadPicture, Busy, CatalogueError.
        """
        done: list[EncodedPost] = []
        seen: dict[tuple[int, int], Comparable] = {}

        async def look(each: EncodedPost) -> Comparable:
            if each.post.key not in seen:
                seen[each.post.key] = await self._look_alikes.seen(each.picture.jpeg)
            return seen[each.post.key]

        for each in given:
            place = each.post.place
            # Of its own channel alone: each has its own readers.
            here = Viewer(each.post.community, bool(place), frozenset({place} - {""}))
            kept = await self.kept_alike(spec, each.picture, here)
            earlier = [
                other.post.key
                for other in done
                if other.post.place == place
                and self._may_be_one(each.picture, other.picture)
                and await asyncio.to_thread(same, await look(each), await look(other))
            ]
            alike = kept[0].id if kept else ""
            done.append(replace(each, alike=alike, earlier=tuple(earlier)))
        return done

    async def kept_alike(
        self, spec: CollectionSpec, new: NewUpload, viewer: Viewer
    ) -> Sequence[Picture]:
        """The pictures of posts that the viewer sees and that are the same.

        Raises BadPicture, Busy, CatalogueError.
        """
        view = await self._library.view(spec, viewer)
        if view is None or not view.pictures:
            return ()
        near = await asyncio.to_thread(nearest, view, new, self._duplicate_cosine)
        ids = [picture.id for picture in near]
        posted = await asyncio.to_thread(self._repository.reads.of_pictures, viewer, ids)
        ours = [picture for picture in near if picture.id in posted]
        compared = [await self._look_alikes.posted(new.jpeg, [each], viewer) for each in ours]
        return [each for each in compared if each is not None]

    def _may_be_one(self, one: NewUpload, other: NewUpload) -> bool:
        near = float(one.vector @ other.vector) >= self._duplicate_cosine
        return near and moves_alike(one, other, self._duplicate_cosine)
