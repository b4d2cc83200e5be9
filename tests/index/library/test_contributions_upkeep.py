"""What is kept of people and communities, and what is deleted when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError, NotFound
from core.domain.types import CommunitySettings, Lane
from index.catalogue.records import text_hash
from index.library.upload_files import UploadFiles
from tests.galleries import Gallery, until

pytestmark = pytest.mark.usefixtures("either_database")

DAY = 86_400.0
ME, OTHER = "discord:17", "discord:18"


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """A collection that two communities share and that is open to everybody else."""
    gallery = Gallery(tmp_path, communities="discord:1 discord:2 *")
    gallery.add("red.png", "red", caption="a red thing")
    gallery.add("blue.png", "blue", 1)
    await gallery.reindex()
    return gallery


FOLDER = {"red.png", "blue.png"}


async def test_what_is_kept_of_a_person(gallery: Gallery) -> None:
    """Every upload over all communities, with its file, and the removals under the name."""
    first = await gallery.post("green", 1, "one", community="discord:1", uploader=ME)
    gallery.now += 5
    second = await gallery.post("pink", 2, "two", community="discord:8", uploader=ME)
    theirs = await gallery.post("black", 3, community="discord:1", uploader=OTHER)
    for picture_id in (gallery.ids()["red.png"], theirs.id, first.id):
        await gallery.contributions.remove(picture_id, community="discord:1", remover=ME)
    kept = await gallery.contributions.personal(ME)
    assert [(each.picture, each.community, each.uploader) for each in kept.uploads] == [
        (first, "discord:1", ME),
        (second, "discord:8", ME),
    ], "what can still be restored is still kept"
    assert [each.added_at for each in kept.uploads] == [gallery.now - 5, gallery.now]
    assert kept.removals == 3
    for each in kept.uploads:
        assert each.file.read_bytes().startswith(b"\xff\xd8")
    nobody = await gallery.contributions.personal("discord:1")
    assert (nobody.uploads, nobody.removals) == ((), 0), "a person is named exactly"


async def test_a_person_is_forgotten(gallery: Gallery) -> None:
    """Rows, files and vectors go at once, removed ones too, and the name; others stay."""
    mine = await gallery.post("green", 1, "one of mine", community="discord:1", uploader=ME)
    gone = await gallery.post("pink", 2, "two of mine", community="discord:8", uploader=ME)
    theirs = await gallery.post("black", 3, "theirs", community="discord:1", uploader=OTHER)
    await gallery.contributions.remove(gone.id, community="discord:8", remover=ME)
    await gallery.contributions.remove(theirs.id, community="discord:8", remover=ME)
    await gallery.contributions.remove(gallery.ids()["red.png"], community="discord:1", remover=ME)
    before = await gallery.contributions.personal(ME)
    assert await gallery.contributions.forget(ME) == before
    after = await gallery.contributions.personal(ME)
    assert (after.uploads, after.removals) == ((), 0)
    assert gallery.upload_files() == {theirs.id: False}
    assert await gallery.seen("discord:1") == {"blue.png", "theirs"}
    assert await gallery.seen("discord:8") == {"blue.png"}, "what was removed stays removed"
    with pytest.raises(NotFound):
        await gallery.library.picture_file(mine.id, "discord:1")
    encoded = gallery.catalogue.encoded_pictures(gallery.embedder.identity.fingerprint)
    assert {mine.sha256, gone.sha256}.isdisjoint(encoded)
    assert theirs.sha256 in encoded
    assert len((await gallery.contributions.personal(OTHER)).uploads) == 1
    assert gallery.verify() == []
    again = await gallery.contributions.forget(ME)
    assert (again.uploads, again.removals) == ((), 0)


async def test_vectors_are_forgotten_also_beside_a_reindex(gallery: Gallery) -> None:
    """A person's vectors go at once while a reindex runs, which encodes anew what it needs."""
    mine = await gallery.post("green", 1, "the same words", community="discord:1", uploader=ME)
    kept = gallery.files.path("gallery", mine.id).read_bytes()
    # The very bytes and words that are about to be forgotten, in the folder.
    gallery.write("copy.png", kept)
    gallery.write("copy.txt", "the same words")
    gallery.add("slow.png", "pink", 5)
    gallery.embedder.gate.clear()
    before = gallery.embedder.lanes[Lane.BULK]
    running = asyncio.create_task(gallery.reindex())
    await until(lambda: gallery.embedder.lanes[Lane.BULK] > before)
    await gallery.contributions.forget(ME)
    model = gallery.embedder.identity.fingerprint
    assert mine.sha256 not in gallery.catalogue.encoded_pictures(model)
    assert text_hash("the same words") not in gallery.catalogue.encoded_captions(model)
    gallery.embedder.gate.set()
    report = await running
    assert (report.added, report.failed) == (2, ())
    assert gallery.shown()["copy.png"] == "the same words"
    assert "the same words" in [text for text, _ in gallery.snapshot().captions]
    assert gallery.verify() == []


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)  # looks at its file
async def test_nothing_of_a_forgotten_person_is_on_the_disk(gallery: Gallery) -> None:
    """Neither name nor caption can be read from the database's files any more."""
    await gallery.post("green", 1, "my secret garden", community="discord:1", uploader="x:4711")
    data = gallery.data / "catalogue.sqlite"

    def held() -> bytes:
        return b"".join(
            file.read_bytes() for file in data.parent.glob("catalogue.sqlite*") if file.is_file()
        )

    assert b"my secret garden" in held()
    assert b"x:4711" in held()
    await gallery.contributions.forget("x:4711")
    assert b"my secret garden" not in held()
    assert b"x:4711" not in held()


