"""Files of uploads in a bucket: nodes that share it, what is done beforehand, and the cache."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError, DuplicatePicture, FilesUnreachable, SettingsError
from core.domain.types import TakenIn
from index.indexing.new_uploads import UploadEncoder
from index.library.bucket import Bucket
from index.library.bucket_files import BucketFiles
from index.library.file_cache import FileCache
from index.library.posts import PostQuota
from index.library.retention import LOST_SECONDS, UNDER_WAY_SECONDS, Retention
from index.library.revisions import SharedRevisions
from index.transfer.export import Exporter
from index.transfer.import_ import Importer
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.index.library.test_posts import ANA, BOB, CHAT, _gallery, _post
from tests.servers.s3 import SECRET

pytestmark = pytest.mark.process

_ORIGINAL = picture_bytes("red", edge=900)


def _node(home: Path, name: str, url: str, **options: object) -> Gallery:
    return Gallery(
        home,
        data=home / name,
        files=BucketFiles(Bucket(url), home / name / "files"),
        now=time.time(),
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
def nodes(
    postgresql_url: str, database: str, s3_url: str, tmp_path: Path
) -> Iterator[tuple[Gallery, Gallery]]:
    """Two data folders with one database and one bucket."""
    del postgresql_url, database

    def fresh(opened: object) -> SharedRevisions:
        return SharedRevisions(opened, fresh_s=0)  # type: ignore[arg-type]

    made = [_node(tmp_path, name, s3_url, shared=fresh) for name in ("first", "second")]
    yield made[0], made[1]
    for node in made:
        node.close()


def _in_bucket(node: Gallery) -> set[str]:
    return set(node.upload_files())


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_what_one_node_keeps_the_other_shows(nodes: tuple[Gallery, Gallery]) -> None:
    """Added, removed, restored and forgotten; and no copy stays at the other one."""
    one, two = nodes
    sun = await one.post("yellow", 1, "a sun", uploader="web:7")
    assert await two.seen() == {"a sun"}
    _, there = await two.library.picture_file(sun.id, "web")
    _, here = await one.library.picture_file(sun.id, "web")
    assert there != here
    assert there.read_bytes() == here.read_bytes()
    await two.contributions.remove(sun.id, community="web", remover="web:7")
    assert await one.seen() == set()
    await one.contributions.restore(sun.id, community="web")
    assert await two.seen() == {"a sun"}
    assert one.verify() == two.verify() == []
    await one.contributions.forget("web:7")
    assert (await two.seen(), _in_bucket(two), here.exists()) == (set(), set(), False)
    assert two.overlays.forget_copies() == 1
    assert not there.exists()


async def test_no_writer_waits_for_the_bucket(tmp_path: Path, s3_url: str) -> None:
    """An object is there before the turn to write begins; what is refused in it goes again."""
    gallery = _node(tmp_path, "data", s3_url)
    red = await gallery.post("red", 1)
    seen: list[set[str]] = []
    gallery.overlays.make_ready(lambda *_: seen.append(_in_bucket(gallery)))
    new = await UploadEncoder(gallery.decoder, gallery.embedder).encode(
        gallery.files.find(gallery.name, red.id).read_bytes(),
        sha256=red.sha256,
        posted_sha256=red.sha256,
        caption="",
        uploader="web:1",
    )
    with pytest.raises(DuplicatePicture):
        gallery.contributions._uploads.add(
            gallery.name, gallery.spec.viewpoint("web"), new, gallery.embedder.identity
        )
    assert _in_bucket(gallery) == {red.id}
    gallery.close()


async def test_what_a_kill_left_is_put_by_and_then_deleted(tmp_path: Path, s3_url: str) -> None:
    """Not what may be under way; at once what the catalogue has deleted while nobody could."""
    gallery = _node(tmp_path, "data", s3_url)
    red = await gallery.post("red", 1, uploader="web:7")
    jpeg = gallery.files.find(gallery.name, red.id).read_bytes()
    await gallery.contributions.forget("web:7")
    gallery.files.write(gallery.name, red.id, jpeg)
    gallery.files.write(gallery.name, "orphan23", jpeg)
    retention = Retention(gallery.overlays)
    retention.repair()
    assert _in_bucket(gallery) == {red.id, "orphan23"}
    gallery.now += UNDER_WAY_SECONDS + 60
    assert len(gallery.verify()) == 2
    retention.repair()
    assert (_in_bucket(gallery), gallery.files.kept_bytes()) == (set(), len(jpeg))
    assert gallery.verify() == []
    gallery.now += LOST_SECONDS
    retention.sweep()
    assert Bucket(s3_url).get(f"{gallery.name}/lost/orphan23.jpg") is None
    gallery.close()


def _until_it_has(url: str, key: str) -> None:
    """A server that was killed answers before all that it holds is there again."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(FilesUnreachable):
            if Bucket(url).get(key) is not None:
                return
        time.sleep(0.05)
    pytest.fail("what was kept is gone")


