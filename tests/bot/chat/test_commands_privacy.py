"""What is kept of a person: told, handed out as files, deleted."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.handlers.exports import MAX_BYTES, MAX_FILES, export
from bot.protocol.replies import Document, Facts, Reply
from bot.protocol.requests import InMemory, Request
from core.domain.rate_limits import Quota
from core.domain.types import PersonalData, Picture, Upload
from tests.fake_contributions import FakeMemory
from tests.fakes import picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import Parts

MEMORY = {"telegram:1": [{"chat": 5, "at": "2026-11-21"}], "telegram:2": [{"chat": 6}]}


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas, beside a memory of two people."""
    built = Parts(tmp_path, memories=(FakeMemory({k: list(v) for k, v in MEMORY.items()}),))
    yield built
    await built.close()


def asked(text: str = "", person: int = 1, **values: object) -> Request:
    """A request of a person, in a group."""
    return Request("telegram", "telegram:-5", f"telegram:{person}", text=text, **values)


def rows(reply: Reply) -> list[str]:
    """The values of the facts."""
    return [value for p in reply.parts if isinstance(p, Facts) for _, value in p.rows]


def files(documents: tuple[Document, ...]) -> list[zipfile.ZipFile]:
    """The archives, each checked for damage."""
    archives = [zipfile.ZipFile(io.BytesIO(d.data)) for d in documents]
    assert [archive.testzip() for archive in archives] == [None] * len(archives)
    return archives


async def add(parts: Parts, person: int, seed: int) -> bytes:
    """Somebody adds a picture; its bytes."""
    data = picture_bytes((40 * seed, 255 - 30 * seed, 50 * seed), seed=seed, edge=48)
    request = asked(f"/add picture {seed}", person, pictures=(InMemory(data),), may_add=True)
    assert (await parts.commands.handle(request)).error is None
    return data


async def test_what_is_kept_is_told_in_plain_words(parts: Parts) -> None:
    """Counts are one's own; what is not kept is said too; nobody else sees the answer."""
    await add(parts, 1, 1)
    await add(parts, 2, 2)
    await parts.commands.handle(asked("/remove p0000001", is_admin=True))
    for text in ("/privacy", "/privacy info"):
        reply = await parts.commands.handle(asked(text))
        assert rows(reply) == ["1", "1", "1"]
        assert reply.private
    said = text_of(reply)
    for words in ("neither stored nor logged", "For 30 days", "Seven days", "/privacy export"):
        assert words in said


async def test_where_no_button_is_remembered_none_is_spoken_of(tmp_path: Path) -> None:
    """Only what this program really keeps is told."""
    parts = Parts(tmp_path)
    reply = await parts.commands.handle(asked("/privacy"))
    assert rows(reply) == ["0", "0"]
    assert "whom the buttons" not in text_of(reply)
    await parts.close()


async def test_an_export_holds_everything_of_one_person(parts: Parts) -> None:
    """The pictures as they are kept, and data.json that says all there is of them."""
    mine = await add(parts, 1, 1)
    await add(parts, 2, 2)
    reply = await parts.commands.handle(asked("/privacy export"))
    assert reply.private
    (document,) = [p for p in reply.parts if isinstance(p, Document)]
    assert (document.name, document.media_type) == ("tangerine-data.zip", "application/zip")
    (archive,) = files((document,))
    assert archive.namelist() == ["pictures/v0000000.png", "data.json"]
    assert archive.read("pictures/v0000000.png") == mine
    assert json.loads(archive.read("data.json")) == {
        "person": "telegram:1",
        "uploads": [
            {
                "id": "v0000000",
                "collection": "gallery",
                "community": "telegram:-5",
                "caption": "picture 1",
                "words": [],
                "added_at": "1970-01-01T00:16:40+00:00",
                "file": "pictures/v0000000.png",
            }
        ],
        "posts": [],
        "posts_are_kept_out": False,
        "pictures_removed": 0,
        "remembered": {"fake": [{"chat": 5, "at": "2026-11-21"}]},
    }


async def test_deleting_leaves_nothing_of_one_person(parts: Parts) -> None:
    """Pictures are gone from every answer; what belongs to others stays."""
    await add(parts, 1, 1)
    await add(parts, 2, 2)
    reply = await parts.commands.handle(asked("/privacy delete"))
    assert "Deleted for good" in text_of(reply)
    assert rows(reply) == ["1", "0", "1"]
    assert reply.private
    assert list(parts.contributions.uploads) == ["v0000001"]
    (memory,) = parts.memories
    assert memory.kept == {"telegram:2": [{"chat": 6}]}
    again = await parts.commands.handle(asked("/privacy delete"))
    assert text_of(again) == "There was nothing to delete."
    removed = await parts.commands.handle(asked("/remove v0000000", is_admin=True))
    assert removed.error.code == "not_found"


