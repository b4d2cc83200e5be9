"""What people add, remove, restore, ask back and have deleted, one transaction each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from core.domain.errors import (
    CatalogueError,
    CollectionFull,
    DuplicatePicture,
    ExpiredButton,
    FilesUnreachable,
    ModelMismatch,
    UploadsFull,
)
from core.domain.ports import UNDO_S
from core.domain.types import ModelIdentity, PersonalData, Picture, Upload
from index.catalogue.schema import posts, uploads
from index.catalogue.word_rows import lines_of
from index.library.overlay import Overlays
from index.library.overlay_reads import equal_picture, homes_of, kept_uploads
from index.library.overlay_removals import remove_picture, restore_picture, unhide
from index.library.overlay_writes import (
    adopt_model,
    drop_replaced,
    forget_person,
    insert_upload,
    live_count,
    removals_by,
    total_count,
)
from index.library.post_reads import posts_by
from index.library.post_rows import refusing, take_out
from index.snapshots.overlay import NewUpload, Viewpoint


@dataclass(frozen=True, slots=True)
class UploadQuota:
    """How much may be added.

    ``pictures``: of one scope to one collection, 0 for none at all; ``pictures_total`` and
    ``bytes_total``: of all together; ``free_bytes`` stay free on the disk.
    """

    pictures: int = 1000
    pictures_total: int = 20_000
    bytes_total: int = 20 * 2**30
    free_bytes: int = 0


class UploadRepository:
    """The rows and files behind the Contributions port. Blocking, thread-safe.

    Every method raises CatalogueError, and what it was to change is then as before.
    """

    def __init__(self, overlays: Overlays, *, room: UploadQuota) -> None:
        self._overlays = overlays
        self._room = room

    def check_room(self, collection: str, viewpoint: Viewpoint) -> None:
        """Raises CollectionFull where no further picture may be added."""
        try:
            with self._overlays.read() as connection:
                self._check_room(connection, collection, viewpoint)
        except FilesUnreachable:
            raise
        except OSError as error:
            raise CatalogueError(
                f"The folder of uploads cannot be read ({error.strerror or error}).",
                remedy="Check the disk that holds TANGERINE_DATA_DIR.",
            ) from error

    def settle(
        self, collection: str, viewpoint: Viewpoint, contents: Collection[str]
    ) -> Picture | None:
        """What can be answered without encoding a picture made of these contents.

        The picture that was hidden here and is shown again, None where there is none.
        Raises DuplicatePicture where an equal one is seen already.
        """
        with self._overlays.read() as connection:
            _check_equal(equal_picture(connection, collection, viewpoint, contents))
        with self._overlays.change() as change:
            back = unhide(change.connection, collection, viewpoint, contents)
            if back is None:
                return None
            change.touched.update((collection, scope) for scope in back.scopes)
        return back.picture

    def add(
        self, collection: str, viewpoint: Viewpoint, new: NewUpload, model: ModelIdentity
    ) -> Picture:
        """Keep a picture. Raises DuplicatePicture, CollectionFull, ModelMismatch."""
        contents = {new.sha256, new.posted_sha256}
        with (
            self._overlays.staged(collection, [(new.jpeg, b"")]) as staged,
            self._overlays.change() as change,
        ):
            connection = change.connection
            _check_equal(equal_picture(connection, collection, viewpoint, contents))
            self._check_room(connection, collection, viewpoint, len(new.jpeg))
            known = adopt_model(connection, collection, model)
            if known.fingerprint != model.fingerprint:
                raise ModelMismatch.between(collection, known.name, model.name)
            replaced = drop_replaced(connection, collection, viewpoint.scope, contents, change.now)
            picture = insert_upload(
                connection,
                collection,
                viewpoint,
                new,
                model=model,
                now=change.now,
                picture_id=staged(0),
            )
            change.undo.append(partial(self._overlays.files.delete, collection, picture.id))
            self._overlays.files.write(collection, picture.id, new.jpeg)
            change.touched.add((collection, viewpoint.scope))
        self._overlays.clear(replaced)
        return picture

    def remove(
        self, collection: str, viewpoint: Viewpoint, picture_id: str, remover: str
    ) -> Picture | None:
        """Take a picture out of this community's view; None where it sees no such picture."""
        files = self._overlays.files
        with self._overlays.change() as change:
            gone = remove_picture(
                change.connection,
                collection,
                viewpoint,
                picture_id,
                remover=remover,
                now=change.now,
            )
            if gone is None:
                return None
            for each in gone.files:
                change.undo.append(partial(files.put_back, collection, each))
                files.put_aside(collection, each)
            change.touched.update((collection, scope) for scope in gone.scopes)
        return gone.picture

    def restore(self, collection: str, viewpoint: Viewpoint, picture_id: str) -> Picture:
        """Undo a removal of the last five minutes. Raises ExpiredButton."""
        files = self._overlays.files
        with self._overlays.change() as change:
            back = restore_picture(
                change.connection, collection, viewpoint, picture_id, change.now - UNDO_S
            )
            if back is None:
                raise _expired()
            for each in back.files:
                change.undo.append(partial(files.put_aside, collection, each))
                if not files.put_back(collection, each):
                    raise _expired()
            change.touched.update((collection, scope) for scope in back.scopes)
        return back.picture

    def personal(self, requester: str, *, fetch: bool = True) -> PersonalData:
        """What there is of a person, with the files; those that cannot be fetched are missing.

        ``fetch``: whether files are brought from a bucket, for whoever reads them.
        """
        with self._overlays.read() as connection:
            mine = kept_uploads(connection, uploads.c.uploader == requester)
            posted = posts_by(connection, requester)
            homes = homes_of(connection, [post.picture_id for post in posted])
            removals = removals_by(connection, requester)
            opted_out = requester in refusing(connection, [requester])
            words = lines_of(
                connection, {each.picture.id for each in mine} | {p.picture_id for p in posted}
            )
        files = self._overlays.files
        original = files.originals.find

        def located(home: str, picture_id: str, *, posted: bool) -> Path:
            if files.is_remote and not fetch:
                return files.path(home, picture_id)
            try:
                found = original(home, picture_id) if posted else None
                return found or files.find(home, picture_id)
            except FilesUnreachable:
                return files.path(home, picture_id)

        return PersonalData(
            requester=requester,
            uploads=tuple(
                Upload(
                    picture=each.picture,
                    community=each.community,
                    uploader=each.uploader,
                    added_at=each.added_at,
                    file=located(each.picture.collection, each.picture.id, posted=False),
                )
                for each in mine
            ),
            removals=removals,
            posts=tuple(
                replace(post, file=located(homes[post.picture_id], post.picture_id, posted=True))
                for post in posted
                if post.picture_id in homes
            ),
            opted_out=opted_out,
            words=words,
        )

    def forget(self, requester: str) -> PersonalData:
        """Delete a person's uploads, their files and the person's name; what it was."""
        before = self.personal(requester, fetch=False)
        with self._overlays.change() as change:
            gone, touched = forget_person(change.connection, requester, change.now)
            _, posted, concerned = take_out(
                change.connection, posts.c.author == requester, change.now
            )
            change.touched.update({*touched, *concerned})
            gone += posted
        if not self._overlays.clear(gone):
            raise CatalogueError(
                "Some of the files could not be deleted yet.",
                remedy="It is tried again every minute; tell whoever runs this bot.",
            )
        self._overlays.erase()
        return before

    def _check_room(
        self, connection: Connection, collection: str, viewpoint: Viewpoint, more: int = 0
    ) -> None:
        """Raises CollectionFull where a file of ``more`` bytes is too much for one of the bounds.

        The bytes are counted on the disk each time: 10 ms for 10,000 files, beside a picture
        that takes longer to encode, and right whatever else has changed them.
        """
        room, files = self._room, self._overlays.files
        if room.pictures == 0:
            raise CollectionFull(
                "Adding pictures is switched off.",
                remedy="Ask whoever runs this bot to raise uploads.max_pictures.",
            )
        count = live_count(connection, collection, viewpoint.scope)
        if count >= room.pictures:
            raise CollectionFull(
                "One picture was added to “{collection}” here, and no more may be."
                if count == 1
                else "{count} pictures were added to “{collection}” here, and no more may be.",
                remedy="Remove some, or ask whoever runs this bot to raise uploads.max_pictures.",
                count=count,
                collection=collection,
            )
        if total_count(connection) >= room.pictures_total:
            raise UploadsFull(
                "This bot keeps as many pictures as it may, from all chats together.",
                remedy="Ask whoever runs it to raise uploads.max_pictures_total.",
            )
        if files.kept_bytes() + more > room.bytes_total:
            raise UploadsFull(
                "The pictures from all chats together take as much room as they may.",
                remedy="Ask whoever runs this bot to raise uploads.max_total_mb.",
            )
        if files.free_bytes() - more < room.free_bytes:
            raise UploadsFull(
                "The disk on which this bot keeps pictures is nearly full.",
                remedy="Ask whoever runs it to make room, or to lower uploads.min_free_mb.",
            )


def _expired() -> ExpiredButton:
    return ExpiredButton(
        "That removal cannot be undone any more.",
        remedy="It can be for five minutes; after that, add the picture again.",
    )


def _check_equal(picture: Picture | None) -> None:
    if picture is not None:
        raise duplicate(picture, 1.0, exact=True)


def duplicate(picture: Picture, score: float, *, exact: bool) -> DuplicatePicture:
    """The error for a picture that is there already, or nearly so."""
    if exact:
        return DuplicatePicture(picture=picture, score=score, exact=True)
    return DuplicatePicture(
        "A picture that looks nearly the same is in the collection already.",
        remedy="Add it anyway if it is another one.",
        picture=picture,
        score=score,
        exact=False,
    )