async def test_a_file_that_cannot_be_deleted_is_told(gallery: Gallery) -> None:
    """Nobody is told that all is gone before it is; the sweep then deletes the rest."""
    await gallery.post("green", 1, community="discord:1", uploader=ME)
    gallery.files.fault = "delete"
    with pytest.raises(CatalogueError, match="could not be deleted"):
        await gallery.contributions.forget(ME)
    await gallery.contributions.sweep()
    gallery.files.fault = ""
    assert len(gallery.upload_files()) == 1
    assert any("belongs to no picture" in line for line in gallery.verify())
    await gallery.contributions.sweep()
    assert gallery.upload_files() == {}


async def test_a_departed_community_is_deleted_a_week_later(gallery: Gallery) -> None:
    """What it added, also for those who share, what it hid, and its settings; no more."""
    await gallery.post("green", 1, "own", community="discord:8")
    await gallery.post("pink", 2, "shared", community="discord:1")
    await gallery.post("black", 3, "stays", community="discord:2")
    for community in ("discord:8", "discord:1"):
        await gallery.settings.save(community, CommunitySettings(count=3))
    await gallery.contributions.remove(gallery.ids()["red.png"], community="discord:8", remover=ME)
    await gallery.contributions.left("discord:8")
    gallery.now += 3 * DAY
    await gallery.contributions.left("discord:8")
    await gallery.contributions.left("discord:1")
    gallery.now += 4 * DAY - 1
    await gallery.contributions.sweep()
    assert await gallery.seen("discord:8") == {"blue.png", "own", "shared", "stays"}
    gallery.now += 1
    await gallery.contributions.sweep()
    assert await gallery.seen("discord:8") == {*FOLDER, "shared", "stays"}
    assert gallery.settings.of("discord:8") == CommunitySettings()
    assert gallery.settings.of("discord:1").count == 3
    gallery.now += 3 * DAY
    await gallery.contributions.sweep()
    for each in ("discord:1", "discord:2", "discord:8", "local"):
        assert await gallery.seen(each) == {*FOLDER, "stays"}
    assert gallery.settings.of("discord:1") == CommunitySettings()
    assert len(gallery.upload_files()) == 1
    assert gallery.verify() == []


async def test_a_community_that_returns_keeps_everything(gallery: Gallery) -> None:
    """A week counts from the last departure; who is there loses nothing."""
    await gallery.post("green", 1, "own", community="discord:8")
    await gallery.contributions.joined("discord:8")
    await gallery.contributions.left("discord:8")
    gallery.now += 6 * DAY
    await gallery.contributions.joined("discord:8")
    gallery.now += 6 * DAY
    await gallery.contributions.sweep()
    await gallery.contributions.left("discord:8")
    gallery.now += 6 * DAY
    await gallery.contributions.sweep()
    assert "own" in await gallery.seen("discord:8")