@pytest.mark.parametrize("how", ["unreachable", pytest.param("killed", marks=pytest.mark.long)])
async def test_a_bucket_that_is_away_for_a_while(
    how: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers go on, additions are refused, and nothing is lost or half kept."""
    server = request.getfixturevalue("own_s3_server" if how == "killed" else "s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    url = server.prefix()
    gallery = _node(tmp_path, "data", url, max_uploads=100)
    red = await gallery.post("red", 1, "red", uploader="web:7")
    blue = await gallery.post("blue", 2, "blue")
    copy = gallery.files.find(gallery.name, blue.id)
    jpeg = copy.read_bytes()
    copy.unlink()
    if how == "killed":
        server.stop()
    else:
        with monkeypatch.context() as patch, socket.socket() as taken:
            # Bound and not listening: nobody else answers there.
            taken.bind(("127.0.0.1", 0))
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
            gallery.overlays.files = BucketFiles(Bucket(url), tmp_path / "data" / "files")
    assert await gallery.seen() == {"red", "blue"}
    _, there = await gallery.library.picture_file(red.id, "web")
    assert there.exists()
    with pytest.raises(FilesUnreachable, match="no answer"):
        await gallery.library.picture_file(blue.id, "web")
    with pytest.raises(FilesUnreachable):
        await gallery.post("green", 3, "green")
    await gallery.contributions.remove(blue.id, community="web", remover="web:1")
    assert await gallery.seen() == {"red"}
    with pytest.raises(CatalogueError, match="could not be deleted yet"):
        await gallery.contributions.forget("web:7")
    assert (await gallery.seen(), there.exists()) == (set(), False)
    await gallery.contributions.sweep()
    [told] = [each for each in gallery.verify() if "bucket" in each]
    assert "cannot be used" in told
    if how == "killed":
        server.start()
        _until_it_has(url, f"{gallery.name}/{blue.id}.jpg")
    again = _node(tmp_path, "again", url, max_uploads=100)
    gallery.overlays.files = again.files
    await gallery.contributions.restore(blue.id, community="web")
    assert again.files.find(gallery.name, blue.id).read_bytes() == jpeg
    await gallery.post("green", 3, "green")
    gallery.now += UNDER_WAY_SECONDS + 60
    Retention(gallery.overlays).repair()
    assert red.id not in again.upload_files()
    assert len(again.upload_files()) == len(await gallery.seen()) == 2
    for each in (gallery, again):
        each.close()


def test_a_bucket_that_cannot_be_used_says_why(
    s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the key, and without the address of an object; the key may be in a file."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(FilesUnreachable) as raised:
        Bucket(s3_url).put("pets/a.jpg", b"")
    assert "SignatureDoesNotMatch" in raised.value.message
    assert "tangerine/" not in str(raised.value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError, match="AWS_SECRET_ACCESS_KEY_FILE"):
        Bucket(s3_url)
    (tmp_path / "key").write_text(f"{SECRET}\n")
    Bucket(s3_url).put("pets/a.jpg", b"")
    assert "a.jpg" not in str(raised.value)


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    """Once it is full, what was not used for longest goes."""
    cache = FileCache(tmp_path, max_bytes=35)
    for number in range(3):
        cache.put(tmp_path / "pets" / f"{number}.jpg", b"0123456789")
        (tmp_path / "pets" / f"{number}.jpg").touch()
    old = time.time() - 1000
    for number in (1, 2):
        os.utime(tmp_path / "pets" / f"{number}.jpg", (old + number, old + number))
    assert cache.holds(tmp_path / "pets" / "1.jpg")
    cache.put(tmp_path / "pets" / "3.jpg", b"0123456789")
    assert sorted(each.stem for each in cache.paths()) == ["0", "1", "3"]
    assert not cache.holds(tmp_path / "pets" / "2.jpg")


async def test_posts_in_a_bucket(tmp_path: Path, s3_url: str) -> None:
    """Equal ones are sent once, and of originals no more than there is room for."""
    gallery = await _gallery(
        tmp_path,
        files=BucketFiles(Bucket(s3_url), tmp_path / "files"),
        now=time.time(),
        post_room=PostQuota(original_bytes=len(_ORIGINAL) + 10),
    )
    given = [(_post(1), _ORIGINAL), (_post(2, BOB), picture_bytes("blue", edge=900))]
    assert await gallery.posts.add(given) == TakenIn(added=2)
    assert await gallery.posts.add([(_post(3), _ORIGINAL)]) == TakenIn(added=1)
    assert len(list(Bucket(s3_url).all())) == 3
    assert gallery.files.originals.kept() == (1, len(_ORIGINAL))
    kept = await gallery.contributions.personal(ANA)
    assert {post.file.read_bytes() for post in kept.posts if post.file} == {_ORIGINAL}
    await gallery.posts.forget(CHAT, ANA)
    assert gallery.files.originals.kept() == (0, 0)
    gallery.close()


async def test_a_collection_moves_into_a_bucket_and_out(tmp_path: Path, s3_url: str) -> None:
    """An export has the files; an import sends them."""
    one = _node(tmp_path / "one", "data", f"{s3_url}/one")
    one.add("red.png", "red", 1)
    await one.reindex()
    sun = await one.post("yellow", 2, "a sun")
    Exporter(one.overlays, tmp_path / "lock").export(one.spec, tmp_path / "out", lambda _: None)
    two = _node(tmp_path / "two", "data", f"{s3_url}/two")
    importer = Importer(two.catalogue, two.store, two.overlays)
    importer.take(two.spec, tmp_path / "out", lambda _: None)
    await two.reindex()
    assert _in_bucket(two) == {sun.id}
    assert await two.seen() == {"red.png", "a sun"}
    assert two.verify() == []
    for each in (one, two):
        each.close()
