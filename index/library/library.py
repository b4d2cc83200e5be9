"""All collections, and the one place where a community's right to see one is checked."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import (
    BeingEncodedAnew,
    BeingIndexed,
    CommunityUnknown,
    EmptyCollection,
    ModelMismatch,
    NotFound,
    SourceError,
)
from core.domain.single_flight import SingleFlight
from core.domain.types import UPLOADED, CollectionStatus, ModelIdentity, Picture
from core.domain.viewer import Viewer
from index.catalogue.catalogue import Catalogue
from index.catalogue.folders import MadeOf, is_moved, name_of
from index.catalogue.walk import inside
from index.library.grants import StoredGrants
from index.library.kept_views import KeptViews
from index.library.moderation_filter import Judge
from index.library.moderation_rows import moderation_revisions
from index.library.overlay import Overlays
from index.library.overlay_reads import counts_of
from index.library.specs import EVERYBODY, LOCAL, WEB, CollectionSpec
from index.library.views import Views
from index.snapshots.overlaid import IdentifiedSnapshot
from index.snapshots.overlay import Viewpoint
from index.snapshots.store import SnapshotStore
from index.vectors.choose import SMALL
from index.vectors.manifest import DamagedGenerationError

__all__ = ["EVERYBODY", "LOCAL", "WEB", "CollectionSpec", "FolderLibrary"]


_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _VisibleCollection:
    """What a community sees of a collection, and whether its folder is there where it counts.

    ``elsewhere``: another folder was indexed, and nothing of this one.
    """

    view: IdentifiedSnapshot | None
    folder_there: bool
    elsewhere: bool


def folder_gone(spec: CollectionSpec, *, named: bool) -> SourceError:
    """The error for a collection whose folder is not there; ``named``: where it should be."""
    where = f": {spec.folder}" if named else ""
    return SourceError(
        f"The folder of the collection {spec.name!r} is not there{where}.",
        remedy="Mount it, or put it back; nothing of what is indexed is lost.",
    )


class FolderLibrary:
    """The Library port over folders of pictures; every blocking step runs in a thread.

    What a community's moderation holds is in none of its snapshots and has no file for it.
    ``default`` comes first wherever it may be seen. ``identity`` is the model that encodes
    the queries; without it (a program that only shows the state) any snapshot is opened.
    ``grants`` let communities in beside those of the specs.
    ``awaited``: whether somebody is about to index a collection, beside those who are at it.
    Blocking.
    """

    def __init__(
        self,
        specs: Sequence[CollectionSpec],
        catalogue: Catalogue,
        store: SnapshotStore,
        overlays: Overlays,
        *,
        identity: ModelIdentity | None = None,
        default: str | None = None,
        judge: Judge | None = None,
        grants: StoredGrants | None = None,
        awaited: Callable[[str], bool] = lambda _: False,
        kept: KeptViews = KeptViews(),  # noqa: B008 - frozen
    ) -> None:
        # sorted() is stable: after the default one, the order of the settings.
        self._specs = {
            spec.name: spec for spec in sorted(specs, key=lambda spec: spec.name != default)
        }
        self._catalogue = catalogue
        self._store = store
        self._overlays = overlays
        self.views = Views(store, overlays, judge, kept)
        # Handing work to a thread and back costs more than what takes a few ``stat``.
        self._looks: SingleFlight[tuple[str, Viewpoint], _VisibleCollection] = SingleFlight(
            fresh=True
        )
        self._about_to_begin = awaited
        # What each collection is made of, as of a generation, and how its folder is called.
        self._made: dict[str, tuple[int, MadeOf | None]] = {}
        self._folders = {spec.name: name_of(spec.folder) for spec in specs}
        self._identity = identity
        self._grants = grants
        # Asked several times for each question, and changed once in a month.
        self._opened: dict[str, tuple[object, object, CollectionSpec]] = {}

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._specs)

    def spec_of(self, name: str) -> CollectionSpec:
        """A collection with all who may search it now: by the settings, and let in since."""
        spec, grants = self._specs[name], self._grants
        if grants is None:
            return spec
        held = grants.of(name)
        alone = grants.operators if name == self.names[0] else _NOBODY
        known = self._opened.get(name)
        if known is None or known[0] is not held or known[1] is not alone:
            known = self._opened[name] = held, alone, spec.opened(held, alone)
        return known[2]

    def naming(self, community: str) -> Sequence[str]:
        """Names of the collections for which the settings name this community."""
        return tuple(name for name, spec in self._specs.items() if community in spec.communities)

    def shares(self, collection: str, community: Viewer | str) -> bool:
        return self.spec_of(collection).shared_by(community)

    def visible(self, community: Viewer | str) -> Sequence[str]:
        return tuple(name for name in self._specs if self.spec_of(name).visible_to(community))

    def spec(self, collection: str | None, community: Viewer | str) -> CollectionSpec:
        """The collection that this community means; None names its default one.

        Raises NotFound where it does not exist or this community may not search it (the
        same words for both), CommunityUnknown where it may search none.
        """
        names = self.visible(community)
        if not names:
            raise CommunityUnknown(community=Viewer.of(community).community)
        name = names[0] if collection is None else collection
        if name not in names:
            raise NotFound(
                "There is no such collection here.",
                remedy="Leave out the collection's name to search the default one.",
            )
        return self.spec_of(name)

    async def view(
        self, spec: CollectionSpec, community: Viewer | str
    ) -> IdentifiedSnapshot | None:
        """What the community sees of it; None where nothing was ever indexed or added.

        Raises ModelMismatch, BeingEncodedAnew, CatalogueError.
        """
        seen = await self._seen(spec, community)
        await self._check_model(seen.view)
        return seen.view

    async def open(
        self, collection: str | None, community: Viewer | str, *, of_any_model: bool = False
    ) -> IdentifiedSnapshot:
        spec = self.spec(collection, community)
        seen = await self._seen(spec, community)
        if not of_any_model:
            await self._check_model(seen.view)
        if not seen.folder_there:
            raise folder_gone(spec, named=Viewer.of(community).community == LOCAL)
        view = seen.view
        if Viewer.of(community).wanted is not None and (view is None or not view.pictures):
            raise NotFound(
                "Nothing that was posted fits.",
                remedy="Leave out in, from, after or before, or choose others.",
            )
        if view is None or not view.pictures:
            if await asyncio.to_thread(self._awaited, spec.name):
                total = self.expected(spec.name) or 0
                raise BeingIndexed(
                    "Indexing has begun: 0 of {total} pictures so far." if total else "",
                    retry_after=2.0,
                    total=total,
                )
            if seen.elsewhere:
                raise EmptyCollection(
                    "“{collection}” has another folder now, of which nothing is indexed yet.",
                    collection=spec.name,
                )
            if view is None:
                raise EmptyCollection(collection=spec.name)
            raise EmptyCollection(
                "There are no pictures in “{collection}”.",
                collection=spec.name,
            )
        return view

    def expected(self, collection: str) -> int | None:
        _, made = self._made.get(collection, (0, None))
        return None if made is None else made.expected

    def has_file(self, picture: Picture) -> bool:
        spec = self._specs[picture.collection]
        if picture.path.startswith(UPLOADED):
            return self._overlays.files.is_there(spec.name, picture.id)
        # Asked for every hit: a Path takes some ten times as long to make as a file to look at.
        return os.path.isfile(f"{spec.folder}{os.sep}{picture.path}")  # noqa: PTH113

    async def picture_file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path]:
        for name in self.visible(community):
            found = await asyncio.to_thread(self._find, self.spec_of(name), picture_id, community)
            if found is not None:
                return found
        raise NotFound("There is no such picture here.")

    async def status(self, community: Viewer | str) -> Sequence[CollectionStatus]:
        return [
            await asyncio.to_thread(self._status, self.spec_of(name), community)
            for name in self.visible(community)
        ]

    def _awaited(self, name: str) -> bool:
        # A run that was killed is unfinished, too: then nobody holds the lock.
        begun = self._catalogue.unfinished_run(name) is not None and self._store.is_written(name)
        return begun or self._about_to_begin(name)

    async def _seen(self, spec: CollectionSpec, community: Viewer | str) -> _VisibleCollection:
        which = spec.name, spec.viewpoint(community)
        return await self._looks.run(which, lambda: asyncio.to_thread(self._look, which))

    def _look(self, which: tuple[str, Viewpoint]) -> _VisibleCollection:
        name, viewpoint = which
        view = self.views.current(name, viewpoint)
        made = self._made_of(name, view)
        there, elsewhere = True, False
        if view is not None:
            elsewhere = made is not None and made.folder != self._folders[name]
            if elsewhere:
                view = None  # the pictures of another folder, until this one is indexed
            # Rows of the folder stand before what was added in chat.
            elif view.pictures and not view.pictures[0].path.startswith(UPLOADED):
                there = self._specs[name].folder.is_dir()
        return _VisibleCollection(view, there, elsewhere)

    def _made_of(self, name: str, view: IdentifiedSnapshot | None) -> MadeOf | None:
        """What it is made of: asked anew while a folder is begun, else once a generation."""
        generation = 0 if view is None else view.generation
        before, made = self._made.get(name, (0, None))
        settled = made is None or (made.expected is None and made.folder == self._folders[name])
        if generation == 0 or generation != before or not settled:
            made = self._catalogue.made_of(name)
            mine = self._folders[name]
            if made is not None and made.folder != mine and view is not None:
                # A folder that was moved is the same, before a reindex has written that down.
                moved = is_moved(view.pictures, self._specs[name].folder)
                made = MadeOf(mine, made.expected) if moved else made
            self._made[name] = generation, made
        return made

    async def _check_model(self, snapshot: IdentifiedSnapshot | None) -> None:
        mine = self._identity
        if snapshot is None or mine is None:
            return
        if mine.fingerprint == snapshot.identity.fingerprint:
            return
        if await asyncio.to_thread(self._awaited, snapshot.collection):
            raise BeingEncodedAnew(collection=snapshot.collection)
        raise ModelMismatch.between(snapshot.collection, snapshot.identity.name, mine.name)

    def _find(
        self, spec: CollectionSpec, picture_id: str, community: Viewer | str
    ) -> tuple[Picture, Path] | None:
        view = self._with(spec.name, spec.viewpoint(community), (picture_id,))
        row = view.row_of(picture_id) if view is not None else None
        picture = None if view is None or row is None else view.pictures[row]
        file = None if picture is None else self.file_of(picture)
        return None if picture is None or file is None else (picture, file)

    def sample(self, collection: str) -> IdentifiedSnapshot | None:
        """What a node holds of a collection that none can hold; None of others. Blocking.

        Raises CatalogueError.
        """
        return self._store.current(collection) if self._store.sampled(collection) else None

    def _with(
        self,
        name: str,
        viewpoint: Viewpoint,
        picture_ids: Collection[str],
        *,
        moderated: bool = True,
    ) -> IdentifiedSnapshot | None:
        """What the viewer sees of a collection; of a sampled one, these pictures among it."""
        if self._store.sampled(name):
            return self.views.widened(name, viewpoint, picture_ids, moderated=moderated)
        if moderated:
            return self.views.current(name, viewpoint)
        return self.views.bare(name, viewpoint)

    def hidden(self, picture_ids: Collection[str], community: Viewer | str) -> frozenset[str]:
        """Those of these pictures that moderation alone keeps from the community. Blocking."""
        found: set[str] = set()
        for name in self.visible(community):
            viewpoint = self.spec_of(name).viewpoint(community)
            if not picture_ids or not self._moderated(viewpoint):
                continue
            bare = self._with(name, viewpoint, picture_ids, moderated=False)
            view = self._with(name, viewpoint, picture_ids)
            found |= {
                each
                for each in picture_ids
                if bare is not None
                and bare.row_of(each) is not None
                and (view is None or view.row_of(each) is None)
            }
        return frozenset(found)

    def file_of(self, picture: Picture) -> Path | None:
        spec = self._specs[picture.collection]
        if picture.path.startswith(UPLOADED):
            file = self._overlays.files.find(spec.name, picture.id)
            return file if file.is_file() else None
        try:
            folder = spec.folder.resolve(strict=True)
            file = folder / picture.path
            # A link may have been put in the picture's place since it was indexed.
            if not inside(folder, file) or not stat.S_ISREG(file.stat().st_mode):
                return None
        except OSError:
            return None
        return file.resolve()

    def _status(self, spec: CollectionSpec, community: Viewer | str) -> CollectionStatus:
        name = spec.name
        generation, made = self._catalogue.generation(name), self._catalogue.made_of(name)
        viewpoint = spec.viewpoint(community)
        if self._moderated(viewpoint) and not self._store.sampled(name):
            pictures, captions = self._shown(name, viewpoint)
        else:
            with self._overlays.read() as connection:
                pictures, captions = counts_of(connection, name, viewpoint)
        recall = None
        try:
            manifest = self._store.manifest(name)
        except DamagedGenerationError:
            manifest = None
        if self._store.copies is not None and self._store.sampled(name):
            kind = self._store.copies.engine.name
        elif manifest is not None and manifest.generation == generation:
            kind, recall = manifest.kind, manifest.recall
        elif generation:
            kind = "rebuilt at the next search"
        else:
            kind = SMALL if pictures else "none"
        return CollectionStatus(
            name=name,
            pictures=pictures,
            captions=captions,
            index=kind,
            generation=generation,
            recall=recall,
            expected=None if made is None else made.expected,
            outdated=self._identity is not None
            and self._catalogue.is_of_another_model(name, self._identity),
        )

    def _moderated(self, viewpoint: Viewpoint) -> bool:
        with self._overlays.read() as connection:
            return any(moderation_revisions(connection, viewpoint.moderators))

    def _shown(self, collection: str, viewpoint: Viewpoint) -> tuple[int, int]:
        """How many pictures and captions are left of what is moderated."""
        try:
            view = self.views.current(collection, viewpoint)
        except ModelMismatch:
            return 0, 0  # nothing is shown until the criteria are encoded
        return (0, 0) if view is None else (len(view.pictures), len(view.captions))