async def test_a_purged_community_starts_anew(gallery: Gallery) -> None:
    """What it had is gone for good also where it comes back, and new things are noticed."""
    await gallery.post("green", 1, "own", community="discord:8")
    await gallery.contributions.left("discord:8")
    gallery.now += 7 * DAY
    await gallery.contributions.sweep()
    assert await gallery.seen("discord:8") == FOLDER
    await gallery.post("pink", 2, "new", community="discord:8")
    assert await gallery.seen("discord:8") == {*FOLDER, "new"}
    assert await gallery.seen("discord:1") == FOLDER


async def test_a_community_moves(gallery: Gallery) -> None:
    """Uploads, removals, their undo and settings are those of the new name."""
    await gallery.post("green", 1, "own", community="telegram:-5", uploader=ME)
    later = await gallery.post("pink", 2, "removed", community="telegram:-5")
    await gallery.contributions.remove(
        gallery.ids()["red.png"], community="telegram:-5", remover=ME
    )
    await gallery.contributions.remove(later.id, community="telegram:-5", remover=ME)
    chosen = CommunitySettings(frozenset({"telegram:-5", "other"}), count=7, show_weak=True)
    await gallery.settings.save("telegram:-5", chosen)
    await gallery.contributions.left("telegram:-5")
    await gallery.contributions.moved("telegram:-5", "telegram:-100")
    assert await gallery.seen("telegram:-100") == {"blue.png", "own"}
    assert await gallery.seen("telegram:-5") == FOLDER
    assert gallery.settings.of("telegram:-5") == CommunitySettings()
    assert gallery.settings.of("telegram:-100") == CommunitySettings(
        frozenset({"telegram:-100", "other"}), count=7, show_weak=True
    )
    [kept] = (await gallery.contributions.personal(ME)).uploads
    assert kept.community == "telegram:-100"
    await gallery.contributions.restore(later.id, community="telegram:-100")
    await gallery.contributions.restore(gallery.ids()["red.png"], community="telegram:-100")
    assert await gallery.seen("telegram:-100") == {*FOLDER, "own", "removed"}
    gallery.now += 8 * DAY
    await gallery.contributions.sweep()
    assert await gallery.seen("telegram:-100") == {*FOLDER, "own", "removed"}
    assert gallery.verify() == []


async def test_a_community_moves_to_one_that_is_there(gallery: Gallery) -> None:
    """What both have, they have once; what the new one chose holds."""
    for community in ("telegram:-5", "telegram:-100"):
        await gallery.post("green", 1, "both", community=community)
        await gallery.contributions.remove(
            gallery.ids()["red.png"], community=community, remover=ME
        )
    await gallery.post("pink", 2, "old", community="telegram:-5")
    await gallery.post("black", 3, "new", community="telegram:-100")
    await gallery.settings.save("telegram:-5", CommunitySettings(count=1))
    await gallery.settings.save("telegram:-100", CommunitySettings(count=2))
    await gallery.contributions.moved("telegram:-5", "telegram:-100")
    assert await gallery.seen("telegram:-100") == {"blue.png", "both", "old", "new"}
    view = await gallery.library.open(None, "telegram:-100")
    assert len(view.pictures) == len(gallery.upload_files()) + 1 == 4
    assert gallery.settings.of("telegram:-100").count == 2
    assert await gallery.seen("telegram:-5") == FOLDER
    await gallery.contributions.moved("telegram:-100", "telegram:-100")
    assert await gallery.seen("telegram:-100") == {"blue.png", "both", "old", "new"}
    assert gallery.verify() == []


async def _uploads(gallery: Gallery) -> tuple[str, str]:
    """One upload that is there, one that was removed."""
    there = await gallery.post("green", 1, "there", community="discord:1")
    gone = await gallery.post("pink", 2, "gone", community="discord:1")
    await gallery.contributions.remove(gone.id, community="discord:1", remover=ME)
    return there.id, gone.id


