"""After any sequence of changes, every community sees exactly what a plain model says."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine

from core.domain.errors import DuplicatePicture, ExpiredButton, NotFound
from core.domain.types import Picture
from core.search.service import Search
from index.indexing.contributions import ChatContributions
from index.library.library import CollectionSpec, FolderLibrary
from tests.databases import on_a_server
from tests.galleries import Gallery
from tests.overlay_model import (
    COMMUNITIES,
    CONTENTS,
    OPEN,
    PEOPLE,
    SHARED,
    Added,
    Model,
    sha,
)
from tests.servers.postgresql import emptied

pytestmark = pytest.mark.slow

_community = st.sampled_from(COMMUNITIES)
_collection = st.sampled_from([OPEN, SHARED])
_person = st.sampled_from(PEOPLE)
_content = st.integers(0, len(CONTENTS) - 1)


class Machine(RuleBasedStateMachine):
    """Two collections, three communities, two people, and a clock."""

    place: ClassVar[Callable[[], str] | None] = None
    """Gives the address of an empty database, where it is not to be a file."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.model = Model()
        home = Path(self.home.name)
        if Machine.place is not None:
            on_a_server(home, Machine.place())
        self.gallery = Gallery(home, communities="discord:1 *", duplicate_cosine=1.1)
        gallery = self.gallery
        self.folders = {OPEN: gallery.pictures, SHARED: home / "shared"}
        self.folders[SHARED].mkdir()
        self._start()
        self.kept = [
            hashlib.sha256(self.run(partial(gallery.decoder.thumbnail, data, 2048))).hexdigest()
            for data in CONTENTS
        ]
        self.ids: set[str] = set()
        self.last: tuple[Picture, str] | None = None

    def _start(self) -> None:
        """Put everything together as a start of the program with these settings does."""
        gallery, named = self.gallery, self.model.named
        specs = [
            CollectionSpec(OPEN, self.folders[OPEN], frozenset({*named[OPEN], "*"})),
            CollectionSpec(SHARED, self.folders[SHARED], frozenset(named[SHARED])),
        ]
        self.library = FolderLibrary(
            specs,
            gallery.catalogue,
            gallery.store,
            gallery.overlays,
            identity=gallery.embedder.identity,
        )
        gallery.reindexer._specs = {each.name: each for each in specs}
        self.contributions = ChatContributions(
            self.library,
            gallery.overlays,
            embedder=gallery.embedder,
            decoder=gallery.decoder,
            settings=gallery.settings,
            duplicate_cosine=1.1,
        )
        self.search = Search(self.library, gallery.embedder, gallery.decoder)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.gallery.close()
        self.runner.close()
        self.home.cleanup()

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do it on the event loop of this machine."""

        async def now() -> Any:
            return await work()

        return self.runner.run(now())

    # What people do

    @rule(community=_community, collection=_collection, content=_content, person=_person)
    def add(self, community: str, collection: str, content: int, person: str) -> None:
        """Add a picture: new, refused as equal, shown again, or of a foreign collection."""
        model = self.model
        scope = model.scope(collection, community)

        async def add() -> Picture:
            return await self.contributions.add(
                CONTENTS[content],
                "",
                community=community,
                uploader=person,
                collection=collection,
                anyway=True,
            )

        if not model.may(collection, community):
            with pytest.raises(NotFound):
                self.run(add)
            return
        if model.has(collection, community, content):
            with pytest.raises(DuplicatePicture) as refused:
                self.run(add)
            assert refused.value.exact
            assert refused.value.picture.sha256 in model.seen(collection, community)
            return
        picture = self.run(add)
        keys = (sha(content), self.kept[content])
        mine = {
            (collection, each, key)
            for each in model.controls(collection, community)
            for key in keys
        }
        before = dict(model.hidden)
        model.hidden = {key: value for key, value in before.items() if key not in mine}
        if len(model.hidden) < len(before) and model.has(collection, community, content):
            assert picture.sha256 in model.seen(collection, community), "shown again"
            return
        model.hidden = before
        # A removed one that is added anew cannot be restored beside it.
        model.uploads = [
            each
            for each in model.uploads
            if each.removed is None
            or (each.picture.collection, each.scope, each.content) != (collection, scope, content)
        ]
        assert picture.id not in self.ids, "no id is used again"
        self.ids.add(picture.id)
        model.uploads.append(Added(picture, content, scope, person))

    @rule(data=st.data(), community=_community, person=_person)
    def remove(self, data: st.DataObject, community: str, person: str) -> None:
        """Remove any picture that there is, whether this community sees it or not."""
        model = self.model
        choices = self._everything()
        if not choices:
            return
        picture = data.draw(st.sampled_from(choices))
        collection = picture.collection

        async def remove() -> Picture:
            return await self.contributions.remove(picture.id, community=community, remover=person)

        if not model.may(collection, community) or not self._sees(picture, community):
            with pytest.raises(NotFound):
                self.run(remove)
            return
        assert self.run(remove) == picture
        self.last = (picture, community)
        scope, controls = model.scope(collection, community), model.controls(collection, community)
        undone_by = (self.gallery.now, picture.id)
        left = picture.sha256 in model.base(collection, community)
        for each in model.added(collection, community):
            if each.picture.sha256 == picture.sha256 and each.scope in controls:
                each.removed = (*undone_by, scope)
            elif each.picture.sha256 == picture.sha256:
                left = True
        if left:
            model.hidden[collection, scope, picture.sha256] = undone_by

    @precondition(lambda self: self.last is not None)
    @rule(community=_community, same=st.booleans())
    def restore(self, community: str, *, same: bool) -> None:
        """Undo the last removal, as the one who made it or as anybody."""
        model = self.model
        assert self.last is not None
        picture, remover = self.last
        collection = picture.collection
        community = remover if same else community
        before = deepcopy(model)
        undone = 0
        if model.may(collection, community):
            controls = model.controls(collection, community)
            since = self.gallery.now - 300
            for each in model.uploads:
                if each.removed and each.picture.collection == collection:
                    at, name, scope = each.removed
                    if scope in controls and name == picture.id and at > since:
                        each.removed = None
                        undone += 1
            for key, (at, name) in list(model.hidden.items()):
                mine = key[0] == collection and key[1] in controls
                if mine and name == picture.id and at > since:
                    del model.hidden[key]
                    undone += 1
        if undone and self._sees(picture, community):
            back = self.run(lambda: self.contributions.restore(picture.id, community=community))
            assert back == picture
        else:
            with pytest.raises(ExpiredButton):
                self.run(lambda: self.contributions.restore(picture.id, community=community))
            self.model = before

    def _sees(self, picture: Picture, community: str) -> bool:
        """Whether the model shows this very picture to a community that may search for it."""
        if picture.path.startswith(".uploads/"):
            shown = [each.picture for each in self.model.added(picture.collection, community)]
            return picture in shown
        snapshot = self.gallery.store.current(picture.collection)
        return (
            snapshot is not None
            and snapshot.row_of(picture.id) is not None
            and picture.sha256 in self.model.base(picture.collection, community)
        )

    # What the operator does

    @rule(collection=_collection, content=_content, there=st.booleans())
    def change_folder(self, collection: str, content: int, *, there: bool) -> None:
        """Put a picture into the folder, or take it away; only a reindex sees it."""
        file = self.folders[collection] / f"{content}.png"
        if there:
            file.write_bytes(CONTENTS[content])
            self.model.folder[collection].add(content)
        else:
            file.unlink(missing_ok=True)
            self.model.folder[collection].discard(content)

    @rule(collection=_collection, full=st.booleans())
    def reindex(self, collection: str, *, full: bool) -> None:
        """Bring the index up to date."""
        if self.model.indexed[collection] and not self.model.folder[collection]:
            return  # refused, as for a folder that is not mounted
        report = self.run(lambda: self.gallery.reindexer.reindex(collection, full=full))
        assert report.failed == ()
        self.model.indexed[collection] = set(self.model.folder[collection])

    @rule(seconds=st.sampled_from([1, 200, 300]))
    def wait_and_sweep(self, seconds: int) -> None:
        """Time goes by; what is due goes."""
        self.gallery.now += seconds
        self.run(self.contributions.sweep)
        due = self.gallery.now - 300
        self.model.uploads = [
            each for each in self.model.uploads if not each.removed or each.removed[0] > due
        ]

    @rule(collection=_collection, community=_community, named=st.booleans())
    def permit(self, collection: str, community: str, *, named: bool) -> None:
        """Name a community in the settings, or name it no more, and start again."""
        if named:
            self.model.named[collection].add(community)
        else:
            self.model.named[collection].discard(community)
        self._start()

    @rule(person=_person)
    def forget(self, person: str) -> None:
        """A person has everything deleted."""
        gone = self.run(lambda: self.contributions.forget(person))
        mine = [each for each in self.model.uploads if each.uploader == person]
        assert {each.picture.id for each in gone.uploads} == {each.picture.id for each in mine}
        self.model.uploads = [each for each in self.model.uploads if each.uploader != person]

    # What holds

    def _everything(self) -> list[Picture]:
        """All pictures that are there, in an order in which no random id has a part."""
        found = [each.picture for each in self.model.uploads]
        for name in (OPEN, SHARED):
            snapshot = self.gallery.store.current(name)
            found += snapshot.pictures if snapshot else ()
        return found

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        """Exactly that: in the snapshot, in a search for it, and by id."""
        self.run(self._look)

    async def _look(self) -> None:
        for community in COMMUNITIES:
            for collection in (OPEN, SHARED):
                asked = {"community": community, "collection": collection, "k": 20}
                if not self.model.may(collection, community):
                    for refused in (
                        self.library.open(collection, community),
                        self.search.find("anything", **asked),
                        self.search.similar(CONTENTS[0], **asked),
                        self.search.describe(CONTENTS[0], **asked),
                    ):
                        with pytest.raises(NotFound):
                            await refused
                    continue
                expected = self.model.seen(collection, community)
                spec = self.library.spec(collection, community)
                view = await self.library.view(spec, community)
                pictures = [] if view is None else list(view.pictures)
                assert {each.sha256 for each in pictures} == expected
                ids = {each.id for each in pictures}
                assert ids >= {each.picture.id for each in self.model.added(collection, community)}
                if expected:
                    for result in (
                        await self.search.find("anything", **asked),
                        await self.search.similar(CONTENTS[0], **asked),
                        await self.search.describe(CONTENTS[0], **asked),
                    ):
                        assert {hit.picture.id for hit in result.hits} <= ids
                for picture in self._everything():
                    if picture.collection != collection:
                        continue
                    uploaded = picture.path.startswith(".uploads/")
                    # A file that left the folder since the last reindex cannot be served.
                    left = not uploaded and not (self.folders[collection] / picture.path).exists()
                    if picture.id in ids and not left:
                        _, file = await self.library.picture_file(picture.id, community)
                        held = hashlib.sha256(file.read_bytes()).hexdigest()
                        assert held == picture.sha256
                    else:
                        with pytest.raises(NotFound):
                            await self.library.picture_file(picture.id, community)

    @invariant()
    def files_and_rows_agree(self) -> None:
        """There is a file for each upload that is kept, and no other."""
        assert self.gallery.upload_files() == {
            each.picture.id: each.removed is not None for each in self.model.uploads
        }


_sample = settings(
    max_examples=6,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class TestSequences(Machine.TestCase):
    """Any order of adding, removing, restoring, reindexing, permitting, waiting, forgetting."""

    settings = _sample


@pytest.mark.long
@pytest.mark.process
@pytest.mark.timeout(1800)
class TestSequencesOnAServer(Machine.TestCase):
    """The same rule, where the catalogue is in PostgreSQL."""

    settings = _sample

    @pytest.fixture(autouse=True)
    def _server(self, _catalogue: Engine) -> Iterator[None]:
        Machine.place = lambda: emptied(_catalogue)
        yield
        Machine.place = None


@pytest.mark.long
@pytest.mark.timeout(3000)
class TestManySequences(Machine.TestCase):
    """The same rule, over more sequences."""

    settings = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
