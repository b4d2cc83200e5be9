"""A chat's history, as Telegram Desktop exports it, becomes posts of the chat."""

from __future__ import annotations

import asyncio
import io
import json
import random
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bot.tasks.chats import import_chat
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import BadSetting, SourceError
from core.domain.types import Post
from index.indexing.posts import ChatPosts
from index.library.community_settings import StoredSettings
from index.library.library import FolderLibrary
from index.transfer.telegram_export import check_export, exported_posts
from tests.fakes import COLOURS, picture_bytes
from tests.galleries import Gallery

CHAT, NUMBER, BOT = "telegram:-1001234567890", 1234567890, 4242
_COLOURS = sorted(COLOURS)
_KINDS = 10
_ROOT = Path(__file__).parents[3]

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.index.indexing.test_import_chat import import_into

asyncio.run(import_into(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@dataclass
class _Engine:
    """What the task asks of an engine."""

    settings: Settings
    library: FolderLibrary
    community_settings: StoredSettings
    posts: ChatPosts


def _message(number: int, folder: Path) -> dict[str, Any]:
    """One of ten kinds of messages, in turn; every kind with a picture has one of its own."""
    said: dict[str, Any] = {
        "id": number,
        "type": "message",
        "date": "2025-06-01T10:00:00",
        "date_unixtime": str(1_750_000_000 + number),
        "from": f"Person {number % 7}",
        "from_id": f"user{number % 7 + 1}",
        "text": f"words {number}",
        "text_entities": [],
    }
    photo = f"photos/photo_{number}@01-06-2025_10-00-00.jpg"
    parts = ["see ", {"type": "link", "text": "https://a.b"}, {"type": "bold", "text": "!"}]
    covered = {"type": "spoiler", "text": "the end"}
    missing = "(File not included. Change data exporting settings to download.)"
    kinds: list[dict[str, Any]] = [
        {"photo": photo, "width": 24, "height": 24},
        {"photo": photo, "text": [*parts, covered]},
        {"file": photo, "mime_type": "image/png", "file_name": "a.png"},
        {"photo": photo, "from_id": f"channel{NUMBER}", "from": "The group"},
        {"photo": missing},
        {"photo": photo, "from_id": f"user{BOT}", "from": "Tangerine"},
        {"type": "service", "action": "pin_message", "photo": photo},
        {"file": photo, "media_type": "sticker", "mime_type": "image/webp"},
        {"photo": photo, "media_spoiler": True},
        {},
    ]
    said |= kinds[number % _KINDS]
    if said.get("photo", said.get("file", "(")).startswith("photos"):
        file = folder / photo
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(picture_bytes(_COLOURS[number % len(_COLOURS)], seed=number))
    return said


def _export(folder: Path, count: int, *, files: bool = True, kind: str = "supergroup") -> Path:
    folder.mkdir(exist_ok=True)
    export = folder / "result.json"
    with export.open("w", encoding="utf-8") as out:
        head = {"name": "Club", "type": f"private_{kind}", "id": NUMBER}
        out.write(json.dumps(head)[:-1] + ', "messages": [')
        for number in range(1, count + 1):
            made = _message(number if files else number * _KINDS - 6, folder)
            out.write(("," if number > 1 else "") + json.dumps(made | {"id": number}, indent=1))
        out.write("]}")
    return export


@pytest.fixture
async def engine(tmp_path: Path) -> _Engine:
    """A chat that takes posts in, over a real catalogue."""
    return await _engine_of(_gallery(tmp_path))


def _gallery(home: Path) -> Gallery:
    return Gallery(home / "gallery", communities=f"web {CHAT}", duplicate_cosine=2.0)


async def _engine_of(gallery: Gallery) -> _Engine:
    settings = replace(gallery.settings.of(CHAT), index_posts=True)
    await gallery.settings.save(CHAT, settings)
    made = Settings(telegram={"token": f"{BOT}:secret"})  # type: ignore[arg-type]
    return _Engine(made, gallery.library, gallery.settings, gallery.posts)


async def import_into(home: Path, export: Path) -> None:
    """Import in a process of its own."""
    await _imported(await _engine_of(_gallery(home)), export)


async def _imported(engine: _Engine, export: Path) -> dict[str, Any]:
    out = io.StringIO()
    consoles = Console(file=out, width=10_000), Console(file=io.StringIO())
    terminal = Terminal(consoles=consoles)
    told = await import_chat(
        engine,  # type: ignore[arg-type]
        terminal,
        export=str(export),
        community=CHAT,
        json=True,
    )
    assert told == 0
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


async def _posts(engine: _Engine) -> dict[int, Post]:
    view = await engine.library.open(None, CHAT)
    found = await engine.posts.of([picture.id for picture in view.pictures], CHAT)
    return {post.message: post for posts in found.values() for post in posts}


@pytest.mark.parametrize("count", [100, pytest.param(5000, marks=pytest.mark.long)])
async def test_a_history_is_imported_once(engine: _Engine, tmp_path: Path, count: int) -> None:
    """Pictures of people and of the group itself, with their numbers; again, nothing is doubled."""
    export = _export(tmp_path / "export", count)
    each = count // _KINDS
    done = await _imported(engine, export)
    assert (done["added"], done["without_file"], done["known"]) == (4 * each, each, 0)
    posts = await _posts(engine)
    assert sorted({number % _KINDS for number in posts}) == [0, 1, 2, 3]
    assert posts[11].caption == "see https://a.b!"
    assert posts[3].author == f"telegram:-100{NUMBER}"
    assert (posts[12].author, posts[12].author_name) == ("telegram:6", "Person 5")
    assert posts[12].posted_at == 1_750_000_012
    again = await _imported(engine, export)
    assert (again["added"], again["known"]) == (0, 4 * each)
    assert len(await _posts(engine)) == 4 * each


@pytest.mark.process
@pytest.mark.parametrize(
    ("kills", "count"), [(1, 80), pytest.param(30, 1200, marks=pytest.mark.long)]
)
@pytest.mark.timeout(1800)
async def test_an_import_that_is_killed_goes_on(tmp_path: Path, kills: int, count: int) -> None:
    """At any moment: every post is there once, none is missing, and no file is left over."""
    gallery, chance = _gallery(tmp_path), random.Random(5)
    export = _export(tmp_path / "export", count)
    await _engine_of(gallery)
    for _ in range(kills):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-c", _PROGRAM, str(tmp_path), str(export)),
            cwd=_ROOT,
        )
        moment = len(gallery.upload_files()) + chance.randint(1, 12)
        try:
            async with asyncio.timeout(120):
                while process.returncode is None and len(gallery.upload_files()) < moment:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.002)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    engine = await _engine_of(gallery)
    await _imported(engine, export)
    again = await _imported(engine, export)
    assert (again["added"], again["known"]) == (0, 4 * (count // _KINDS))
    posts = await _posts(engine)
    assert len(posts) == 4 * (count // _KINDS)
    await gallery.contributions.sweep()
    assert len(gallery.upload_files()) == len({post.picture_id for post in posts.values()})
    assert gallery.verify() == []


async def test_who_opted_out_is_left_out(engine: _Engine, tmp_path: Path) -> None:
    """Also of what was posted long before."""
    await engine.posts.opt_out("telegram:1")
    done = await _imported(engine, _export(tmp_path / "export", 70))
    assert done["refused"] > 0
    assert "telegram:1" not in {post.author for post in (await _posts(engine)).values()}


async def test_a_chat_that_takes_no_posts_in_gets_none(engine: _Engine, tmp_path: Path) -> None:
    """Its administrators decide it, not whoever has the export."""
    off = replace(engine.community_settings.of(CHAT), index_posts=False)
    await engine.community_settings.save(CHAT, off)
    with pytest.raises(BadSetting, match="does not take posts in"):
        await _imported(engine, _export(tmp_path / "export", 10))


def test_exports_of_other_chats_are_refused(tmp_path: Path) -> None:
    """As are other files, and such as were cut short."""
    export = _export(tmp_path / "export", 3)
    check_export(export, CHAT)
    with pytest.raises(SourceError, match=r"is the history of telegram:-1001234567890"):
        check_export(export, "telegram:-5")
    basic = _export(tmp_path / "basic", 3, kind="group")
    check_export(basic, f"telegram:-{NUMBER}")
    for text in ('{"chats": {"list": []}}', "no JSON", '{"type": "personal_chat", "id": 5'):
        export.write_text(text, encoding="utf-8")
        with pytest.raises(SourceError):
            check_export(export, CHAT)
    with pytest.raises(SourceError):
        check_export(tmp_path / "nothing.json", CHAT)


def test_files_outside_the_export_are_not_read(tmp_path: Path) -> None:
    """Whatever path a crafted export names."""
    export = _export(tmp_path / "export", 0)
    whole = json.loads(export.read_text(encoding="utf-8"))
    crafted = _message(10, tmp_path) | {"photo": "../../secret.jpg"}
    export.write_text(json.dumps(whole | {"messages": [crafted, 5]}), encoding="utf-8")
    [found] = exported_posts(export, CHAT)
    assert found.file is None


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.long)])
def test_memory_does_not_grow_with_the_history(tmp_path: Path, count: int) -> None:
    """It is read piece by piece."""
    export = _export(tmp_path / "export", count, files=False)
    found: Iterator[object] = exported_posts(export, CHAT)
    tracemalloc.start()
    try:
        assert sum(1 for _ in found) == count
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2 * 2**20