def _damage(files: UploadFiles, kind: str, there: str, gone: str) -> None:
    """Leave what a process leaves that is killed between its files and its rows."""
    {
        "killed while removing": lambda: files.put_aside("gallery", there),
        "killed while restoring": lambda: files.put_back("gallery", gone),
        "killed while adding": lambda: files.write("gallery", "00000000", b"half a pic"),
        "of a collection that is gone": lambda: files.write("elsewhere", "00000000", b""),
        "killed after announcing": lambda: files.announce("gallery", 99),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "killed while removing",
        "killed while restoring",
        "killed while adding",
        "of a collection that is gone",
        "killed after announcing",
    ],
)
async def test_what_a_kill_left_is_put_right(gallery: Gallery, kind: str) -> None:
    """Files and rows agree after a sweep; until then, what is served is what the rows say."""
    there, gone = await _uploads(gallery)
    before = gallery.upload_files()
    revision = gallery.files.revision("gallery")
    _damage(gallery.files, kind, there, gone)
    for _ in range(2):
        assert await gallery.seen("discord:1") == {*FOLDER, "there"}
        _, file = await gallery.library.picture_file(there, "discord:1")
        assert file.exists()
        with pytest.raises(NotFound):
            await gallery.library.picture_file(gone, "discord:1")
        await gallery.contributions.sweep()
    assert gallery.upload_files() == before
    assert gallery.files.revision("gallery") == revision
    assert gallery.verify() == []
    await gallery.contributions.restore(gone, community="discord:1")
    assert await gallery.seen("discord:1") == {*FOLDER, "there", "gone"}


async def test_a_sweep_takes_nothing_that_is_being_added(gallery: Gallery) -> None:
    """However often it is swept while pictures come and go, none of them is lost."""
    done = asyncio.Event()
    sweeps = 0

    async def sweep() -> None:
        nonlocal sweeps
        while not done.is_set():
            await gallery.contributions.sweep()
            sweeps += 1

    sweeping = asyncio.create_task(sweep())
    kept = set()
    for number, colour in enumerate(("green", "pink", "black", "yellow", "cyan", "brown")):
        picture = await gallery.post(colour, number, colour, community="discord:1")
        await gallery.contributions.remove(picture.id, community="discord:1", remover=ME)
        await gallery.contributions.restore(picture.id, community="discord:1")
        kept.add(picture.id)
    done.set()
    await sweeping
    assert sweeps > 1
    assert gallery.upload_files() == dict.fromkeys(kept, False)
    assert gallery.verify() == []


async def test_an_idle_sweep_writes_nothing(gallery: Gallery) -> None:
    """Nothing to do costs a look: another process may hold the write lock meanwhile."""
    await _uploads(gallery)
    with gallery.catalogue.database.write():
        await asyncio.wait_for(gallery.contributions.sweep(), 5)
        await asyncio.wait_for(gallery.contributions.joined("discord:1"), 5)


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)  # looks at its file
async def test_an_older_catalogue_loses_no_files(gallery: Gallery) -> None:
    """Uploads of which a restored catalogue knows nothing are kept aside for a week."""
    await gallery.post("green", 1, "known")
    gallery.catalogue.database.erase()
    file = gallery.data / "catalogue.sqlite"
    backup = file.read_bytes()
    late = [await gallery.post("blue", number, f"late {number}") for number in (2, 3)]
    gallery.close()
    for each in gallery.data.glob("catalogue.sqlite*"):
        each.unlink()
    file.write_bytes(backup)
    restored = Gallery(gallery.pictures.parent)
    restored.now = gallery.now
    assert await restored.seen() == {*FOLDER, "known"}
    told = [line for line in restored.verify() if "belongs to no picture" in line]
    assert len(told) == 2
    assert all("keeps such files for a week" in line for line in told)
    await restored.contributions.sweep()
    assert restored.verify() == []
    lost = restored.data / "uploads" / "gallery" / "lost"
    assert {kept.stem for kept in lost.iterdir()} == {picture.id for picture in late}
    again = await restored.post("pink", 9, "added since")
    await restored.contributions.sweep()
    assert len(list(lost.iterdir())) == 2, "what comes later touches none of it"
    assert set(restored.upload_files()) == {again.id, *_shown(restored, "known")}
    restored.now += 7 * DAY + 1
    await restored.contributions.sweep()
    assert list(lost.iterdir()) == []
    restored.close()


def _shown(gallery: Gallery, caption: str) -> list[str]:
    with gallery.overlays.read() as connection:
        found = connection.exec_driver_sql("SELECT id FROM uploads WHERE caption = ?", (caption,))
        return list(found.scalars())


async def test_a_catalogue_from_before_the_first_upload(gallery: Gallery) -> None:
    """The mark of a collection to which nothing was ever added is looked at, too."""
    gallery.files.write("gallery", "someones", b"a jpeg")
    gallery.files.announce("gallery", 3)
    assert len(gallery.verify()) == 2
    await gallery.contributions.sweep()
    assert gallery.verify() == []
    assert gallery.files.revision("gallery") == 0
    assert (gallery.data / "uploads" / "gallery" / "lost" / "someones.jpg").exists()
