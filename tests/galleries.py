"""A folder of pictures with everything that indexes it: real files, SQLite and FAISS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, cast

from bot.engine.engine import SystemClock
from core.domain.errors import EmptyCollection
from core.domain.ports import PictureDecoder
from core.domain.types import UPLOADED, Picture, Progress, ReindexReport
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import Database
from index.catalogue.file_types import NameRules
from index.catalogue.migrations import OURS, SchemaVersions
from index.indexing.channel_posts import ChatChannels
from index.indexing.contributions import ChatContributions
from index.indexing.patience import Circumstances
from index.indexing.posts import ChatPosts
from index.indexing.reindexer import Reindexer
from index.library.community_settings import StoredSettings
from index.library.grants import StoredGrants
from index.library.kept_views import KeptViews
from index.library.library import CollectionSpec, FolderLibrary
from index.library.looks import StoredLooks
from index.library.moderation import ChatModeration
from index.library.moderation_filter import Judge
from index.library.overlay import Overlays
from index.library.post_channels import PostChannels
from index.library.posts import PostQuota, PostRepository
from index.library.revisions import FileRevisions, SharedRevisions
from index.library.upload_files import UploadFiles
from index.library.uploads import UploadQuota
from index.maintenance.verify import verify_collection
from index.snapshots.delta import Generation
from index.snapshots.engine_copies import EngineCopies
from index.snapshots.store import SnapshotStore
from index.vectors.tuning import IndexRules
from tests.databases import database_at
from tests.fakes import FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes

LAYERED = IndexRules(layered_from=0, layered_share=1e9, merged_share=1e9)
"""Whatever changes is written by itself, however few pictures there are, and never merged."""


async def until(condition: Callable[[], bool]) -> None:
    """Let the others on the event loop go on until this holds, for ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the parts under test have no event for it
            await asyncio.sleep(0)