async def test_an_export_counts_as_a_picture(tmp_path: Path) -> None:
    """It costs more than an answer; being told and deleting are always possible."""
    parts = Parts(tmp_path, quota=Quota())
    assert (await parts.commands.handle(asked("/privacy export"))).error is None
    refused = await parts.commands.handle(asked("/privacy export"))
    assert refused.error.code == "too_many_requests"
    for text in ("/privacy", "/privacy delete"):
        assert (await parts.commands.handle(asked(text))).error is None
    await parts.close()


def uploads(folder: Path, sizes: list[int]) -> PersonalData:
    """A person with uploads of these sizes in bytes; below zero: a file that is gone."""
    kept = []
    for number, size in enumerate(sizes):
        file = folder / f"{number}.jpg"
        if size >= 0:
            file.write_bytes(number.to_bytes(4, "big") * (size // 4))
        picture = Picture(f"v{number}", "gallery", f".uploads/{number}.jpg", "", "00", 1, 1)
        kept.append(Upload(picture, "telegram:-5", "telegram:1", 1_800_000_000.0, file))
    return PersonalData("telegram:1", tuple(kept), 0)


def test_large_exports_come_in_several_files(tmp_path: Path) -> None:
    """Each of at most 8 MiB, every picture in exactly one of them."""
    data = uploads(tmp_path, [3 * 2**20] * 5)
    exported = export(data, {})
    assert exported.left_out == 0
    assert [d.name for d in exported.documents] == [
        f"tangerine-data-{n}-of-3.zip" for n in (1, 2, 3)
    ]
    assert all(len(d.data) <= MAX_BYTES for d in exported.documents)
    archives = files(exported.documents)
    names = [name for archive in archives for name in archive.namelist()]
    assert sorted(names) == ["data.json", *(f"pictures/v{n}.jpg" for n in range(5))]
    assert "data.json" in archives[0].namelist()
    assert archives[2].read("pictures/v4.jpg") == data.uploads[4].file.read_bytes()


def test_files_are_filled_to_the_brim_and_no_further(tmp_path: Path) -> None:
    """Whatever the sizes are, no file passes the bound."""
    room = 8 * 2**20 // 97
    exported = export(uploads(tmp_path, [room] * 300), {"m": [{"n": n} for n in range(20_000)]})
    assert exported.left_out == 0
    assert len(exported.documents) == 4
    assert all(len(d.data) <= MAX_BYTES for d in exported.documents)
    assert sum(len(archive.namelist()) for archive in files(exported.documents)) == 301


def test_there_is_always_room_for_what_is_told(tmp_path: Path) -> None:
    """A picture that leaves no room for data.json goes into the next file."""
    remembered = {
        "m": [{"n": hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()} for n in range(500)]
    }
    exported = export(uploads(tmp_path, [MAX_BYTES - 4096]), remembered)
    assert exported.left_out == 0
    assert [len(archive.namelist()) for archive in files(exported.documents)] == [1, 1]
    assert all(len(d.data) <= MAX_BYTES for d in exported.documents)


def test_what_does_not_fit_is_listed_as_missing(tmp_path: Path) -> None:
    """Lost files, a picture larger than a file, and what comes after ten files."""
    small, half = 1000, 5 * 2**20
    sizes = [small, -1, 9 * 2**20, *[half] * (MAX_FILES + 1), small]
    exported = export(uploads(tmp_path, sizes), {})
    assert len(exported.documents) == MAX_FILES
    assert exported.left_out == 4
    listed = json.loads(files(exported.documents)[0].read("data.json"))["uploads"]
    assert [entry["id"] for entry in listed if entry["file"] is None] == ["v1", "v2", "v13", "v14"]
    assert sum(entry["file"] is not None for entry in listed) == len(sizes) - 4


async def test_what_is_missing_is_said(parts: Parts) -> None:
    """A file that cannot be read does not spoil the rest."""
    await add(parts, 1, 1)
    await add(parts, 1, 2)
    parts.contributions.uploads["v0000000"].file.unlink()
    reply = await parts.commands.handle(asked("/privacy export"))
    assert "1 picture is missing" in text_of(reply)
    assert sum(isinstance(p, Document) for p in reply.parts) == 1
