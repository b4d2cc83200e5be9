"""Originals of posts: kept where the operator wants an archive, and gone with their posts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.chat.handlers.exports import export
from bot.doctor.files import check_originals
from core.domain.types import TakenIn
from index.library.posts import PostQuota
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.index.library.test_posts import ANA, BOB, CHAT, DAY, _gallery, _post

_PICTURE = picture_bytes("red", edge=900)


async def _kept(folder: Path, most: int = 2**30) -> Gallery:
    room = PostQuota(original_bytes=most, keep_s=30 * DAY)
    gallery = await _gallery(folder, communities=f"{CHAT}", post_room=room)
    gallery.now = 1_790_000_000.0 + 60
    return gallery


async def test_no_original_is_kept_unless_somebody_wants_them(tmp_path: Path) -> None:
    """What was posted stays on the platform alone."""
    gallery = await _gallery(tmp_path)
    assert await gallery.posts.add([(_post(1), _PICTURE)]) == TakenIn(added=1)
    assert gallery.files.originals.kept() == (0, 0)


async def test_an_archive_has_each_picture_as_it_was_posted(tmp_path: Path) -> None:
    """Byte for byte, once for equal ones, and in what people take along."""
    gallery = await _kept(tmp_path)
    await gallery.posts.add([(_post(1), _PICTURE), (_post(2), _PICTURE)])
    assert gallery.files.originals.kept() == (1, len(_PICTURE))
    [(collection, picture_id)] = gallery.files.originals.all()
    found = gallery.files.originals.find(collection, picture_id)
    assert found is not None
    assert found.read_bytes() == _PICTURE
    exported = export(await gallery.contributions.personal(ANA), {})
    with zipfile.ZipFile(io.BytesIO(exported.documents[0].data)) as archive:
        assert archive.read(f"pictures/{picture_id}.png") == _PICTURE
    assert gallery.verify() == []


async def _deleted(gallery: Gallery) -> object:
    return await gallery.channels.deleted(CHAT, [1])


async def _deleted_chat(gallery: Gallery) -> object:
    return await gallery.channels.switch_off(CHAT, forget=True)


async def _forgotten(gallery: Gallery) -> object:
    return await gallery.posts.forget(CHAT, ANA)


async def _all_forgotten(gallery: Gallery) -> object:
    return await gallery.posts.forget_all(CHAT)


async def _kept_out(gallery: Gallery) -> object:
    return await gallery.posts.opt_out(ANA)


async def _person_deleted(gallery: Gallery) -> object:
    return await gallery.contributions.forget(ANA)


async def _too_old(gallery: Gallery) -> object:
    gallery.now += 31 * DAY
    return await gallery.contributions.sweep()


async def _left(gallery: Gallery) -> object:
    await gallery.contributions.left(CHAT)
    gallery.now += 8 * DAY
    return await gallery.contributions.sweep()


@pytest.mark.parametrize(
    "take_out",
    [
        _deleted,
        _deleted_chat,
        _forgotten,
        _all_forgotten,
        _kept_out,
        _person_deleted,
        _too_old,
        _left,
    ],
)
async def test_an_original_goes_with_its_post(
    tmp_path: Path, take_out: Callable[[Gallery], Awaitable[object]]
) -> None:
    """Whoever takes the post out, and for whatever reason."""
    gallery = await _kept(tmp_path)
    assert await gallery.posts.add([(_post(1), _PICTURE)]) == TakenIn(added=1)
    assert gallery.files.originals.kept() == (1, len(_PICTURE))
    await take_out(gallery)
    assert gallery.files.originals.kept() == (0, 0)


async def test_originals_take_no_more_than_they_may(tmp_path: Path) -> None:
    """What is posted beyond that is found like all others; room that is free again is used."""
    gallery = await _kept(tmp_path, most=len(_PICTURE) + 10)
    given = [(_post(1), _PICTURE), (_post(2, BOB), picture_bytes("blue", edge=900))]
    assert await gallery.posts.add(given) == TakenIn(added=2)
    assert gallery.files.originals.kept() == (1, len(_PICTURE))
    [finding] = check_originals(gallery.files, 1)
    assert "1 originals of posts" in finding.message
    await gallery.posts.forget(CHAT, ANA)
    await gallery.posts.add([(_post(3, BOB), _PICTURE)])
    assert gallery.files.originals.kept() == (1, len(_PICTURE))


async def test_an_original_whose_post_was_never_committed_is_swept(tmp_path: Path) -> None:
    """A process was killed between the file and the row."""
    gallery = await _kept(tmp_path)
    gallery.files.originals.write(gallery.name, "feedbeef", _PICTURE)
    await gallery.contributions.sweep()
    assert gallery.files.originals.kept() == (0, 0)