class FaultyFiles(UploadFiles):
    """The real ones, on a disk where the step that ``fault`` names fails."""

    fault: Literal["", "write", "delete", "announce"] = ""

    def write(self, collection: str, picture_id: str, jpeg: bytes) -> None:
        """Half of it, where the disk is full."""
        if self.fault == "write":
            super().write(collection, picture_id, jpeg[: len(jpeg) // 2])
            raise OSError(28, "No space left on device")
        super().write(collection, picture_id, jpeg)

    def delete(self, collection: str, picture_id: str) -> None:
        """Nothing, where somebody else owns the file."""
        if self.fault == "delete":
            raise OSError(13, "Permission denied")
        super().delete(collection, picture_id)

    def announce(self, collection: str, revision: int) -> None:
        """All of it, where the disk fails afterwards."""
        super().announce(collection, revision)
        if self.fault == "announce":
            raise OSError(5, "Input/output error")


class Gallery:
    """One collection under ``home``: ``pictures`` is its folder, ``data`` the data folder.

    The encoder, and the decoder where none is given, are fakes that count; all else is what the
    program runs.
    ``now`` is the time that uploads go by, in seconds since the epoch.
    """

    def __init__(
        self,
        home: Path,
        *,
        name: str = "gallery",
        model: str = "fake",
        embedder: FakeEmbedder | None = None,
        in_flight: int = 64,
        communities: str = "web",
        max_uploads: int = 1000,
        room: UploadQuota | None = None,
        post_room: PostQuota = PostQuota(),  # noqa: B008 - frozen
        duplicate_cosine: float = 0.97,
        rules: IndexRules = IndexRules(),  # noqa: B008 - frozen
        names: NameRules = NameRules(),  # noqa: B008 - frozen
        circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen
        judge: Judge | None = None,
        kept: KeptViews = KeptViews(),  # noqa: B008 - frozen
        awaited: bool = False,
        data: Path | None = None,
        shared: Callable[[Database], SharedRevisions] | None = None,
        files: UploadFiles | None = None,
        now: float = 1_800_000_000.0,
        decoder: PictureDecoder | None = None,
        schema: SchemaVersions = OURS,
        copies: Callable[[Database], EngineCopies] | None = None,
    ) -> None:
        self.name = name
        self.pictures = home / "pictures"
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.data = data or home / "data"
        self.data.mkdir(exist_ok=True)
        self.spec = CollectionSpec(name, self.pictures, frozenset(communities.split()), rules=names)
        self.catalogue = Catalogue(database_at(home, data=self.data, schema=schema))
        self.now = now
        # Nodes share the files of uploads, as they share the database.
        own = FaultyFiles((home if data else self.data) / "uploads")
        self.files = own if files is None else cast("FaultyFiles", files)
        database = self.catalogue.database
        self.revisions = shared(database) if shared else FileRevisions(self.files)
        newest = self.revisions.generation
        self.copies = copies(database) if copies else None
        if self.copies is not None:
            self.copies.make()
        self.store = SnapshotStore(
            self.data / "index", self.catalogue, rules, newest, copies=self.copies
        )
        self.overlays = Overlays(
            database, self.files, revisions=self.revisions, now=lambda: self.now
        )
        self.embedder = embedder or FakeEmbedder(FakeEncoder(name=model))
        self.decoder: Any = decoder or FakeDecoder()
        self.grants = StoredGrants.open(self.overlays)
        self.library = FolderLibrary(
            [self.spec],
            self.catalogue,
            self.store,
            self.overlays,
            identity=self.embedder.identity,
            grants=self.grants,
            judge=judge,
            kept=kept,
            awaited=lambda _: awaited,
        )
        self.overlays.make_ready(self.library.views.prepare)
        self.looks = StoredLooks(self.overlays, self.library, self.decoder)
        self.reindexer = Reindexer(
            [self.spec],
            catalogue=self.catalogue,
            store=self.store,
            overlays=self.overlays,
            embedder=self.embedder,
            decoder=self.decoder,
            clock=SystemClock(),
            in_flight=in_flight,
            circumstances=circumstances,
        )

        self.settings = StoredSettings.open(self.overlays)
        self.moderation = ChatModeration(self.library, self.overlays, self.embedder)
        kept_posts = PostRepository(self.overlays, post_room)
        self.posts = ChatPosts(
            self.library,
            kept_posts,
            embedder=self.embedder,
            decoder=self.decoder,
            settings=self.settings,
            duplicate_cosine=duplicate_cosine,
        )
        self.channels = ChatChannels(self.posts, kept_posts, PostChannels(self.overlays))
        self.contributions = ChatContributions(
            self.library,
            self.overlays,
            embedder=self.embedder,
            decoder=self.decoder,
            settings=self.settings,
            duplicate_cosine=duplicate_cosine,
            grants=self.grants,
            room=room or UploadQuota(pictures=max_uploads),
            posts=kept_posts,
        )

    @property
    def index(self) -> Path:
        """The folder of the collection's generations."""
        return self.data / "index" / self.name

    def add(self, path: str, colour: str = "red", seed: int = 0, caption: str = "") -> Path:
        """Put a picture into the folder, with a text beside it where it has a caption."""
        file = self.pictures / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture_bytes(colour, seed))
        if caption:
            file.with_suffix(".txt").write_text(caption, encoding="utf-8")
        return file

    def write(self, path: str, data: bytes | str) -> Path:
        """Put any file into the folder."""
        file = self.pictures / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    async def reindex(
        self,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: Collection[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """Reindex the collection."""
        return await self.reindexer.reindex(
            self.name,
            full=full,
            confirm_removals=confirm_removals,
            paths=None if paths is None else frozenset(paths),
            on_progress=on_progress,
        )

    def snapshot(self) -> Generation:
        """The current snapshot, which must exist."""
        snapshot = self.store.current(self.name)
        assert snapshot is not None
        return snapshot

    def shown(self) -> dict[str, str]:
        """The caption of every picture in the snapshot, by path."""
        return {picture.path: picture.caption for picture in self.snapshot().pictures}

    def ids(self) -> dict[str, str]:
        """The id of every picture in the snapshot, by path."""
        return {picture.path: picture.id for picture in self.snapshot().pictures}

    async def post(
        self,
        colour: str,
        seed: int = 0,
        caption: str = "",
        *,
        community: str = "web",
        uploader: str = "web:1",
        anyway: bool = False,
    ) -> Picture:
        """Add a picture in chat."""
        return await self.contributions.add(
            picture_bytes(colour, seed),
            caption,
            community=community,
            uploader=uploader,
            anyway=anyway,
        )

    async def seen(self, community: str = "web") -> set[str]:
        """The paths, or the captions of uploads, that a community's search may show."""
        try:
            view = await self.library.open(None, community)
        except EmptyCollection:
            return set()
        return {
            picture.caption or picture.id if picture.path.startswith(UPLOADED) else picture.path
            for picture in view.pictures
        }

    def verify(self) -> list[str]:
        """What ``tangerine verify`` says."""
        found = verify_collection(self.catalogue, self.store, self.overlays, self.spec)
        return [str(difference) for difference in found]

    def upload_files(self) -> dict[str, bool]:
        """The ids of all files of uploads that are there, and whether they are put aside."""
        return {file.picture_id: file.aside for file in self.files.all()}

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()
