"""What ``tangerine import-chat`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bot.terminal.console import Terminal
from core.domain.errors import BadSetting
from core.domain.types import Post, Progress, TakenIn
from index.transfer.telegram_export import ExportedPost, check_export, exported_posts

if TYPE_CHECKING:
    from bot.engine.engine import Engine

_AT_ONCE = 64
_MIB = 2**20


async def import_chat(
    engine: Engine, terminal: Terminal, *, export: str, community: str, json: bool
) -> int:
    """The task ``import-chat``. Raises BadSetting, SourceError, CommunityUnknown."""
    await engine.community_settings.catch_up()
    # Whether it may search anything, before the file is read.
    engine.library.spec(None, community)
    if not engine.community_settings.of(community).index_posts:
        raise BadSetting(
            "{community} does not take posts in.",
            remedy="An administrator of it writes there: /index on",
            community=community,
        )
    await asyncio.to_thread(check_export, Path(export), community)
    token = engine.settings.telegram.token
    own = "" if token is None else f"telegram:{token.get_secret_value().partition(':')[0]}"
    found = exported_posts(Path(export), community, bot=own)
    done, without_file = TakenIn(), 0
    with terminal.progress() as lines:
        while some := await asyncio.to_thread(_some, found):
            without_file += sum(each.file is None for each in some)
            done = _sum(done, await _taken_in(engine, some))
            seen = sum(asdict(done).values()) + without_file
            lines.update(community, Progress("encode", seen, 0))
    told = {"community": community, **asdict(done), "without_file": without_file}
    terminal.json(told) if json else terminal.taken_in(community, done, without_file)
    return 0


def _some(found: Iterator[ExportedPost]) -> list[ExportedPost]:
    return list(islice(found, _AT_ONCE))


async def _taken_in(engine: Engine, some: Sequence[ExportedPost]) -> TakenIn:
    files = {each.post: each.file for each in some if each.file is not None}
    wanted, done = await engine.posts.wanted(list(files))
    read = await asyncio.to_thread(
        _read, {post: files[post] for post in wanted}, engine.settings.pictures.max_file_mb
    )
    done = _sum(done, TakenIn(unreadable=len(wanted) - len(read)))
    return _sum(done, await engine.posts.add(read)) if read else done


def _read(files: dict[Post, Path | None], max_mb: float) -> list[tuple[Post, bytes]]:
    read = []
    for post, file in files.items():
        try:
            if file is not None and file.stat().st_size <= max_mb * _MIB:
                read.append((post, file.read_bytes()))
        except OSError:
            continue  # counted as unreadable
    return read


def _sum(one: TakenIn, other: TakenIn) -> TakenIn:
    added = asdict(other)
    return TakenIn(**{name: count + added[name] for name, count in asdict(one).items()})
